"""Bits that flip, ends that are missing and garbage that follows: found, named, and confined to the record they hit."""

from __future__ import annotations

import logging
from functools import cache
from random import Random
from typing import NamedTuple

import pytest

from storage.local import LogSettings
from storage.record import DELIVERED, DROPPED, ENTRY, GROUP, SETTLED, entry_targets
from storage.scan import Damage, scan
from storage.segment import HEAD_BYTES, base_of, decode_head
from tests.crash.faults import IS_WHOLE
from tests.crash.faults.promise import Observed, Promise
from tests.crash.faults.run import Life, Run
from tests.support.faulty_files import FaultyFiles

BITS = range(8) if IS_WHOLE else None  # None: one of them, another for each byte
PARTS = 16  # the files are looked at in so many tests
MARKS_BYTES = 64 + 5 * 16  # of the marks of small_run: a head and five streams
LESS = 1 if IS_WHOLE else 4  # one byte in so many where another test looks at each
Messages = frozenset[tuple[int, int]]  # stream and number


class Spot(NamedTuple):
    """A record of a log at rest, or several: where, the messages they have, and their kinds."""

    start: int
    stop: int
    messages: Messages
    kinds: frozenset[int]


NOTHING = Spot(0, 0, frozenset(), frozenset())
BRING_BACK = {SETTLED, DROPPED, GROUP}


class Small(NamedTuple):
    """A small log at rest."""

    files: FaultyFiles
    observed: Observed
    promise: Promise
    spots: dict[str, list[Spot]]


def small_run() -> Run:
    """A run that has all kinds of records in three segments: shared entries, runs, groups, settlements, counts."""
    run = Run(FaultyFiles(), settings=LogSettings(segment_bytes=1500, index_bytes=400))
    for number in range(6):
        run.append([(1, 0)], 10 + number, b"head", [b"%d-" % number * 10] * 3)
        run.append([(1, 0), (2, 99), (3, 0)], 20 + number, b"", [b"shared %d" % number])
        run.commit()
    run.settle(1, 2, 3)
    run.settle(1, 5, 9)
    run.mark_delivered(2, 4)
    run.set_deliveries(2, 1, 2, 7)
    run.commit()
    for number in range(2):
        run.begin()
        run.append([(2, 0)], 30, b"dead", [b"letter", b"litter"])
        run.settle(3, number + 1, number + 2)
        run.end()
        run.commit()
    run.append([(4, 0)], 40, b"", [b"gone"])
    run.drop(4)
    run.append([(5, 0)], 50, b"big", [b"B" * 300])
    run.commit()
    return run


def spots(content: bytes, base: int) -> list[Spot]:
    """The records of a segment; a group is one, with all that is in it."""
    nonce, _ = decode_head(content[:HEAD_BYTES], base)
    found: list[Spot] = []
    for piece in scan(content[HEAD_BYTES:], nonce + HEAD_BYTES):
        assert not isinstance(piece, Damage)
        at, header = piece
        messages: set[tuple[int, int]] = set()
        if header.kind == ENTRY:
            targets, _, _ = entry_targets(content[HEAD_BYTES:], header)
            messages = {
                (stream, number) for stream, first, _ in targets for number in range(first, first + header.item_count)
            }
        if header.is_nested:
            group = found.pop()
            found.append(group._replace(messages=group.messages | messages))
        else:
            found.append(Spot(at + HEAD_BYTES, header.end + HEAD_BYTES, frozenset(messages), frozenset((header.kind,))))
    return found


@cache
def small(is_closed: bool) -> Small:
    """The log of `small_run`, after an orderly end or a kill."""
    run = small_run()
    if is_closed:
        run.close()
    files = run.files.after_kill()
    observed = Life(files.after_kill()).observe()
    run.promise.check(observed, False)
    names = [name for name in files.names() if name.endswith(".log")]
    assert len(names) >= 2
    return Small(files, observed, run.promise, {name: spots(files.content(name), base_of(name) or 0) for name in names})


def places(suffix: str, part: int, is_closed: bool) -> list[tuple[str, int]]:
    """Every PARTS-th byte of all files of that kind."""
    files = small(is_closed).files
    names = [name for name in files.names() if suffix in name]
    return [(name, at) for name in names for at in range(len(files.content(name)))][part::PARTS]


def flipped(name: str, at: int, bit: int, is_closed: bool) -> FaultyFiles:
    """The small log with one bit the other way."""
    files = small(is_closed).files.after_kill()
    content = bytearray(files.content(name))
    content[at] ^= 1 << bit
    files.put(name, bytes(content))
    return files


def bits(at: int) -> range:
    return BITS or range(at * 5 % 8, at * 5 % 8 + 1)


def check_rest(observed: Observed, before: Small, hit: Spot) -> Messages:
    """Everything but what the hit record says is there as it was; returns its messages that are missing."""
    missing: set[tuple[int, int]] = set()
    for stream, there in before.observed.waiting.items():
        found = observed.waiting.get(stream, {})
        for number, seen in there.items():
            if (stream, number) in hit.messages and number not in found:
                missing.add((stream, number))
                continue
            assert number in found, f"{stream}/{number} is missing"
            if not hit.kinds & {DELIVERED, GROUP}:
                assert found[number] == seen
            assert found[number][:4] == seen[:4]
    for stream, there in observed.waiting.items():
        for number in there.keys() - before.observed.waiting.get(stream, {}).keys():
            assert hit.kinds & BRING_BACK, f"{stream}/{number} came from nowhere"
            message = before.promise.streams[stream][number]
            assert there[number][:4] == (message.item, message.head, message.stamp_ms, message.expires_ms)
    return frozenset(missing)


