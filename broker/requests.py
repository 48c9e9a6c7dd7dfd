"""What can be asked of operations, and by whom. Must not: check or do anything."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from broker.auth.authorization import Subject
from broker.auth.permissions import Kind
from broker.model.arguments import Arguments
from broker.model.vhost_metadata import VhostMetadata
from broker.vhost import Vhost

__all__ = [
    "CONFIGURE",
    "READ",
    "WRITE",
    "Actor",
    "ExchangeRequest",
    "Kind",
    "QueueRequest",
    "QueueState",
]

CONFIGURE: Final = "configure"
WRITE: Final = "write"
READ: Final = "read"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asks, in which vhost; `owner` is the identity exclusive queues belong to (a connection)."""

    subject: Subject
    vhost: Vhost
    owner: object = None

    @property
    def user(self) -> str:
        """The user's name; empty for the broker's owner."""
        return self.subject.user


@dataclass(frozen=True, slots=True)
class QueueRequest:
    """A queue declaration as it was asked for; an empty name asks for a generated one."""

    name: str
    durable: bool
    exclusive: bool
    auto_delete: bool
    arguments: Arguments

    def with_default_type(self, metadata: VhostMetadata) -> QueueRequest:
        """The same with the vhost's default queue type where it names none and the queue can be of that type."""
        default = metadata.default_queue_type
        if not default or not self.name or "x-queue-type" in self.arguments.values:
            return self
        if default != "classic" and (self.exclusive or self.auto_delete or not self.durable):
            return self
        return replace(self, arguments=self.arguments.having("x-queue-type", default))


@dataclass(frozen=True, slots=True)
class ExchangeRequest:
    """An exchange declaration as it was asked for."""

    name: str
    type: str
    durable: bool
    auto_delete: bool
    internal: bool
    arguments: Arguments


@dataclass(frozen=True, slots=True)
class QueueState:
    """What a declare answers: the name, the messages ready and the consumers."""

    name: str
    message_count: int
    consumer_count: int
