"""Where moved messages go: straight into a queue, or through an exchange; nothing is handed over that would be refused.

Must not: take a message out of its source, or check permissions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from broker.model.interfaces import PublishTarget
from broker.model.message import Batch
from broker.model.names import exchange_rs, queue_rs
from broker.model.receipt import Receipt
from broker.queues.classic import ClassicQueue
from broker.queues.queue import Queue
from broker.vhost import SPLIT, Vhost
from protocol.commands import Address

NO_LIMIT: Final = 2**62
SHORT_BYTES_MAX: Final = 255


class RefusedError(Exception):
    """A message cannot go where it is to go; the text says why. Nothing has happened to it."""


class Destination(Protocol):
    """Where messages go."""

    def address(self, batch: Batch) -> Address:
        """What they are published with there."""
        ...

    def room(self, batch: Batch, source: Queue) -> int:
        """How many messages like these it takes now, at least one. Raises: RefusedError where it takes none."""
        ...

    def put(self, batch: Batch, receipt: Receipt, now_ms: int) -> None:
        """Hands them over; there is room."""
        ...


class ToQueue:
    """Into a queue, past every exchange: a message keeps the exchange and routing key that it was published with."""

    __slots__ = ("_vhost", "name")

    def __init__(self, vhost: Vhost, name: str) -> None:
        self._vhost = vhost
        self.name = name

    def address(self, batch: Batch) -> Address:
        """As it was."""
        return batch.address

    def _queue(self) -> Queue:
        queue = self._vhost.queues.get(self.name)
        if queue is None:
            raise RefusedError(f"no {queue_rs(self.name, self._vhost.name)}")
        return queue

    def room(self, batch: Batch, source: Queue) -> int:
        """How many messages like these it takes now."""
        return _room((self._queue(),), batch, source, self._vhost.name)

    def put(self, batch: Batch, receipt: Receipt, now_ms: int) -> None:
        """Hands them to the queue, through its gate where it has one."""
        queue = self._queue()
        gate = queue.gate
        if gate is None:
            self._enter(batch, queue, receipt)
            return
        whole = len(batch.bodies) == 1 or gate.passes(batch, now_ms)
        for one in (batch,) if whole else batch.singles():
            if gate.admit(one, receipt, now_ms):
                self._enter(one, queue, receipt)

    def _enter(self, batch: Batch, queue: Queue, receipt: Receipt) -> None:
        if self._vhost.tracer is not None:
            self._vhost.tracer.published(batch, (queue,))
        self._vhost.publish(batch, (queue,), receipt)


class ToExchange:
    """Through an exchange, with one routing key for all messages, or (None) with the one that each has.

    `copies` are further keys, as CC gives them.
    """

    __slots__ = ("_addresses", "_copies", "_key", "_vhost", "name")

    def __init__(self, vhost: Vhost, name: str, key: str | None, copies: tuple[str, ...] = ()) -> None:
        self._vhost = vhost
        self.name = name
        self._key = key
        self._copies = copies
        self._addresses: dict[str, Address] = {}

    def address(self, batch: Batch) -> Address:
        """This exchange, and the routing key."""
        key = batch.address.routing_key if self._key is None else self._key
        found = self._addresses.get(key)
        if found is None:
            self._addresses.clear()  # most often all messages have the same
            found = self._addresses[key] = address_of(self.name, key)
        return found

    def room(self, batch: Batch, source: Queue) -> int:
        """How many messages like these all queues take that they would be routed to."""
        vhost, key = self._vhost, self.address(batch).routing_key
        exchange = vhost.table.exchanges.get(self.name)
        if exchange is None:
            raise RefusedError(f"no {exchange_rs(self.name, vhost.name)}")
        found = vhost.table.route_keys(exchange, (key, *self._copies), batch.properties.headers)
        if not found and exchange.gate is None:
            text = f"no queue is bound to {exchange_rs(self.name, vhost.name)} for routing key '{key}'"
            raise RefusedError(text)
        return _room([vhost.queues[one.name] for one in found], batch, source, vhost.name)

    def put(self, batch: Batch, receipt: Receipt, now_ms: int) -> None:  # noqa: ARG002 - the protocol's
        """Publishes them."""
        way = self._vhost.way(self.name)
        assert way is not None, "there was room"
        if self._vhost.submit(way, batch, self._copies, receipt) == SPLIT:
            for one in batch.singles():
                self._vhost.submit(way, one, self._copies, receipt)


def address_of(exchange: str, key: str) -> Address:
    """Where a message is published to. Raises: ValueError for a name that is too long."""
    return Address(exchange, key, False, False, _short(exchange) + _short(key))


def _short(text: str) -> bytes:
    encoded = text.encode("utf-8", "surrogateescape")
    if len(encoded) > SHORT_BYTES_MAX:
        raise ValueError(f"names of exchanges and routing keys have at most {SHORT_BYTES_MAX} bytes")
    return bytes([len(encoded)]) + encoded


def _room(queues: Sequence[PublishTarget], batch: Batch, source: Queue, vhost: str) -> int:
    """How many messages like these every one of the queues takes. Raises: RefusedError where that is none."""
    count = len(batch.bodies)
    for queue in queues:
        if queue is source:
            raise RefusedError(f"{queue_rs(queue.name, vhost)} would get its own messages")
        if isinstance(queue, ClassicQueue):
            count = min(count, _left(queue, batch.body_bytes, vhost))
    return count


def _left(queue: ClassicQueue, body_bytes: int, vhost: str) -> int:
    """How many messages of a size a queue takes until it has as many as it may have."""
    settings, ready = queue.settings, queue.ready
    left = settings.length_max - ready.count if settings.length_max >= 0 else NO_LIMIT
    name = "max-length"
    if settings.length_bytes_max >= 0 and body_bytes:
        by_bytes = (settings.length_bytes_max - ready.body_bytes) // body_bytes
        left, name = (by_bytes, "max-length-bytes") if by_bytes < left else (left, name)
    if left <= 0:
        limit = settings.length_max if name == "max-length" else settings.length_bytes_max
        raise RefusedError(f"{queue_rs(queue.name, vhost)} is full: its {name} is {limit}")
    return left
