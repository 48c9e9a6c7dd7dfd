"""What a stream retains, as stretches of numbers with their bytes and times: a sparse index for retention.

Must not: know a message, or hold more than a bounded number of stretches.

Invariant 1: stretches follow one another without a gap; only the last one grows.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from typing import Final

STRETCHES_MAX: Final = 4096  # beyond that two become one, so that retention is less exact for a very large stream
STRETCH_BYTES: Final = 64 * 1024  # of bodies, at most, where nothing asks for less
STRETCH_MESSAGES: Final = 1024
PARTS: Final = 16  # of the bytes that may be retained, so much is dropped at a time at most
NOT_KNOWN: Final = -1  # a time of what was there at the start


class Stretches:
    """Starts, bytes and times of stretches, oldest first; `next` is the number behind the last one."""

    __slots__ = ("_bytes", "_firsts", "_ms", "next", "size_bytes")

    def __init__(self, first: int, stop: int, size_bytes: int) -> None:
        """Args: what is there at the start is one stretch, of which only the sum is known."""
        self.next = stop
        self.size_bytes = size_bytes
        self._firsts = array("q")
        self._bytes = array("q")
        self._ms = array("q")  # when its first message was published
        if stop > first:
            self._add(first, size_bytes, NOT_KNOWN)

    def __len__(self) -> int:
        """How many there are."""
        return len(self._firsts)

    @property
    def first(self) -> int:
        """The oldest number that is retained."""
        return self._firsts[0] if self._firsts else self.next

    def _add(self, first: int, size_bytes: int, now_ms: int) -> None:
        self._firsts.append(first)
        self._bytes.append(size_bytes)
        self._ms.append(now_ms)

    def append(self, count: int, size_bytes: int, now_ms: int, bytes_max: int) -> bool:
        """Takes the next messages; whether a new stretch has begun. Args: bytes_max may be retained (-1: any)."""
        limit = STRETCH_BYTES if bytes_max < 0 else min(STRETCH_BYTES, bytes_max // PARTS)
        last = len(self._firsts) - 1
        is_new = (
            last < 0
            or self._ms[last] == NOT_KNOWN
            or self._bytes[last] + size_bytes > limit
            or self.next - self._firsts[last] >= STRETCH_MESSAGES
        )
        if is_new:
            self._add(self.next, size_bytes, now_ms)
        else:
            self._bytes[last] += size_bytes
        self.next += count
        self.size_bytes += size_bytes
        if len(self._firsts) > STRETCHES_MAX:
            self._thin()
        return is_new

    def _thin(self) -> None:
        """Two become one, all along; the last one, which grows, stays."""
        firsts, sizes, times = self._firsts, self._bytes, self._ms
        last = len(firsts) - 1
        kept = range(0, last, 2)
        merged = array("q", (sizes[at] + (sizes[at + 1] if at + 1 < last else 0) for at in kept))
        self._firsts = array("q", [*(firsts[at] for at in kept), firsts[last]])
        self._ms = array("q", [*(times[at] for at in kept), times[last]])
        self._bytes = merged + sizes[last:]

    def too_much(self, bytes_max: int) -> int:
        """The number up to which is to go so that no more than this is retained; the last stretch stays."""
        firsts, sizes = self._firsts, self._bytes
        last = len(firsts) - 1
        excess = self.size_bytes - bytes_max
        at = 0
        while excess > 0 and at <= last:
            stop = firsts[at + 1] if at < last else self.next
            if self._ms[at] == NOT_KNOWN and excess < sizes[at]:
                count = stop - firsts[at]
                return firsts[at] + min(count - (at == last), -(-count * excess // sizes[at]))
            if at == last:
                break
            excess -= sizes[at]
            at += 1
        return firsts[at] if at <= last else self.first

    def drop_below(self, first: int) -> None:
        """These numbers are not retained any more; of a stretch that goes in part its bytes go in proportion."""
        first = min(first, self.next)
        gone = bisect_right(self._firsts, first) - 1
        if gone < 0:
            return
        self.size_bytes -= sum(self._bytes[:gone])
        del self._firsts[:gone], self._bytes[:gone], self._ms[:gone]
        begin = self._firsts[0]
        stop = self._firsts[1] if len(self._firsts) > 1 else self.next
        if first > begin:
            part = self._bytes[0] * (first - begin) // max(1, stop - begin)
            self._firsts[0] = first
            self._bytes[0] -= part
            self.size_bytes -= part
        if first >= self.next:
            self.size_bytes = 0
            del self._firsts[:], self._bytes[:], self._ms[:]

    def around(self, at_ms: int) -> tuple[int, int]:
        """Two numbers between which is the first message that was published at a time or after it."""
        place = bisect_left(self._ms, at_ms)
        low = self._firsts[place - 1] if place else self.first
        return low, self._firsts[place] if place < len(self._firsts) else self.next