def check_named(life: Life, name: str, at: int, caplog: pytest.LogCaptureFixture) -> None:
    """The damage is counted, in the log of the program, and its bytes are aside."""
    counters = life.journal.keeping.counters
    assert counters.damaged_records == 1
    assert counters.damaged_bytes > 0
    lines = [record.getMessage() for record in caplog.records if f"damage in {name}" in record.getMessage()]
    assert len(lines) == 1, caplog.text
    kept = [other for other in life.files.names() if other.endswith(".damaged")]
    assert len(kept) == 1
    start = int(kept[0].removesuffix(".damaged").rpartition("-")[2])
    data = life.files.content(kept[0])
    assert start <= at < start + len(data) == start + counters.damaged_bytes
    assert data == life.files.content(name)[start : start + len(data)]


@pytest.mark.parametrize("is_closed", [True, False], ids=["closed", "killed"])
@pytest.mark.parametrize("part", range(PARTS))
def test_a_flipped_bit_of_the_log_costs_its_record(
    part: int, is_closed: bool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    before = small(is_closed)
    for name, at in places(".log", part, is_closed)[:: 1 if is_closed else LESS]:
        spot = next((one for one in before.spots[name] if one.start <= at < one.stop), NOTHING)
        for bit in bits(at):
            caplog.clear()
            life = Life(flipped(name, at, bit, is_closed))
            observed = life.observe()
            try:
                missing = check_rest(observed, before, spot)
                waiting = {(stream, number) for stream, there in before.observed.waiting.items() for number in there}
                if GROUP not in spot.kinds:  # an index that knows what is in it finds all but the one that is hit
                    assert missing == spot.messages & waiting, "a record is not trusted in part"
                if missing:
                    check_named(life, name, at, caplog)
            except AssertionError as error:
                raise AssertionError(f"{name}, byte {at}, bit {bit}: {error}") from error


@pytest.mark.parametrize("is_closed", [True, False], ids=["closed", "killed"])
@pytest.mark.parametrize("part", range(PARTS))
def test_a_flipped_bit_of_an_index_costs_nothing(part: int, is_closed: bool) -> None:
    for name, at in places(".idx", part, is_closed)[:: 1 if is_closed else LESS]:
        for bit in bits(at):
            life = Life(flipped(name, at, bit, is_closed))
            assert life.observe() == small(is_closed).observed, f"{name}, byte {at}, bit {bit}"
            assert life.journal.keeping.counters.damaged_records == 0


def cut_spots(before: Small, name: str, size: int) -> Spot:
    """What a log loses that ends there."""
    cut = [one for one in before.spots[name] if one.stop > size]
    return Spot(
        size,
        0,
        frozenset().union(*(one.messages for one in cut)),
        frozenset().union(*(one.kinds for one in cut)),
    )


@pytest.mark.parametrize("is_closed", [True, False], ids=["closed", "killed"])
@pytest.mark.parametrize("part", range(PARTS))
def test_an_end_that_is_missing_costs_what_was_there(part: int, is_closed: bool) -> None:
    before = small(is_closed)
    for name, size in (places(".log", part, is_closed) + places(".idx", part, is_closed))[::LESS]:
        files = before.files.after_kill()
        files.put(name, files.content(name)[:size])
        hit = cut_spots(before, name, size) if name.endswith(".log") else NOTHING
        life = Life(files)
        try:
            missing = check_rest(life.observe(), before, hit)
        except AssertionError as error:
            raise AssertionError(f"{name} cut to {size}: {error}") from error
        if missing and size < len(before.files.content(name)) - 1:
            counters = life.journal.keeping.counters
            named = counters.damaged_records or counters.unfinished_bytes
            ends = {one.start for one in before.spots[name]}
            assert named or size < HEAD_BYTES or size in ends, f"{name} cut to {size} is not named"


@pytest.mark.parametrize("is_closed", [True, False], ids=["closed", "killed"])
@pytest.mark.parametrize("seed", range(200 if IS_WHOLE else 20))
def test_garbage_that_follows_costs_nothing(seed: int, is_closed: bool) -> None:
    before, random = small(is_closed), Random(seed)
    files = before.files.after_kill()
    name = random.choice([name for name in files.names() if name.endswith((".log", ".idx"))])
    old = files.content(random.choice(list(before.spots)))
    garbage = random.choice((random.randbytes(random.randrange(1, 3000)), bytes(random.randrange(1, 3000)), old))
    files.put(name, files.content(name) + garbage)
    life = Life(files)
    assert life.observe() == before.observed
    counters = life.journal.keeping.counters
    assert (counters.damaged_records + (counters.unfinished_bytes > 0)) == name.endswith(".log")


@pytest.mark.parametrize("part", range(PARTS))
def test_a_flipped_bit_of_the_marks_costs_no_message(part: int) -> None:
    """They may say the wrong thing about deliveries; numbers stay within reason, and the journal goes on."""
    before = small(False)
    used = [(name, at) for name, at in places("marks-", part, False) if at < MARKS_BYTES]
    assert used
    for name, at in used:
        for bit in range(8) if IS_WHOLE else (2, 7):
            life = Run(flipped(name, at, bit, False))
            check_rest(life.observe(), before, NOTHING._replace(kinds=frozenset((DELIVERED,))))
            life.promise = Promise.of(life.observe(), 5)
            life.append([(stream, 0) for stream in life.journal.stream_ids()], 0, b"", [b"one", b"two"])
            for stream in life.journal.stream_ids():
                life.settle(stream, life.promise.next[stream] - 2, life.promise.next[stream] - 1)
            life.commit()
            life.promise.check(Life(life.files.after_kill()).observe(), False)
