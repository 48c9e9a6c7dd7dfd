"""How long the event loop was busy in one go: the longest time, in the last minute and ever, and how such times spread.

Must not: read a clock or know the loop; who works on the loop says from when to when.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from storage.status import Distribution, Histogram

NS_PER_MS: Final = 1_000_000
STALL_NS: Final = NS_PER_MS  # a stretch of work below this is nobody's trouble, and costs a comparison
SLOT_NS: Final = 5_000_000_000  # the last minute is looked at in slots of this length
SLOTS: Final = 12
STALL_NS_BOUNDS: Final = tuple(ms * NS_PER_MS for ms in (2, 5, 10, 20, 50, 100, 200, 500, 1000, 5000))


@dataclass(frozen=True, slots=True)
class LoopStatus:
    """What has kept the event loop from everything else; nanoseconds since the start, or of the last minute."""

    longest_ns: int
    longest_ns_last_minute: int
    stall_ns: Distribution  # of stretches of a millisecond or more


class LoopWatch:
    """Takes note of stretches of work on the loop; between two of them others had their turn.

    1. Every stretch of STALL_NS or more is counted once, and the longest of them is kept.
    2. A stretch belongs to the slot in which it ended; slots older than a minute are not looked at any more.
    """

    __slots__ = ("_ended_ns", "_histogram", "_longest_ns", "_slots", "turns")

    def __init__(self) -> None:
        self.turns = 0  # stretches of any length
        self._longest_ns = 0
        self._ended_ns = 0  # of the stretch noted last
        self._slots = [(-SLOTS, 0)] * SLOTS  # number of the slot, and the longest in it
        self._histogram = Histogram(STALL_NS_BOUNDS)

    def worked(self, begun_ns: int, ended_ns: int) -> None:
        """The loop did one thing from then to then (nanoseconds of a clock that never jumps)."""
        self.turns += 1
        took_ns = ended_ns - begun_ns
        if took_ns < STALL_NS:
            return
        self._ended_ns = ended_ns
        self._histogram.add(took_ns)
        self._longest_ns = max(self._longest_ns, took_ns)
        number = ended_ns // SLOT_NS
        slot, longest_ns = self._slots[number % SLOTS]
        self._slots[number % SLOTS] = (number, max(took_ns, longest_ns) if slot == number else took_ns)

    def late(self, due_ns: int, now_ns: int) -> None:
        """A timer came late: something else had the loop, which may have said so by itself."""
        if self._ended_ns < due_ns:
            self.worked(due_ns, now_ns)

    def status(self, now_ns: int) -> LoopStatus:
        """What has been noted, at that time."""
        oldest = now_ns // SLOT_NS - SLOTS
        recent_ns = max((longest_ns for number, longest_ns in self._slots if number > oldest), default=0)
        return LoopStatus(self._longest_ns, recent_ns, self._histogram.copy())
