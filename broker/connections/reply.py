"""Direct reply-to: a consumer that is addressed by a made-up name, with no queue behind it.

Must not: keep replies for long; who does not read loses the excess, as at-most-once allows.

Spec: RabbitMQ's direct reply-to extension.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Final

from broker.model.interfaces import ConsumerPort, QueueHandle
from broker.model.message import NEVER_MS, Batch, Span
from broker.model.receipt import Receipt

BACKLOG_MAX: Final = 4096  # replies kept for a client that is slow to read
BACKLOG_BYTES_MAX: Final = 16 * 1024 * 1024


class ReplyQueue(QueueHandle):
    """Stands where a queue would for the one consumer of a channel's replies; `name` is what requests carry."""

    __slots__ = ("_backlog", "_backlog_bytes", "_consumer", "dropped")

    def __init__(self, name: str) -> None:
        super().__init__(name, False)
        self.dropped = 0
        self._consumer: ConsumerPort | None = None
        self._backlog: deque[Span] = deque()
        self._backlog_bytes = 0

    def target(self, batch: Batch, now_ms: int) -> tuple[Any, int]:  # noqa: ARG002
        """Never asked: it is not durable."""
        raise AssertionError("only durable queues are journalled")

    def publish(self, batch: Batch, receipt: Receipt | None, now_ms: int) -> None:  # noqa: ARG002
        """Delivers at once, or when the client has read."""
        for index in range(len(batch.bodies)):
            if len(self._backlog) >= BACKLOG_MAX or self._backlog_bytes + batch.message_bytes > BACKLOG_BYTES_MAX:
                self.dropped += 1
                continue
            self._backlog.append(Span(batch, index, index + 1, 0, NEVER_MS, 0))
            self._backlog_bytes += batch.message_bytes
        self._drain()
        if receipt is not None:
            receipt.taken()

    def backlog(self) -> int:
        """How many replies the client has not read."""
        return len(self._backlog)

    def _drain(self) -> None:
        consumer = self._consumer
        while consumer is not None and self._backlog:
            span = self._backlog[0]
            if consumer.room(span.batch.message_bytes) <= 0:
                return
            self._backlog.popleft()
            self._backlog_bytes -= span.batch.message_bytes
            consumer.deliver(span)

    def attach(self, consumer: ConsumerPort) -> None:
        """Sets the consumer."""
        self._consumer = consumer

    def detach(self, consumer: ConsumerPort) -> None:  # noqa: ARG002
        """The consumer is gone, and with it what it had not read."""
        self._consumer = None
        self._backlog.clear()
        self._backlog_bytes = 0

    def credit(self, consumer: ConsumerPort) -> None:  # noqa: ARG002
        """The client has read."""
        self._drain()

    def settle(self, span: Span) -> None:
        """Nothing is ever unacknowledged here."""

    def requeue(self, span: Span) -> None:
        """Nothing is ever unacknowledged here."""

    def reject(self, span: Span) -> None:
        """Nothing is ever unacknowledged here."""

    def get(self, no_ack: bool, answer: Callable[[Span | None, int], None]) -> None:  # noqa: ARG002
        """There is never anything to get."""
        answer(None, 0)

    def purge(self, answer: Callable[[int], None]) -> None:
        """There is never anything to purge."""
        answer(0)
