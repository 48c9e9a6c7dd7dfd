"""Finding what is still needed of a stream, in tables of any shape."""

from __future__ import annotations

from array import array
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from storage.index import Table
from storage.ranges import RangeSet
from storage.reading import PASSED_MAX, needed_places, places

COUNTS = st.lists(st.integers(1, 4), max_size=4 * PASSED_MAX)
SETTLED = st.lists(st.tuples(st.integers(1, 300), st.integers(1, 200)), max_size=6)


def table_of(counts: list[int], first: int, source: int = 0) -> Table:
    table = Table(1, source, 0)
    for at, count in enumerate(counts):
        table.add(first, count, at * 100, 100, count, 100)
        first += count
    return table


def settled_of(ranges: list[tuple[int, int]]) -> RangeSet:
    settled = RangeSet()
    for first, count in ranges:
        settled.add(first, first + count)
    return settled


@given(COUNTS, COUNTS, SETTLED, st.integers(1, 300), st.integers(1, 300), st.booleans())
def test_what_is_needed_is_what_has_a_gap(
    counts: list[int], more: list[int], ranges: list[tuple[int, int]], first: int, count: int, are_copies: bool
) -> None:
    pieces = [table_of(counts, 1, are_copies), table_of(more, 1 + sum(counts), are_copies)]
    settled = settled_of(ranges)
    stop = first + count
    expected = [
        place for place in places(pieces, first, stop) if settled.next_gap(max(first, place.first)) < place.stop
    ]
    assert list(needed_places(pieces, first, stop, settled.next_gap)) == expected


class Counted(array):  # type: ignore[type-arg]
    """Numbers that count how often one of them is looked at."""

    looked_at = 0

    def __getitem__(self, at: Any) -> Any:
        self.looked_at += 1
        return super().__getitem__(at)


def test_what_is_settled_is_passed_over_by_search() -> None:
    table = table_of([1] * 100_010, 1)
    firsts = table.firsts = Counted("Q", table.firsts)
    found = list(needed_places([table], 1, 100_011, settled_of([(2, 100_000)]).next_gap))
    assert [place.first for place in found] == [1, *range(100_002, 100_011)]
    assert firsts.looked_at < 10 * PASSED_MAX
