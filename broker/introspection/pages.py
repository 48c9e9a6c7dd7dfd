"""How what costs much is cut: a page is chosen at one moment and copied in slices, sums are made in steps.

Must not: know what is listed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterable, Iterator
from itertools import islice
from typing import Any, Final, Generic, TypeVar

PAGE_SIZE_DEFAULT: Final = 100
PAGE_SIZE_MAX: Final = 500
ALL: Final = -1  # as a page size: one page of everything there is
SLICE: Final = 50  # copied in one go: less than a millisecond's work
Info = TypeVar("Info")
Owner = TypeVar("Owner")
Thing = TypeVar("Thing")
Value = TypeVar("Value")
Steps = Generator[None, None, Value]  # work that stops wherever others may have a turn, and its result
Parts = Iterable[tuple[Owner, Collection[Thing]]]


class Page(Generic[Info]):
    """One page of a listing; pages count from 1. What was chosen is in it, even where it has ended since.

    `copy` makes an info of one of `chosen`.
    """

    __slots__ = ("chosen", "copy", "page", "page_size", "total_count")

    def __init__(
        self, chosen: list[Any], copy: Callable[[Any], Info], page: int, page_size: int, total_count: int
    ) -> None:
        self.chosen = chosen
        self.copy = copy
        self.page = page
        self.page_size = page_size
        self.total_count = total_count

    def __len__(self) -> int:
        return len(self.chosen)

    @property
    def items(self) -> tuple[Info, ...]:
        """All of it, copied now."""
        return tuple(map(self.copy, self.chosen))

    def slices(self) -> Iterator[list[Info]]:
        """All of it, up to SLICE items at a time, each copied when it is asked for."""
        for start in range(0, len(self.chosen), SLICE):
            yield list(map(self.copy, self.chosen[start : start + SLICE]))

    @property
    def page_count(self) -> int:
        """How many pages there are, at least one."""
        return max(1, -(-self.total_count // self.page_size)) if self.page_size > 0 else 1


def page_of(
    things: Iterable[Thing], count: int, page: int, page_size: int, copy: Callable[[Thing], Info]
) -> Page[Info]:
    """A page of `count` things. Raises: ValueError for a page or a size that cannot be."""
    start = _start(page, page_size, count)
    stop = start + (count if page_size == ALL else page_size)
    return Page(list(islice(things, start, stop)), copy, page, page_size, count)


def page_of_parts(
    parts: Parts[Owner, Thing], page: int, page_size: int, copy: Callable[[tuple[Owner, Thing]], Info]
) -> Page[Info]:
    """A page of things that several owners have; whole owners are skipped at once.

    Raises: ValueError for a page or a size that cannot be.
    """
    parts = list(parts)
    count = sum(len(things) for _, things in parts)
    start = _start(page, page_size, count)
    chosen: list[tuple[Owner, Thing]] = []
    wanted = count if page_size == ALL else page_size
    for owner, things in parts:
        if start < len(things):
            chosen += [(owner, thing) for thing in islice(things, start, start + wanted - len(chosen))]
            if len(chosen) == wanted:
                break
        start = max(0, start - len(things))
    return Page(chosen, copy, page, page_size, count)


def _start(page: int, page_size: int, count: int) -> int:
    if page < 1:
        raise ValueError("pages count from 1")
    if page_size == ALL:
        return 0
    if not 1 <= page_size <= PAGE_SIZE_MAX:
        raise ValueError(f"a page has 1 to {PAGE_SIZE_MAX} items")
    return min(count, (page - 1) * page_size)


def at_once(steps: Steps[Value]) -> Value:
    """Does the work without a stop."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: Value = end.value
            return result
