"""The spans at the front of a ready list, in order. Must not: count them or know their settings.

A list with an offset where its first item stands: compiled code reaches into a list directly, and not into a deque.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Iterator
from typing import Final

from broker.model.message import Span

GAP_MIN: Final = 64  # places given out at the front at least, before their room is given back


def _end(span: Span | None) -> int:
    assert span is not None, "a place that was given out"
    return span.position + span.stop - span.start


class SpanFifo:
    """Spans are added behind and taken in front, and sometimes the other way round."""

    __slots__ = ("_gap", "_items")

    def __init__(self) -> None:
        self._items: list[Span | None] = []
        self._gap = 0

    def __len__(self) -> int:
        return len(self._items) - self._gap

    def __bool__(self) -> bool:
        return len(self) > 0

    def __iter__(self) -> Iterator[Span]:
        return iter([span for span in self._items[self._gap :] if span is not None])

    def append(self, span: Span) -> None:
        """Adds a span behind all others."""
        self._items.append(span)

    def first(self) -> Span:
        """The span in front of all others, left in place. Raises: IndexError, AssertionError where there is none."""
        span = self._items[self._gap]
        assert span is not None
        return span

    def last(self) -> Span:
        """The span behind all others, left in place. Raises: IndexError, AssertionError where there is none."""
        span = self._items[-1]
        assert span is not None
        return span

    def drop_first(self) -> None:
        """Takes the first span."""
        gap = self._gap
        self._items[gap] = None
        gap += 1
        if gap == len(self._items):
            self._items.clear()
            gap = 0
        elif gap > GAP_MIN and gap * 2 > len(self._items):
            del self._items[:gap]
            gap = 0
        self._gap = gap

    def drop_last(self) -> None:
        """Takes the last span."""
        self._items.pop()
        if len(self._items) == self._gap:
            self.clear()

    def find(self, position: int) -> int:
        """The index of the first span with a message at `position` or behind; for `some` and `replace`."""
        return bisect_right(self._items, position, lo=self._gap, key=_end)

    def some(self, index: int, count: int) -> list[Span]:
        """Up to `count` spans from an index on."""
        return [span for span in self._items[index : index + count] if span is not None]

    def replace(self, index: int, count: int, spans: list[Span]) -> None:
        """Puts spans where `count` were."""
        if index == self._gap and not spans:  # those behind them stay where they are
            for _ in range(count):
                self.drop_first()
            return
        self._items[index : index + count] = spans
        if len(self._items) == self._gap:
            self.clear()

    def clear(self) -> None:
        """Takes them all."""
        self._items.clear()
        self._gap = 0


def _backwards(span: Span) -> int:
    return -span.position


def give_back(returned: list[Span], span: Span) -> None:
    """Puts a span into a list that is kept with the lowest position last."""
    if returned and returned[-1].position < span.position:
        insort(returned, span, key=_backwards)
    else:
        returned.append(span)
