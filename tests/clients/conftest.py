"""Names that are cleaned up, and pika connections that are closed, for the tests of all client libraries."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator

import pika
import pytest
from pika.adapters.blocking_connection import BlockingChannel, BlockingConnection

from tests.clients.support import Link
from tests.support.brokers import RunningBroker

Name = Callable[[str], str]
Connect = Callable[..., BlockingConnection]


def parameters(broker: RunningBroker | Link, **options: object) -> pika.URLParameters:
    """How to reach the broker; `options` are set on pika's parameters by name."""
    made = pika.URLParameters(broker.url())
    made.socket_timeout = made.blocked_connection_timeout = 15
    for name, value in options.items():
        setattr(made, name, value)
    return made


@pytest.fixture
def name(broker: RunningBroker) -> Iterator[Name]:
    """Names nobody else uses; queues and exchanges of these names are deleted after the test."""
    given: list[str] = []

    def make(label: str = "q") -> str:
        given.append(f"clients-{uuid.uuid4().hex[:10]}-{label}")
        return given[-1]

    yield make
    if not given:
        return
    with pika.BlockingConnection(parameters(broker)) as connection:
        channel = connection.channel()
        for item in given:
            channel.queue_delete(item)
            channel.exchange_delete(item)


@pytest.fixture
def connect(broker: RunningBroker, name: Name) -> Iterator[Connect]:
    """Opens pika connections; takes `parameters`' options; closes what is open after the test, before names go."""
    del name
    opened: list[BlockingConnection] = []

    def make(**options: object) -> BlockingConnection:
        opened.append(pika.BlockingConnection(parameters(broker, **options)))
        return opened[-1]

    yield make
    for connection in opened:
        if connection.is_open:
            connection.close()


@pytest.fixture
def connection(connect: Connect) -> BlockingConnection:
    """A pika connection."""
    return connect()


@pytest.fixture
def channel(connection: BlockingConnection) -> BlockingChannel:
    """A pika channel."""
    return connection.channel()
