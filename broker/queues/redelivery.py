"""How often messages may be delivered: what comes back once too often leaves its queue, and consumers see the count.

Must not: count; spans and the journal do.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import mypyc_attr

from broker.model.message import Batch, Span
from broker.queues.classic import ClassicQueue
from broker.queues.parts import DELIVERY_LIMIT, Handing, Returning
from protocol.header_table import long_entry, with_header

COUNT_HEADER: Final = b"x-delivery-count"


class DeliveryLimit(Returning):
    """Takes what has been delivered more often than it may be given back."""

    __slots__ = ("_limit", "_queue")

    def __init__(self, queue: ClassicQueue, limit: int) -> None:
        self._queue = queue
        self._limit = limit

    def take(self, span: Span) -> bool:
        """Takes messages that were given back, their last delivery counted; False: they go back to their place."""
        if span.deliveries <= self._limit:
            return False
        self._queue.drop(span, DELIVERY_LIMIT)
        return True


@mypyc_attr(acyclic=True)
class CountedBatch(Batch):
    """A batch as consumers see it, with the count of deliveries in its headers; `original` is the queue's."""

    __slots__ = ("original",)

    def __init__(self, original: Batch, deliveries: int) -> None:
        properties = with_header(original.properties, COUNT_HEADER, long_entry(COUNT_HEADER, deliveries))
        super().__init__(original.address, properties, original.bodies, original.expiration_ms)
        self.position = original.position
        self.share_bytes = original.share_bytes
        self.stamp_ms = original.stamp_ms
        self.original = original


class DeliveryCount(Handing):
    """Writes into a message how often it was delivered before, and holds back what must not be delivered again."""

    __slots__ = ("_limit", "_queue")

    def __init__(self, queue: ClassicQueue, limit: int) -> None:
        """Args: limit is how often messages may come back, -1 for as often as they like."""
        self._queue = queue
        self._limit = limit

    def hand(self, span: Span) -> bool:
        """Prepares messages that are about to be delivered; False: they have left the queue instead.

        A limit may have been lowered since they came back, or the broker have ended while they were delivered.
        """
        if 0 <= self._limit < span.deliveries:
            self._queue.drop(span, DELIVERY_LIMIT)
            return False
        span.batch = CountedBatch(span.batch, span.deliveries)
        return True

    def take_back(self, span: Span) -> None:
        """Undoes what `hand` has written; the messages are the queue's own again."""
        if isinstance(span.batch, CountedBatch):
            span.batch = span.batch.original


def create_delivery_limit(queue: ClassicQueue) -> DeliveryLimit | None:
    """A queue's delivery limit by its settings, if it has one."""
    limit = queue.settings.delivery_limit
    return DeliveryLimit(queue, limit) if limit >= 0 else None


def create_delivery_count(queue: ClassicQueue) -> DeliveryCount | None:
    """What shows consumers how often a message was delivered: of quorum queues, and where there is a limit."""
    settings = queue.settings
    is_counted = settings.queue_type == "quorum" or settings.delivery_limit >= 0
    return DeliveryCount(queue, settings.delivery_limit) if is_counted else None
