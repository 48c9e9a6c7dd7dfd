"""What the peers of a broker wrote down while it lived, was killed and lived again. Must not: judge.

A history is one list in one order over all connections. What was sent is written down before it is sent, what was
received after it was received; no connection outlives the life it was made in, and all of them have ended before the
next `Started`. So "A stands before B" means: if B is known to have happened, A was asked for before.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Content:
    """What must come out as it went in: the property list's bytes, body size and digest, exchange, routing key."""

    exchange: str
    routing_key: str
    properties: bytes
    size_bytes: int
    digest: str


def content_of(exchange: str, routing_key: str, properties: bytes, body: bytes) -> Content:
    """The content as it is compared; bodies are kept as digests, so that a long history stays small."""
    digest = hashlib.blake2b(body, digest_size=8).hexdigest()
    return Content(exchange, routing_key, properties, len(body), digest)


@dataclass(frozen=True, slots=True)
class Started:
    """A new life of the broker begins; every connection before it is gone."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A persistent message is published; `publisher` and `number` (rising) make it unique.

    `queues` are those it must reach, `level` its priority there, `transaction` a number if it belongs to one.
    """

    connection: str
    publisher: str
    number: int
    queues: tuple[str, ...]
    content: Content
    level: int = 0
    transaction: int | None = None

    @property
    def id(self) -> str:
        """The message id that it carries."""
        return f"{self.publisher}#{self.number}"


@dataclass(frozen=True, slots=True)
class Confirmed:
    """The broker's basic.ack for a publish came, or its basic.nack."""

    id: str
    is_ack: bool = True


@dataclass(frozen=True, slots=True)
class CommitSent:
    """tx.commit is sent."""

    publisher: str
    transaction: int


@dataclass(frozen=True, slots=True)
class CommitOk:
    """tx.commit-ok came."""

    publisher: str
    transaction: int


@dataclass(frozen=True, slots=True)
class Reading:
    """A connection begins to read a queue.

    At most `reach` messages (prefetch; 1 for basic.get one by one; None: no limit) are on their way to it or unsettled
    at a time; with `is_auto` what is on its way is settled already.
    """

    connection: str
    queue: str
    reach: int | None
    is_auto: bool = False


@dataclass(frozen=True, slots=True)
class Delivered:
    """A message came from a queue."""

    connection: str
    queue: str
    id: str
    is_redelivered: bool
    content: Content


@dataclass(frozen=True, slots=True)
class Settled:
    """A settlement is sent (or, with auto-ack, went with the delivery).

    `is_requeued` keeps the message in its queue.
    """

    connection: str
    queue: str
    id: str
    is_requeued: bool = False


@dataclass(frozen=True, slots=True)
class Gone:
    """A durable queue, exchange or binding was not there, or not as it was declared."""

    what: str


@dataclass(frozen=True, slots=True)
class Complaint:
    """A connection saw what no broker should do: no answer, an end before the kill, a refusal."""

    text: str


Event = Started | Sent | Confirmed | CommitSent | CommitOk | Reading | Delivered | Settled | Gone | Complaint
