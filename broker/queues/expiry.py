"""When messages expire: a function of settings, message and time, and the one timer a queue needs for it.

Must not: drop a message; the queue does, and knows what dropping means.
"""

from __future__ import annotations

from collections.abc import Callable

from broker.model.message import NEVER_MS, Batch
from broker.queues.context import QueueContext


def expires_at_ms(ttl_ms: int, batch: Batch, now_ms: int) -> int:
    """The absolute time at which a message that arrives now expires; NEVER_MS for never.

    The lower of the queue's TTL and the message's own counts; -1 means none.
    """
    own = batch.expiration_ms
    if ttl_ms < 0 and own < 0:
        return NEVER_MS
    if ttl_ms < 0 or 0 <= own < ttl_ms:
        return now_ms + own
    return now_ms + ttl_ms


class ExpiryTimer:
    """Wakes the queue when what stands in front expires; at most one deadline at a time."""

    __slots__ = ("_callback", "_context", "_due_ms", "_handle")

    def __init__(self, context: QueueContext, callback: Callable[[], None]) -> None:
        self._context = context
        self._callback = callback
        self._due_ms = 0
        self._handle: object = None

    def arm(self, due_ms: int) -> None:
        """Wakes at `due_ms` (0: not at all)."""
        if due_ms == self._due_ms:
            return
        if self._handle is not None:
            self._context.timers.cancel(self._handle)
            self._handle = None
        self._due_ms = due_ms
        if due_ms:
            self._handle = self._context.timers.add(due_ms, self._fire)

    def _fire(self) -> None:
        self._handle = None
        self._due_ms = 0
        self._callback()
