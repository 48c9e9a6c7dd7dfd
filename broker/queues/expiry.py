"""When messages expire: a function of settings, message and time, and what a queue needs to have them leave then.

Must not: drop a message; the queue does, and knows what dropping means.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from broker.model.message import NEVER_MS, Batch, Span
from broker.queues.context import QueueContext
from broker.queues.overdue import NEVER_LAST, Overdue
from broker.queues.parts import EXPIRED
from broker.queues.ready import ReadyList

FRONT_SPANS_MAX: Final = 128  # that leave at a time, most often a message each; the rest follows in the next turns


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


class Expiry:
    """What a queue needs once a message in it may expire: the front of its list, what is overdue behind, a timer."""

    __slots__ = ("_drop", "_overdue", "_ready", "_timer")

    def __init__(
        self, ready: Callable[[], ReadyList], drop: Callable[[Span, str], None], wake: Callable[[], None],
        context: QueueContext, latest_ms: int,
    ) -> None:  # fmt: skip
        """Args: wake has the queue pumped; latest_ms is when the last of what waits already expires."""
        self._ready = ready
        self._drop = drop
        self._overdue = Overdue(ready, self._expired, wake, latest_ms)
        self._timer = ExpiryTimer(context, wake)

    def came(self, span: Span, is_alone: bool) -> None:
        """Messages are about to go to the back. Args: is_alone says that the queue has no others."""
        self._overdue.note(span, is_alone)

    def came_back(self, span: Span) -> None:
        """Messages are about to go back to their place."""
        self._overdue.back(span)

    def moved(self, span: Span) -> None:
        """Messages that wait have another place."""
        self._overdue.moved(span)

    def walk(self, stop: int) -> None:
        """Nobody knows in which order what stands below a position expires: looks through it."""
        self._overdue.walk(stop)

    def changed(self) -> None:
        """What comes from now on expires sooner or later than what came before."""
        self._overdue.doubt()

    def take_front(self, until_ms: int) -> bool:
        """What stands in front and is due leaves, a turn's worth; whether that was all of it."""
        expired = self._ready().take_expired(until_ms, FRONT_SPANS_MAX)
        for span in expired:
            self._expired(span)
        return len(expired) < FRONT_SPANS_MAX

    def _expired(self, span: Span) -> None:
        self._drop(span, EXPIRED)

    def take_due(self, now_ms: int) -> None:
        """Everything that is due leaves, and the queue is pumped again when more is."""
        self.take_front(now_ms)
        self._overdue.expire(now_ms)
        front_ms, other_ms = self._ready().next_expiry_ms(), self._overdue.next_ms()
        self._timer.arm(min(front_ms, other_ms) if front_ms and other_ms else front_ms or other_ms)

    def stop(self) -> None:
        """The queue is gone."""
        self._timer.arm(0)


def latest_expiry_ms(ttl_ms: int, now_ms: int) -> int:
    """When the last of the messages expires of which each does, in order, by a queue's TTL or sooner."""
    return now_ms + ttl_ms if ttl_ms >= 0 else NEVER_LAST
