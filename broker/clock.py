"""The broker's one clock and its one heap of deadlines. Must not: sleep, wait or know what a deadline is for."""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable

COMPACT_ENTRIES_MIN = 64  # below this many, cancelled entries cost less than sweeping them out


class Clock:
    """Milliseconds since 1970 that never jump: the wall time of the start plus what has passed since."""

    def __init__(self) -> None:
        self._offset_ns = time.time_ns() - time.monotonic_ns()

    def now_ms(self) -> int:
        """Milliseconds since 1970; never smaller than the answer before."""
        return (time.monotonic_ns() + self._offset_ns) // 1_000_000

    def now_ns(self) -> int:
        """Nanoseconds of the system's clock that never jumps, to measure how long something took."""
        return time.monotonic_ns()


class ManualClock(Clock):
    """A clock that only moves when told to, for tests and replay."""

    def __init__(self, now_ms: int = 0) -> None:
        super().__init__()
        self._now_ms = now_ms

    def now_ms(self) -> int:
        """Milliseconds since 1970, as set."""
        return self._now_ms

    def now_ns(self) -> int:
        """The same in nanoseconds."""
        return self._now_ms * 1_000_000

    def advance(self, by_ms: int) -> int:
        """Moves the clock forward by `by_ms` milliseconds and returns its new time."""
        assert by_ms >= 0, "the clock never goes back"
        self._now_ms += by_ms
        return self._now_ms


class Deadline:
    """The handle of one deadline; pass it to `Deadlines.cancel`."""

    __slots__ = ("callback", "due_ms")

    def __init__(self, due_ms: int, callback: Callable[[], None]) -> None:
        self.due_ms = due_ms
        self.callback: Callable[[], None] | None = callback


class Deadlines:
    """Callbacks by due time, in one heap.

    1. Callbacks run in the order of (due_ms, order of adding), each at most once.
    2. A cancelled callback never runs, also when it was due in the same `run_due`.
    3. What a callback adds runs in a later `run_due`, so one call always ends.
    4. Of more than COMPACT_ENTRIES_MIN entries, at most half are cancelled ones.
    """

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Deadline]] = []
        self._added = 0
        self._cancelled = 0

    def __len__(self) -> int:
        return len(self._heap) - self._cancelled

    @property
    def entries(self) -> int:
        """Entries held, cancelled ones included."""
        return len(self._heap)

    def add(self, due_ms: int, callback: Callable[[], None]) -> Deadline:
        """Runs `callback` in the first `run_due` at or after `due_ms` (milliseconds of the clock)."""
        deadline = Deadline(due_ms, callback)
        self._added += 1
        heapq.heappush(self._heap, (due_ms, self._added, deadline))
        return deadline

    def cancel(self, deadline: Deadline) -> None:
        """Forgets a deadline; nothing happens if it ran or was cancelled already."""
        if deadline.callback is None:
            return
        deadline.callback = None
        self._cancelled += 1
        if len(self._heap) > COMPACT_ENTRIES_MIN and self._cancelled * 2 > len(self._heap):
            self._heap = [entry for entry in self._heap if entry[2].callback is not None]
            heapq.heapify(self._heap)
            self._cancelled = 0

    def run_due(self, now_ms: int) -> int:
        """Runs what is due at `now_ms` and returns how many callbacks ran; an exception leaves the rest for later."""
        added_before = self._added
        ran = 0
        while self._heap and self._heap[0][0] <= now_ms and self._heap[0][1] <= added_before:
            deadline = heapq.heappop(self._heap)[2]
            callback, deadline.callback = deadline.callback, None
            if callback is None:
                self._cancelled -= 1
                continue
            ran += 1
            callback()
        return ran

    def next_due_ms(self) -> int | None:
        """When the next callback is due, in milliseconds of the clock; None if there is none."""
        while self._heap and self._heap[0][2].callback is None:
            heapq.heappop(self._heap)
            self._cancelled -= 1
        return self._heap[0][0] if self._heap else None
