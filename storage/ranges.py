"""A set of numbers kept as ranges: what of a stream is settled. Must not: hold one entry per number.

Invariant 1: the ranges are half open, not empty, in order, and never touch one another.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator


class RangeSet:
    """Numbers below 2**63; 16 bytes a range, so one range for a queue whose messages are settled in order."""

    __slots__ = ("_starts", "_stops")

    def __init__(self) -> None:
        self._starts = array("q")
        self._stops = array("q")

    def __len__(self) -> int:
        """How many ranges it takes."""
        return len(self._starts)

    def __bool__(self) -> bool:
        return len(self) > 0

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return zip(self._starts, self._stops, strict=True)

    def add(self, first: int, stop: int) -> int:
        """Adds `first..stop`; returns how many of these numbers are new."""
        starts, stops = self._starts, self._stops
        low = bisect_left(stops, first)  # the first range that touches or follows
        if low < len(starts) and stops[low] == first and (low + 1 == len(starts) or starts[low + 1] > stop):
            stops[low] = stop  # in order, the usual case
            return stop - first
        high = bisect_right(starts, stop, low)  # the first one behind that does not touch
        new = stop - first
        for at in range(low, high):
            new -= max(0, min(stop, stops[at]) - max(first, starts[at]))
        if low < high:
            first, stop = min(first, starts[low]), max(stop, stops[high - 1])
        starts[low:high] = array("q", (first,))
        stops[low:high] = array("q", (stop,))
        return new

    def count(self, first: int, stop: int) -> int:
        """How many numbers of `first..stop` are in it."""
        starts, stops = self._starts, self._stops
        found = 0
        at = bisect_right(stops, first)
        while at < len(starts) and starts[at] < stop:
            found += min(stop, stops[at]) - max(first, starts[at])
            at += 1
        return found

    def gaps(self, first: int, stop: int) -> Iterator[tuple[int, int]]:
        """The ranges of `first..stop` that are not in it, in order."""
        starts, stops = self._starts, self._stops
        at = bisect_right(stops, first)
        while first < stop:
            if at == len(starts) or starts[at] >= stop:
                yield first, stop
                return
            if starts[at] > first:
                yield first, starts[at]
            first = stops[at]
            at += 1

    def next_gap(self, first: int) -> int:
        """The lowest number from `first` on that is not in it."""
        at = bisect_right(self._stops, first)
        return self._stops[at] if at < len(self._starts) and self._starts[at] <= first else first

    def forget_below(self, number: int) -> None:
        """Drops the ranges that end at or before a number."""
        at = bisect_right(self._stops, number)
        del self._starts[:at]
        del self._stops[:at]

    def to_bytes(self) -> bytes:
        """All starts, then all stops, eight bytes each."""
        return self._starts.tobytes() + self._stops.tobytes()

    @classmethod
    def from_bytes(cls, data: bytes) -> RangeSet:
        """What `to_bytes` gave."""
        ranges = cls()
        half = len(data) // 2
        ranges._starts.frombytes(data[:half])
        ranges._stops.frombytes(data[half:])
        return ranges
