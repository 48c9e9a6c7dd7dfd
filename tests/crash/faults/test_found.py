"""What the crash suite has found once, each as the shortest run that shows it."""

from __future__ import annotations

from random import Random

import pytest

from storage.commit import LAZY_SYNC_MS
from tests.crash.faults.crashes import Crashes
from tests.crash.faults.run import SETTINGS, Life, Run
from tests.support.faulty_files import FaultyFiles

BIG = SETTINGS.segment_bytes // 2 + 100  # two of these are more than a segment


def restarted(run: Run) -> Run:
    """Closed in order, and opened again; the promise goes on."""
    run.close()
    return Run(run.files.after_kill(), promise=run.promise)


def test_numbers_of_an_emptied_stream_are_not_given_again() -> None:
    """A stream of which no segment held anything was forgotten; stale copies of it would have been taken for new."""
    run = Run(FaultyFiles())
    run.append([(1, 0)], 0, b"", [b"gone"] * 5)
    run.settle(1, 1, 6)
    run.commit()
    for _ in range(3):
        run = restarted(run)
        run.advance(1000)
        assert run.journal.stream(1).next == 6


def test_a_load_while_the_index_is_being_written_hides_nothing_from_the_next() -> None:
    """The first block of the index was kept for the whole of it."""
    run = Run(FaultyFiles())
    for _ in range(6):
        run.append([(1, 0)], 0, b"", [b"x" * 500])
    run.append([(2, 0)], 0, b"", [b"x" * BIG])
    run.ask(True)
    while run.writer.run_one():
        pass
    segment = run.journal.keeping.segments[0]
    assert len(segment.stretches) > 1
    while len(segment.stretches) > 1:
        assert run.reader.run_one(), "the index is being written"
    answers: list[int] = []
    run.journal.stream(1).load(1, 1, lambda runs, _: answers.append(len(runs)))
    run.work()
    assert answers == [1]
    assert [loaded.first for loaded in run.load(run.journal.stream(1), 1)] == [1, 2, 3, 4, 5, 6]


def test_copies_of_the_first_segment_are_known_as_copies() -> None:
    """Its base was 0, which as a copy's source said that it was none: a segment that came back doubled messages."""
    run = Run(FaultyFiles())
    for _ in range(8):
        run.append([(1, 0)], 0, b"", [b"straggler"])
        run.append([(2, 0)], 0, b"", [b"x" * BIG])
        run.append([(2, 0)], 0, b"", [b"x" * (SETTINGS.segment_bytes - BIG - 500)])
    run.commit()
    run.settle(2, 1, 17)
    run.commit()
    run.advance(2000)
    assert run.journal.keeping.counters.compacted_segments > 0
    for seed in range(30):
        life = Life(run.files.after_power_cut(seed), boot=2)
        run.promise.check(life.observe(), True)


