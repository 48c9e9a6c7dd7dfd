"""What is remembered of indexes: within its bound, and of streams whose messages are asked for here and there."""

from __future__ import annotations

from collections.abc import Sequence

from broker.clock import Deadlines, ManualClock
from storage.files import File
from storage.index import Table
from storage.index_cache import IndexCache
from storage.journal import Loaded
from storage.local import LocalJournal, LogSettings
from storage.segment import INDEX_SUFFIX
from storage.space import Extent, Segment
from storage.worker import InlineWorker
from tests.support.faulty_files import FaultyFiles

SEGMENT_BYTES = 8 * 1024
MESSAGES = 400  # some segments full


def extent_of(first: int) -> Extent:
    return Extent(first, first + 10, Segment(0, 0, 0))


def tables_of(entries: int) -> list[Table]:
    table = Table(1, 0, 0)
    for number in range(entries):
        table.add(1 + number, 1, 100 * number, 100, 10, 100)
    return [table]


def test_those_asked_for_longest_ago_go_first() -> None:
    cache = IndexCache(entries_max=30)
    extents = [extent_of(first) for first in (1, 11, 21, 31)]
    kept = [tables_of(10) for _ in extents]
    for extent, tables in zip(extents[:3], kept, strict=False):
        cache.put(extent, tables, 100)
    assert cache.get(extents[0], 100) is kept[0]
    cache.put(extents[3], kept[3], 100)
    assert [cache.get(extent, 100) for extent in extents] == [kept[0], None, kept[2], kept[3]]


def test_what_is_larger_than_the_bound_is_not_kept_and_pushes_nothing_out() -> None:
    cache = IndexCache(entries_max=30)
    small, large = extent_of(1), extent_of(11)
    tables = tables_of(5)
    cache.put(small, tables, 100)
    cache.put(large, tables_of(31), 100)
    assert cache.get(large, 100) is None
    assert cache.get(small, 100) is tables


def test_what_has_been_written_since_or_forgotten_is_not_known() -> None:
    cache = IndexCache(entries_max=30)
    extent = extent_of(1)
    cache.put(extent, tables_of(5), 100)
    assert cache.get(extent, 200) is None
    later = tables_of(30)
    cache.put(extent, later, 200)
    assert cache.get(extent, 200) is later
    cache.forget(extent)
    assert cache.get(extent, 200) is None
    cache.put(extent, later, 200)
    assert cache.get(extent, 200) is later, "what was forgotten takes no room"


class CountedFiles(FaultyFiles):
    """Counts how often an index is opened."""

    def __init__(self) -> None:
        super().__init__()
        self.indexes_read = 0

    def open(self, name: str) -> File:
        self.indexes_read += name.endswith(INDEX_SUFFIX)
        return super().open(name)


def test_scattered_reads_read_each_index_a_few_times_only() -> None:
    files, clock = CountedFiles(), ManualClock(1)
    settings = LogSettings(segment_bytes=SEGMENT_BYTES, index_bytes=SEGMENT_BYTES // 4)
    journal = LocalJournal(files, InlineWorker(), InlineWorker(), Deadlines(), clock.now_ms, settings)
    stream = journal.stream(1)
    for number in range(1, MESSAGES + 1):
        journal.append([(stream, 0)], 1, b"", [b"%03d" % number * 20])
        journal.commit(True)
    segments = sum(name.endswith(INDEX_SUFFIX) for name in files.names())
    assert segments > 3
    files.indexes_read = 0
    for turn in range(20):
        for at in range(turn + 1, MESSAGES, MESSAGES // 20):
            told: list[tuple[Sequence[Loaded], int]] = []
            stream.load(at, 1, lambda *answer, told=told: told.append(answer))  # type: ignore[misc]
            assert [run.items for run in told[0][0]] == [[b"%03d" % at * 20]]
    assert files.indexes_read <= 3 * segments
    journal.close()
