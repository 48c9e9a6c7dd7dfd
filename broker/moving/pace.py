"""How fast a job may go. Must not: wait, or know the time; whoever asks says what time it is."""

from __future__ import annotations

from typing import Final

RATE_MAX: Final = 1_000_000  # messages in a second
BURSTS_A_S: Final = 20  # what was not used may be made up for, this fraction of a second's worth


class Pace:
    """At most so many messages in a second, spread evenly; 0 is no limit."""

    __slots__ = ("_begin_ms", "_given", "_per_s")

    def __init__(self, per_s: int, now_ms: int) -> None:
        self._per_s = per_s
        self._begin_ms = now_ms
        self._given = 0

    def allowed(self, now_ms: int, count: int) -> int:
        """How many of `count` messages may go now."""
        if not self._per_s:
            return count
        due = (now_ms - self._begin_ms) * self._per_s // 1000 + 1  # the first may go at once
        burst = max(1, self._per_s // BURSTS_A_S)
        if due - self._given > burst:  # it stood still: that is not made up for
            self._begin_ms = now_ms - (self._given + burst - 1) * 1000 // self._per_s
            due = self._given + burst
        return max(0, min(count, due - self._given))

    def gave(self, count: int) -> None:
        """So many have gone."""
        self._given += count

    def next_ms(self) -> int:
        """When the next one may go; 0 for at once."""
        return self._begin_ms - (-self._given * 1000 // self._per_s) if self._per_s else 0
