"""When a queue ends by itself: unused for x-expires, or auto-delete and its last consumer gone.

Must not: delete anything; the queue's context does.
"""

from __future__ import annotations

from collections.abc import Callable

from broker.queues.context import QueueContext


class Lifetime:
    """Watches the use of one queue; `end` is called when it is to be deleted."""

    __slots__ = ("_auto_delete", "_context", "_end", "_expires_ms", "_handle", "_used", "_used_ms")

    def __init__(self, auto_delete: bool, expires_ms: int, context: QueueContext, end: Callable[[], None]) -> None:
        self._auto_delete = auto_delete
        self._expires_ms = expires_ms
        self._context = context
        self._end = end
        self._used = False  # a consumer is there now
        self._used_ms = 0
        self._handle: object = None

    def change(self, expires_ms: int, now_ms: int) -> None:
        """Another time counts, from now on; 0: none."""
        self.stop()
        self._expires_ms = expires_ms
        self.touch(now_ms)

    def touch(self, now_ms: int) -> None:
        """The queue was declared, got from, or lost a consumer: its time starts anew."""
        self._used_ms = now_ms
        if self._expires_ms and self._handle is None:
            self._handle = self._context.timers.add(now_ms + self._expires_ms, self._due)

    def in_use(self) -> None:
        """A consumer is there; the queue does not expire."""
        self._used = True

    def out_of_use(self, now_ms: int) -> None:
        """The last consumer has gone."""
        self._used = False
        self.touch(now_ms)
        if self._auto_delete:
            self._end()

    def _due(self) -> None:
        self._handle = None
        if self._used:
            return
        due_ms = self._used_ms + self._expires_ms
        if due_ms > self._context.now_ms():
            self._handle = self._context.timers.add(due_ms, self._due)
        else:
            self._end()

    def stop(self) -> None:
        """The queue is gone."""
        if self._handle is not None:
            self._context.timers.cancel(self._handle)
            self._handle = None
