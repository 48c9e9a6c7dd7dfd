"""Publishing and getting single messages for whoever has no channel: the HTTP API. Must not: know HTTP or JSON.

A published message takes the way of any other; one that was got is settled or put back by whoever got it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from broker.auth.actions import IMPERSONATOR
from broker.connections.output import Output
from broker.connections.publisher import Access, Publisher
from broker.model.message import Batch, Span
from broker.model.receipt import Receipt
from broker.operations import Operations
from broker.queues.queue import Queue
from broker.requests import Actor
from broker.tick import Tick
from broker.vhost import UNROUTED, Way
from protocol.commands import Address, Publish
from protocol.properties import Properties

FRAME_MAX: Final = 131_072
SHORT_BYTES_MAX: Final = 255


@dataclass(frozen=True, slots=True)
class Published:
    """What has become of a message: whether a queue took it, and whether it is where it was to be."""

    routed: bool
    stored: bool


@dataclass(frozen=True, slots=True)
class Got:
    """One message that was got, and how many are still ready behind it."""

    queue: Queue
    span: Span
    left: int

    @property
    def batch(self) -> Batch:
        """What the message shares with those published with it."""
        return self.span.batch

    @property
    def body(self) -> bytes:
        """The body."""
        return self.span.batch.bodies[self.span.start]

    def settle(self) -> None:
        """It is done with."""
        self.queue.settle(self.span)

    def reject(self) -> None:
        """It is refused for good."""
        self.queue.reject(self.span)

    def requeue(self) -> None:
        """It goes back to where it was, redelivered."""
        self.queue.requeue(self.span)


def _short(text: str) -> bytes:
    encoded = text.encode("utf-8", "surrogateescape")
    if len(encoded) > SHORT_BYTES_MAX:
        raise ValueError(f"names of exchanges and routing keys have at most {SHORT_BYTES_MAX} bytes")
    return bytes([len(encoded)]) + encoded


def address(exchange: str, routing_key: str) -> Address:
    """Where a message is sent. Raises: ValueError for a name that is too long."""
    return Address(exchange, routing_key, False, False, _short(exchange) + _short(routing_key))


class Messages:
    """Messages one by one."""

    def __init__(self, operations: Operations, tick: Tick, message_size_max_bytes: int) -> None:
        self._operations = operations
        self._tick = tick
        self._size_max_bytes = message_size_max_bytes

    def publish(
        self, actor: Actor, to: Address, properties: Properties, body: bytes, done: Callable[[Published], None]
    ) -> None:
        """Publishes a message; `done` is called once it is where it was to be.

        Raises: ChannelException 403, 404, 406; ConnectionException 540; ValueError for one that is too large.
        """
        if len(body) > self._size_max_bytes:
            raise ValueError(f"message size {len(body)} is larger than configured max size {self._size_max_bytes}")
        may_impersonate = actor.subject.is_owner or IMPERSONATOR in actor.subject.tags
        publisher = Publisher(
            1, FRAME_MAX, actor, may_impersonate, self._operations, Access(), Output(), lambda: None
        )  # fmt: skip
        batch, copies = publisher.batch(Publish(1, to, properties, [body]))
        way: Way | None = actor.vhost.way(to.exchange)
        assert way is not None, "the publisher has looked"
        is_routed = True
        receipt = Receipt(1, 1, lambda answered: done(Published(is_routed, not answered.rejected)))
        submit = actor.vhost.submit_later if batch.properties.may_hold else actor.vhost.submit
        is_routed = submit(way, batch, copies, receipt) != UNROUTED
        if not is_routed:
            actor.vhost.counters.unroutable += 1
        receipt.taken()
        self._tick.schedule()

    def get(self, actor: Actor, name: str, done: Callable[[Got | None], None]) -> None:
        """Gets a message, or None where there is none; `done` may be called later, where it comes from the disk.

        Raises: ChannelException 403, 404, 405.
        """
        self._operations.readable_queue(actor, name)
        queue = self._operations.queue(actor, name)
        queue.get(False, lambda span, left: done(Got(queue, span, left) if span is not None else None))
        self._tick.schedule()
