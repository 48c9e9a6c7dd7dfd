"""Messages that are all different and say what they are. Must not: open connections."""

from __future__ import annotations

import random
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pamqp.commands import Basic

from tests.crash.kill.events import Content, Sent, content_of
from tests.crash.kill.layout import FAN, LEDGER, LEVEL_MAX, SPREAD, WORK
from tests.support.raw_frames import properties_bytes

SIZES = ((0, 0), (1, 64), (64, 1000), (1000, 20_000), (20_000, 200_000))
SIZE_WEIGHTS = (10, 30, 45, 12, 3)
BODY_HEAD_BYTES = 64
PERSISTENT = 2
STAMP = datetime(2024, 2, 29, 12, 30, tzinfo=UTC)


@dataclass(frozen=True)
class Route:
    """Where a message goes: exchange, routing key, the queues it must reach, and a priority where that counts."""

    exchange: str
    routing_key: str
    queues: tuple[str, ...]
    priority: int | None = None

    @property
    def level(self) -> int:
        """The level of a priority queue that it waits in."""
        return min(self.priority or 0, LEVEL_MAX)


Router = Callable[[random.Random], Route]


def directly(*queues: str) -> Router:
    """One of these queues, through the direct or the default exchange."""
    return lambda rng: _direct(rng, rng.choice(queues))


def spread(_: random.Random) -> Route:
    """All queues of the fanout exchange."""
    return Route(SPREAD, "ignored", FAN)


def with_priority(rng: random.Random) -> Route:
    """The priority queue, with any priority, none, or one above its highest level."""
    return Route(WORK, "levels", ("levels",), rng.choice((None, 0, 1, 2, 3, 4, 5, 9)))


def anywhere(queues: Sequence[str]) -> Router:
    """One of these queues, or the fanout exchange."""
    return lambda rng: spread(rng) if rng.random() < 0.25 else _direct(rng, rng.choice(queues))


TO_LEDGER = Route("", LEDGER, (LEDGER,))


def _direct(rng: random.Random, queue: str) -> Route:
    return Route(rng.choice(("", WORK)), queue, (queue,))


class Writer:
    """Makes the messages of one publisher, numbered from 1 over all lives."""

    def __init__(self, publisher: str, rng: random.Random) -> None:
        self.publisher = publisher
        self.rng = rng
        self.number = 0

    def next(
        self, connection: str, route: Route, transaction: int | None = None, is_small: bool = False
    ) -> tuple[Sent, bytes]:
        """The note for the history, and the body."""
        self.number += 1
        message_id = f"{self.publisher}#{self.number}"
        body = b"" if is_small else _body(self.rng, message_id)
        properties = properties_bytes(_properties(self.rng, message_id, route.priority))
        content = content_of(route.exchange, route.routing_key, properties, body)
        sent = Sent(connection, self.publisher, self.number, route.queues, content, route.level, transaction)
        return sent, body


def _body(rng: random.Random, message_id: str) -> bytes:
    """Random bytes, behind the message's id and their checksum where that fits."""
    size = rng.randint(*rng.choices(SIZES, SIZE_WEIGHTS)[0])
    if size < BODY_HEAD_BYTES:
        return rng.randbytes(size)
    rest = rng.randbytes(size - BODY_HEAD_BYTES)
    return f"{message_id} {zlib.crc32(rest):08x}".encode().ljust(BODY_HEAD_BYTES) + rest


def _properties(rng: random.Random, message_id: str, priority: int | None) -> Basic.Properties:
    more: dict[str, Any] = {}
    if rng.random() < 0.3:
        more["headers"] = {"n": rng.randrange(2**40), "text": "žlutý kůň", "deep": {"list": [1, "two", None, True]}}
    if rng.random() < 0.2:
        more.update(content_type="application/octet-stream", correlation_id=str(rng.random()), timestamp=STAMP)
    if rng.random() < 0.2:
        more["expiration"] = "3600000"
    return Basic.Properties(message_id=message_id, delivery_mode=PERSISTENT, priority=priority, **more)


def content_received(delivery: Any) -> Content:
    """The content of a delivery or get-ok, to be compared with what was sent."""
    raw_properties = delivery.header[12:]  # behind class, weight and size (AMQP 0-9-1 §4.2.6.1)
    return content_of(delivery.exchange, delivery.routing_key, raw_properties, delivery.body)
