"""A consumer on a channel, as its queue sees it: room, deliver, cancelled.

Must not: choose messages, or settle them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from broker.connections.output import Output
from broker.connections.prefetch import UNLIMITED, Prefetch
from broker.connections.unacked import Delivery, Unacked
from broker.model.arguments import Arguments
from broker.model.interfaces import ConsumerPort, QueueHandle
from broker.model.message import Span
from protocol.commands import shortstr
from protocol.wire import encode_deliveries

FRAMING_BYTES: Final = 64  # about what frames add to a message, for counting room


class DeliveryContext:
    """What the consumers of one channel share: where deliveries go, their tags, what is unacknowledged."""

    __slots__ = (
        "delivered",
        "frame_max",
        "is_open",
        "lent",
        "last_tag",
        "number",
        "output",
        "prefetch",
        "touch",
        "unacked",
    )

    def __init__(self, number: int, frame_max: int, output: Output, touch: Callable[[], None]) -> None:
        self.number = number
        self.frame_max = frame_max
        self.output = output
        self.touch = touch  # the connection has output
        self.prefetch = Prefetch()
        self.unacked = Unacked()
        self.lent = 0  # unacknowledged by consumers; what basic.get gave does not count
        self.last_tag = 0
        self.delivered = 0
        self.is_open = True


class Consumer(ConsumerPort):
    """One basic.consume."""

    __slots__ = ("_context", "_on_cancelled", "_tag_bytes", "arguments", "delivered", "prefetch", "queue",
                 "timeout_ms", "waits_for_channel")  # fmt: skip

    def __init__(
        self, tag: str, queue: QueueHandle, no_ack: bool, exclusive: bool, arguments: Arguments,
        context: DeliveryContext, on_cancelled: Callable[[Consumer], None],
    ) -> None:  # fmt: skip
        priority, timeout_ms = arguments.get("x-priority"), arguments.get("x-consumer-timeout")
        super().__init__(tag, no_ack, exclusive, priority if isinstance(priority, int) else 0)
        self.queue = queue
        self.timeout_ms = timeout_ms if isinstance(timeout_ms, int) else -1  # to acknowledge a delivery; -1: not said
        self.arguments = arguments
        self.prefetch = 0 if no_ack else context.prefetch.of_new_consumers
        self.delivered = 0
        self.waits_for_channel = False  # refused because of the channel's shared limit
        self._context = context
        self._on_cancelled = on_cancelled
        self._tag_bytes = shortstr(tag)

    def room(self, message_bytes: int) -> int:
        """How many messages of that size it may be given now."""
        context = self._context
        if not context.is_open:
            return 0
        room = UNLIMITED
        if self.prefetch:
            room = self.prefetch - self.unacked
        if context.prefetch.of_channel and not self.no_ack:
            room = min(room, context.prefetch.channel_room(context.lent))
            self.waits_for_channel = room <= 0
        if room <= 0:
            return 0
        return min(room, context.output.room(message_bytes + FRAMING_BYTES, self))

    def deliver(self, span: Span) -> None:
        """Gives it a span: frames into the output, tags into what is unacknowledged."""
        context = self._context
        count = span.stop - span.start
        first = context.last_tag + 1
        context.last_tag += count
        batch = span.batch
        encode_deliveries(
            context.output.out, context.number, self._tag_bytes, first, span.deliveries > 0, batch.address.tail,
            batch.properties.raw, span.bodies(), context.frame_max,
        )  # fmt: skip
        self.delivered += count
        context.delivered += count
        if not self.no_ack:
            self.unacked += count
            context.lent += count
            context.unacked.add(Delivery(first, context.last_tag, span, self.queue, self))
        if not context.output.is_touched:
            context.touch()

    def cancelled(self) -> None:
        """Its queue is gone."""
        self._on_cancelled(self)

    def fed(self) -> None:
        """The connection has room again."""
        self.queue.credit(self)
