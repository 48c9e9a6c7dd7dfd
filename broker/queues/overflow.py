"""How much may be ready in a queue: what is too much is dropped from the front, or refused at the door.

Only what is ready counts, by messages and by the bytes of their bodies. Must not: know where dropped messages go.
"""

from __future__ import annotations

from typing import Final

from broker.model.interfaces import Gate
from broker.model.message import NEVER_MS, Batch, Span
from broker.model.receipt import Receipt
from broker.model.settings import QueueSettings
from broker.queues.classic import ClassicQueue
from broker.queues.context import Timers
from broker.queues.parts import MAXLEN, Bound

SPANS_MAX: Final = 256  # dropped in one go; the rest follows in the next turns
UNLIMITED: Final = 2**62


def create_bound(queue: ClassicQueue, settings: QueueSettings, timers: Timers) -> Bound | None:
    """What drops from the front; None where nothing is limited, or refusing keeps the limit."""
    if not is_limited(settings) or refuses(settings):
        return None
    return DropHead(queue, settings, timers)


def create_gate(queue: ClassicQueue, settings: QueueSettings) -> Gate | None:
    """What refuses messages that do not fit; None where nothing is limited, or dropping others keeps the limit."""
    return Full(queue, settings) if is_limited(settings) and refuses(settings) else None


def is_limited(settings: QueueSettings) -> bool:
    """Whether there is a limit at all."""
    return settings.length_max >= 0 or settings.length_bytes_max >= 0


def refuses(settings: QueueSettings) -> bool:
    """Whether messages that do not fit are refused. A quorum queue that cannot dead-letter them drops others."""
    if settings.queue_type == "quorum":
        return settings.overflow == "reject-publish"
    return settings.overflow in ("reject-publish", "reject-publish-dlx")


def _or_unlimited(limit: int) -> int:
    return limit if limit >= 0 else UNLIMITED


class DropHead(Bound):
    """Drops from the front while too much is ready, once consumers that have room have got theirs."""

    __slots__ = ("_bytes_max", "_count_max", "_is_later", "_queue", "_timers")

    def __init__(self, queue: ClassicQueue, settings: QueueSettings, timers: Timers) -> None:
        self._queue = queue
        self._timers = timers
        self._is_later = False  # the rest is dropped in the next turn
        self._count_max = _or_unlimited(settings.length_max)
        self._bytes_max = _or_unlimited(settings.length_bytes_max)

    def enforce(self, now_ms: int) -> None:
        """Takes out of the ready list what is too much, as far as it is in memory."""
        if not self._excess():
            return
        queue = self._queue
        queue.hand_out(now_ms)
        for _ in range(SPANS_MAX):
            excess = self._excess()
            span = queue.ready.take(excess) if excess else None
            if span is None:  # enough, or it is being loaded
                return
            queue.drop(span, MAXLEN)
        if not self._is_later:
            self._is_later = True
            self._timers.add(now_ms, self._go_on)

    def _go_on(self) -> None:
        self._is_later = False
        self._queue.wake()

    def _excess(self) -> int:
        """How many messages in front certainly are too much."""
        ready = self._queue.ready
        if ready.count > self._count_max:
            return ready.count - self._count_max
        return 1 if ready.body_bytes > self._bytes_max else 0


class Full(Gate):
    """Lets in what fits; what does not is refused, and dead-lettered where the overflow says so."""

    __slots__ = ("_bytes_max", "_count_max", "_queue", "_sends_on")

    def __init__(self, queue: ClassicQueue, settings: QueueSettings) -> None:
        self._queue = queue
        self._count_max = _or_unlimited(settings.length_max)
        self._bytes_max = _or_unlimited(settings.length_bytes_max)
        self._sends_on = settings.overflow == "reject-publish-dlx"

    def passes(self, batch: Batch, now_ms: int) -> bool:
        """Whether all of these messages fit, once consumers that have room have got theirs."""
        if self._fits(batch):
            return True
        self._queue.hand_out(now_ms)
        return self._fits(batch)

    def _fits(self, batch: Batch) -> bool:
        queue, count = self._queue, len(batch.bodies)
        held, held_bytes = queue.ready.count + queue.kept, queue.ready.body_bytes + queue.kept_bytes
        return held + count <= self._count_max and held_bytes + count * batch.body_bytes <= self._bytes_max

    def admit(self, batch: Batch, receipt: Receipt | None, now_ms: int) -> bool:
        """Lets in a run that passes, or a single message that fits; what does not gets a nack."""
        if len(batch.bodies) > 1 or self.passes(batch, now_ms):
            return True
        queue = self._queue
        queue.counters.refused += 1
        if receipt is not None:
            receipt.expect()
            receipt.refused()
        if self._sends_on and queue.leaving is not None:
            queue.leaving.leave(Span(batch, 0, 1, 0, NEVER_MS, 0), MAXLEN)
        return False
