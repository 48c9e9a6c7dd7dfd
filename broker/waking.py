"""Runs a heap of deadlines by timers of the event loop, one armed at a time.

Must not: know the loop (its `call_later` is handed in) or what a deadline is for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from broker.clock import Deadlines


class Timer(Protocol):
    """An armed timer of the loop."""

    def cancel(self) -> None:
        """Forgets it."""
        ...


class Waker:
    """Wakes for the first deadline of a heap; `arm` is called whenever the heap may have a new first."""

    __slots__ = ("_call_later", "_clock_ms", "_deadlines", "_due_ms", "_run", "_timer")

    def __init__(
        self,
        deadlines: Deadlines,
        clock_ms: Callable[[], int],
        call_later: Callable[[float, Callable[[], None]], Timer],
        run: Callable[[], None],
    ) -> None:
        """Args: run is called when something is due; call_later takes seconds."""
        self._deadlines = deadlines
        self._clock_ms = clock_ms
        self._call_later = call_later
        self._run = run
        self._timer: Timer | None = None
        self._due_ms = 0

    def arm(self) -> None:
        """Sees to it that the loop wakes for the first deadline."""
        due_ms = self._deadlines.next_due_ms()
        if due_ms is None or (self._timer is not None and self._due_ms <= due_ms):
            return
        self.stop()
        self._due_ms = due_ms
        self._timer = self._call_later(max(0, due_ms - self._clock_ms()) / 1000, self._woken)

    def _woken(self) -> None:
        self._timer = None
        self._run()

    def stop(self) -> None:
        """Does not wake any more until the next `arm`."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
