"""A consumer of a stream: its deliveries carry their offsets, and what it has unacknowledged holds no message.

Must not: choose messages, or settle them.
"""

from __future__ import annotations

from typing import Final

from broker.connections.consumer import Consumer
from broker.connections.unacked import Delivery
from broker.model.message import Batch, Span
from protocol.commands import Address
from protocol.numbered import around_number
from protocol.properties import NO_PROPERTIES, Properties
from protocol.wire import encode_numbered_deliveries

OFFSET_HEADER: Final = b"x-stream-offset"
_NOTHING: Final = Batch(Address("", "", False, False, b"\0\0"), NO_PROPERTIES, [b""], -1)


class _LastAround:
    """What stands around the offset in the last property list: readers that are level get the same one in turn."""

    __slots__ = ("_around", "_properties")

    def __init__(self) -> None:
        self._properties = NO_PROPERTIES
        self._around = around_number(NO_PROPERTIES, OFFSET_HEADER)

    def of(self, properties: Properties) -> tuple[bytes, bytes]:
        """The parts before and behind the offset."""
        if properties is not self._properties:
            self._around = around_number(properties, OFFSET_HEADER)
            self._properties = properties
        return self._around


_last_around: Final = _LastAround()


class StreamConsumer(Consumer):
    """One basic.consume of a stream."""

    __slots__ = ()

    def deliver(self, span: Span) -> None:
        """Gives it a span: frames into the output, tags into what is unacknowledged."""
        context = self._context
        count = span.stop - span.start
        first = context.last_tag + 1
        context.last_tag += count
        batch = span.batch
        encode_numbered_deliveries(
            context.output.out, context.number, self._tag_bytes, first, batch.address.tail,
            _last_around.of(batch.properties), span.number - 1, span.bodies(), context.frame_max,
        )  # fmt: skip
        self.delivered += count
        context.delivered += count
        self.unacked += count
        context.lent += count
        empty = Span(_NOTHING, 0, count, span.position, 0, 0, span.number)
        context.unacked.add(Delivery(first, context.last_tag, empty, self.queue, self))
        if not context.output.is_touched:
            context.touch()