def with_two_in_a_full_segment() -> Run:
    """Stream 1 has two messages in a segment that has no room for a third such."""
    run = Run(FaultyFiles())
    for _ in range(2):
        run.append([(1, 0)], 0, b"", [b"x" * (SETTINGS.segment_bytes // 2 - 200)])
    run.commit()
    return run


def dead_letter(run: Run, item: bytes) -> None:
    """The first message of stream 1 goes to stream 2 as that."""
    run.begin()
    run.append([(2, 0)], 0, b"", [item])
    run.settle(1, 1, 2)
    run.end()


def test_a_snapshot_never_says_more_than_the_segment_before_it() -> None:
    """A new segment could reach the disk before the end of the last one: half of a group was left."""
    run = with_two_in_a_full_segment()
    dead_letter(run, b"small")
    run.append([(3, 0)], 0, b"", [b"x" * BIG])
    Crashes(run.files, run.promise, 1, power_cuts=30)
    run.commit()


def test_a_snapshot_never_says_what_a_group_behind_it_does() -> None:
    """A group for which a new segment was begun stood behind a snapshot that had it done already."""
    run = with_two_in_a_full_segment()
    dead_letter(run, b"x" * BIG)
    Crashes(run.files, run.promise, 1, power_cuts=30)
    run.commit()


def test_a_segment_stays_until_the_group_that_emptied_it_is_durable() -> None:
    """It was deleted at once: a crash undid the group and found neither the message nor its dead letter."""
    run = Run(FaultyFiles())
    run.append([(1, 0)], 0, b"", [b"x" * BIG])
    run.append([(3, 0)], 0, b"", [b"x" * BIG])
    run.commit()
    dead_letter(run, b"small")
    Crashes(run.files, run.promise, 1, power_cuts=5)
    run.clock.advance(1000)
    run.deadlines.run_due(run.clock.now_ms())
    while run.reader.run_one():
        pass
    run.commit()
    run.advance(1000)
    assert run.journal.keeping.counters.deleted_segments == 1


def test_a_start_makes_durable_what_it_found_before_it_builds_upon_it() -> None:
    """What only the system's memory had after a kill was taken for durable: a power cut then left half of a group."""
    run = with_two_in_a_full_segment()
    dead_letter(run, b"small")
    run.ask(False)
    run.work()
    assert run.promise.durable < run.journal.written
    left = run.files.after_kill()
    Crashes(left, run.promise, 1, power_cuts=30)
    Life(left).advance(1000)


def test_what_is_read_again_of_a_damaged_index_is_only_what_the_index_had() -> None:
    """The rest of the segment, whose index is in memory, was handed out twice."""
    run = Run(FaultyFiles())
    for _ in range(6):
        run.append([(1, 0)], 0, b"", [b"x" * 500])
    run.commit()
    left = run.files.after_kill()
    name = next(name for name in left.names() if name.endswith(".idx"))
    content = bytearray(left.content(name))
    content[-1] ^= 1
    left.put(name, bytes(content))
    life = Life(left)
    assert life.journal.keeping.segments[0].stretches, "a part of it was not indexed"
    run.promise.check(life.observe(), False)


@pytest.mark.parametrize("seed", [0, 7])
def test_a_segment_whose_copies_were_copied_stays_deleted(seed: int) -> None:
    """A deletion not yet durable was undone by a power cut after the copies had moved on: messages were there twice."""
    random = Random(seed)
    run = Run(FaultyFiles())
    for number in range(30):
        run.append([(1, 0)], 0, b"", [b"straggler"])
        run.append([(2, 0)], 0, b"", [b"x" * BIG])
        run.append([(2, 0)], 0, b"", [b"x" * (SETTINGS.segment_bytes - BIG - 500)])
        run.commit()
        run.settle(2, number * 2 + 1, number * 2 + 3)
        run.commit()
        run.advance(random.choice((5, 20, 60, 150)))
        for cut in range(3):
            run.promise.check(Life(run.files.after_power_cut(cut * 7), boot=2).observe(), True)
    assert run.journal.keeping.counters.compacted_segments > 10


def test_what_is_lost_between_what_is_indexed_and_what_is_not_is_not_waited_for() -> None:
    """A record lost right behind the indexed part of a segment was counted as waiting for ever."""
    run = Run(FaultyFiles())
    for number in range(12):
        run.append([(1, 0)], 0, b"", [b"%d" % number * 150])
        run.commit()
    left = run.files.after_kill()
    stretch = run.journal.keeping.segments[0].stretches[0]
    assert stretch.start > 1000
    content = bytearray(left.content(run.files.names()[1]))
    content[stretch.start + 100] ^= 1
    left.put(run.files.names()[1], bytes(content))
    life = Life(left)
    there = life.observe().waiting[1]
    assert len(there) == 11
    assert life.journal.keeping.counters.damaged_records == 1


def test_what_was_not_copied_because_it_was_settled_is_settled_for_good() -> None:
    """Copies without a settled message could be durable before the settlement: the message was waited for for ever."""
    run = Run(FaultyFiles())
    for number in range(4):
        run.append([(1, 0)], 0, b"", [b"one", b"two", b"six"])
        run.append([(2, 0)], 0, b"", [b"x" * BIG])
        run.append([(2, 0)], 0, b"", [b"x" * (SETTINGS.segment_bytes - BIG - 500)])
        run.settle(2, number * 2 + 1, number * 2 + 3)
    run.commit()
    run.settle(1, 2, 3)
    Crashes(run.files, run.promise, 1, power_cuts=5)
    run.advance(1000)
    assert run.journal.keeping.counters.compacted_segments > 0


def test_a_segment_of_which_nothing_is_needed_goes_when_room_is_short() -> None:
    """On a disk hardly larger than one segment, consumers made no room: the segment was never full, so never ended."""
    run = Run(FaultyFiles())
    run.append([(1, 0)], 0, b"", [b"x" * 1000])
    run.commit()
    before = run.files.names()
    run.settle(1, 1, 2)
    run.commit()
    run.journal.make_room()
    run.advance(1000)
    (gone,) = set(before) & {name for name in before if name.endswith(".log")}
    assert gone not in run.files.names()
    for seed in range(10):
        life = Life(run.files.after_power_cut(seed), boot=2)
        run.promise.check(life.observe(), True)
    size = run.journal.appender.end
    run.journal.make_room()
    assert run.journal.appender.end == size, "not again and again"


def test_numbers_that_a_crash_lost_do_not_wait_once_copies_stand_around_them() -> None:
    """Copied copies from both sides of the gap make one extent, in which all that was not settled counted as needed."""
    life = Life(FaultyFiles())
    stream = life.journal.stream(1)
    life.journal.append([(stream, 0)], 0, b"", [b"x"] * 2)
    life.journal.append([(life.journal.stream(2), 0)], 0, b"", [b"x" * BIG])
    life.commit()
    life.journal.append([(stream, 0)], 0, b"", [b"lost"] * 3)
    stream.mark_delivered(6)
    life = Life(life.files.after_kill())
    stream, other = life.journal.stream(1), life.journal.stream(2)
    assert stream.next == 6
    other.settle(1, 2, 0)
    life.journal.append([(stream, 0)], 0, b"", [b"y"] * 2)
    for _ in range(30):
        life.journal.append([(other, 0)], 0, b"", [b"x" * BIG])
        other.settle(other.next - 1, other.next, 0)
        life.commit()
        life.advance(1000)
    assert life.journal.keeping.counters.compacted_segments > 3
    assert stream.waiting()[0] == 4
    life.observe()


def test_what_a_late_sync_takes_along_counts_as_written() -> None:
    """It was written, but not counted until something else was: room was not given back meanwhile."""
    life = Life(FaultyFiles())
    stream = life.journal.stream(1)
    life.journal.append([(stream, 0)], 0, b"", [b"x"])
    life.journal.commit(False)
    life.work()
    life.journal.append([(stream, 0)], 0, b"", [b"x"])
    life.advance(LAZY_SYNC_MS)
    life.journal.commit(False)
    life.advance(LAZY_SYNC_MS)
    assert life.journal.durable == life.journal.written == life.journal.appender.end
