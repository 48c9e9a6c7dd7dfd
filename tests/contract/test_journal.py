"""The contract of journals, for each implementation; invariants of `storage/journal.py`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from broker.clock import Deadlines, ManualClock
from storage.files import OsFiles
from storage.journal import LOADED_RECORDS_MAX, Journal, Loaded, Stream
from storage.local import LocalJournal, LogSettings
from storage.memory import MemoryJournal
from storage.worker import InlineWorker

CHUNK = 1 << 20


def _local(folder: pytest.TempPathFactory) -> LocalJournal:
    files = OsFiles(folder.mktemp("log"))
    return LocalJournal(files, InlineWorker(), InlineWorker(), Deadlines(), ManualClock(1).now_ms, LogSettings())


KINDS: dict[str, Callable[[pytest.TempPathFactory], Journal]] = {"memory": lambda _: MemoryJournal(), "local": _local}


@pytest.fixture(params=KINDS)
def journal(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Journal:
    created: Journal = KINDS[request.param](tmp_path_factory)
    return created


def loaded(stream: Stream, first: int = 1, size_bytes: int = CHUNK) -> list[Loaded]:
    """Everything waiting from `first` on."""
    runs: list[Loaded] = []
    while first < stream.next:
        told: list[tuple[Sequence[Loaded], int]] = []
        stream.load(first, size_bytes, lambda *answer, told=told: told.append(answer))  # type: ignore[misc]
        assert len(told) == 1
        runs += told[0][0]
        assert told[0][1] > first
        first = told[0][1]
    return runs


def messages(runs: list[Loaded]) -> list[tuple[int, bytes]]:
    return [(run.first + at, item) for run in runs for at, item in enumerate(run.items)]


def test_positions_rise_above_zero(journal: Journal) -> None:  # invariant 1
    stream = journal.stream(1)
    positions = [journal.append([(stream, 0)], 1, b"", [b"x"])[0] for _ in range(5)]
    assert positions == sorted(set(positions))
    assert positions[0] > 0


def test_nothing_is_durable_before_a_commit(journal: Journal) -> None:  # invariants 2 and 3
    told: list[int] = []
    journal.on_durable = told.append
    stream = journal.stream(1)
    first = journal.append([(stream, 0)], 1, b"", [b"a"])[0]
    assert journal.durable < first
    assert told == []
    journal.commit(True)
    assert journal.durable >= first
    assert told == [journal.durable]
    journal.commit(True)
    assert told == [journal.durable], "said once"
    assert journal.append([(stream, 0)], 1, b"", [b"b"])[0] > journal.durable


def test_messages_come_back_as_they_were_given(journal: Journal) -> None:
    stream = journal.stream(7)
    journal.append([(stream, 12345)], 99, b"head", [b"ab", b"cd"])
    journal.append([(stream, 0)], 100, b"", [b""])
    journal.commit(False)
    first, second = loaded(stream)
    assert (first.first, first.items, first.head, first.stamp_ms, first.expires_ms) == (
        1, [b"ab", b"cd"], b"head", 99, 12345
    )  # fmt: skip
    assert (second.first, second.items, second.head, second.expires_ms) == (3, [b""], b"", 0)
    assert stream.next == 4
    assert stream.waiting() == (3, 4, 1)


def test_one_entry_goes_to_several_streams_with_numbers_of_their_own(journal: Journal) -> None:
    one, other = journal.stream(1), journal.stream(2)
    journal.append([(one, 0)], 1, b"", [b"x"])
    journal.append([(one, 5), (other, 6)], 1, b"", [b"y", b"z"])
    journal.commit(False)
    assert messages(loaded(one)) == [(1, b"x"), (2, b"y"), (3, b"z")]
    assert messages(loaded(other)) == [(1, b"y"), (2, b"z")]
    assert [run.expires_ms for run in loaded(other)] == [6]


def test_what_is_settled_is_gone_and_the_rest_in_its_place(journal: Journal) -> None:  # invariant 4
    stream, other = journal.stream(1), journal.stream(2)
    journal.append([(stream, 0), (other, 0)], 1, b"", [b"%d" % number for number in range(1, 9)])
    journal.commit(False)
    stream.settle(2, 4, 10)
    stream.settle(6, 7, 10)
    assert messages(loaded(stream)) == [(1, b"1"), (4, b"4"), (5, b"5"), (7, b"7"), (8, b"8")]
    assert len(messages(loaded(other))) == 8, "another stream's settling"
    assert stream.waiting()[0] == 5
    stream.settle(1, 2, 10)
    assert stream.waiting()[2] == 4
    journal.commit(True)
    assert messages(loaded(stream, 5)) == [(5, b"5"), (7, b"7"), (8, b"8")]


def test_one_load_takes_few_records_apart(journal: Journal) -> None:
    stream = journal.stream(1)
    count = 2 * LOADED_RECORDS_MAX + 1
    for number in range(count):
        journal.append([(stream, 0)], 1, b"", [b"%d" % number])
    journal.commit(True)
    told: list[tuple[Sequence[Loaded], int]] = []
    stream.load(1, CHUNK, lambda *answer: told.append(answer))
    assert [(len(runs), next_number) for runs, next_number in told] == [(LOADED_RECORDS_MAX, LOADED_RECORDS_MAX + 1)]
    assert len(messages(loaded(stream))) == count


def test_loading_goes_on_where_it_stopped(journal: Journal) -> None:
    stream = journal.stream(1)
    for number in range(100):
        journal.append([(stream, 0)], 1, b"", [b"%100d" % number])
    journal.commit(False)
    told: list[tuple[Sequence[Loaded], int]] = []
    stream.load(1, 500, lambda *answer: told.append(answer))
    assert 0 < len(told[0][0]) < 20
    assert [int(item) for _, item in messages(loaded(stream, 1, 500))] == list(range(100))


def test_deliveries_are_counted_per_message(journal: Journal) -> None:
    stream = journal.stream(1)
    journal.append([(stream, 0)], 1, b"", [b"a", b"b", b"c"])
    journal.commit(False)
    stream.set_deliveries(2, 3, 2)
    runs = loaded(stream)
    assert [(run.deliveries, item) for run in runs for item in run.items] == [(0, b"a"), (2, b"b"), (0, b"c")]


def test_a_group_keeps_its_order_and_what_was_settled_in_it(journal: Journal) -> None:
    stream = journal.stream(1)
    journal.append([(stream, 0)], 1, b"", [b"a"])
    journal.begin()
    inside = journal.append([(stream, 0)], 1, b"", [b"b", b"c"])[0]
    stream.settle(1, 2, 1)
    end = journal.end()
    after = journal.append([(stream, 0)], 1, b"", [b"d"])[0]
    assert inside <= end < after
    journal.commit(True)
    assert journal.durable >= after
    assert messages(loaded(stream)) == [(2, b"b"), (3, b"c"), (4, b"d")]


def test_a_dropped_stream_is_gone(journal: Journal) -> None:
    stream = journal.stream(1)
    journal.append([(stream, 0)], 1, b"", [b"a"])
    journal.commit(True)
    assert journal.stream_ids() == [1]
    stream.drop()
    journal.commit(True)
    assert journal.stream_ids() == []


def test_closing_commits(journal: Journal) -> None:
    told: list[int] = []
    journal.on_durable = told.append
    position = journal.append([(journal.stream(1), 0)], 1, b"", [b"x"])[0]
    journal.close()
    assert told
    assert told[-1] >= position


def test_making_room_loses_nothing(journal: Journal) -> None:
    stream, other = journal.stream(1), journal.stream(2)
    for _ in range(3):
        journal.append([(stream, 0), (other, 0)], 1, b"", [b"x" * 1000])
    journal.commit(True)
    journal.make_room()
    assert [number for number, _ in messages(loaded(stream))] == [1, 2, 3]
    stream.settle(1, 4, 0)
    other.settle(1, 3, 0)
    journal.make_room()
    other.settle(3, 4, 0)
    journal.make_room()
    journal.make_room()
    journal.append([(stream, 0)], 1, b"", [b"after"])
    journal.commit(True)
    assert messages(loaded(stream, 4)) == [(4, b"after")]
    assert messages(loaded(other)) == []


def test_a_survey_tells_what_a_load_does_without_the_items(journal: Journal) -> None:
    stream, other = journal.stream(7), journal.stream(8)
    journal.append([(stream, 500)], 99, b"a long head", [b"ab", b"cd"])
    journal.append([(other, 1)], 99, b"other", [b"x"])
    journal.append([(stream, 0)], 100, b"b", [b"x" * 5000])
    journal.append([(stream, 700)], 101, b"c", [b"y"])
    journal.commit(False)
    stream.settle(2, 3, 0)
    told: list[Loaded] = []
    first = 1
    while first < stream.next:
        answers: list[tuple[Sequence[Loaded], int]] = []
        stream.survey(first, 1, 6, lambda *answer, answers=answers: answers.append(answer))  # type: ignore[misc]
        assert len(answers) == 1
        told += answers[0][0]
        first = answers[0][1]
    assert [(run.first, run.items, run.head, run.stamp_ms, run.expires_ms) for run in told] == [
        (1, [b""], b"a long", 99, 500), (3, [b""], b"b", 100, 0), (4, [b""], b"c", 101, 700),
    ]  # fmt: skip
