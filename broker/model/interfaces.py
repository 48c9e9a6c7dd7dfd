"""The narrow interfaces between channels and queues; either side may be somewhere else one day.

Must not: hold behaviour.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from broker.model.message import Batch, Span
from broker.model.receipt import Receipt


class ConsumerPort(Protocol):
    """A consumer as its queue sees it."""

    tag: str
    no_ack: bool
    exclusive: bool
    priority: int
    is_offered: bool  # the picker's own mark: it stands among the consumers to be asked

    def room(self, message_bytes: int) -> int:
        """How many messages of that size it may be given now; 0 until it reports credit again."""
        ...

    def deliver(self, span: Span) -> None:
        """Takes a span off the queue; unless `no_ack`, answers for it later with settle, requeue or reject."""
        ...

    def cancelled(self) -> None:
        """The queue is gone; the consumer is told and forgotten."""
        ...


class PublishTarget(Protocol):
    """Where a message may go: a queue, or the consumer behind a direct reply-to."""

    name: str
    durable: bool

    def target(self, batch: Batch, now_ms: int, /) -> tuple[Any, int]:
        """A durable queue's stream in the journal for the batch, and when that expires (absolute, in ms; 0: never)."""
        ...

    def publish(self, batch: Batch, receipt: Receipt | None, now_ms: int) -> None:
        """Takes the batch, and answers the receipt when it has it. For a durable queue it has been journalled."""
        ...

    def backlog(self) -> int:
        """How many messages its consumers are behind; 0 where it has none."""
        ...


class QueueHandle(PublishTarget, Protocol):
    """A queue as channels see it: what they may ask, with answers that may come later."""

    def attach(self, consumer: ConsumerPort) -> None:
        """Starts a consumer."""
        ...

    def detach(self, consumer: ConsumerPort) -> None:
        """Ends a consumer; what it has unacknowledged stays with its channel."""
        ...

    def credit(self, consumer: ConsumerPort) -> None:
        """The consumer may have room again."""
        ...

    def settle(self, span: Span) -> None:
        """These messages are done with."""
        ...

    def requeue(self, span: Span) -> None:
        """These messages go back to where they were, redelivered."""
        ...

    def reject(self, span: Span) -> None:
        """These messages were refused for good."""
        ...

    def get(self, no_ack: bool, answer: Callable[[Span | None, int], None]) -> None:
        """Answers with one message, or None, and how many are still ready."""
        ...

    def purge(self, answer: Callable[[int], None]) -> None:
        """Drops every ready message and answers with how many there were."""
        ...
