"""A broker in this process, and pika on it. Each test has a broker of its own: it starts in a few milliseconds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress

import pika
import pytest
from pika.adapters.blocking_connection import BlockingChannel, BlockingConnection
from pika.exceptions import AMQPError

from broker.testing import Broker

Connect = Callable[..., BlockingConnection]


@pytest.fixture
def broker() -> Iterator[Broker]:
    """In place of the suite's own broker."""
    with Broker() as started:
        yield started


@pytest.fixture
def connect(broker: Broker) -> Iterator[Connect]:
    """Opens pika connections; takes what pika.URLParameters has, by name."""
    opened: list[BlockingConnection] = []

    def make(**options: object) -> BlockingConnection:
        parameters = pika.URLParameters(broker.url)
        parameters.socket_timeout = parameters.blocked_connection_timeout = 15
        for name, value in options.items():
            setattr(parameters, name, value)
        opened.append(pika.BlockingConnection(parameters))
        return opened[-1]

    yield make
    for connection in opened:
        with suppress(AMQPError):  # the broker was told to end it
            connection.close()


@pytest.fixture
def channel(connect: Connect) -> BlockingChannel:
    """A pika channel in confirm mode."""
    made = connect().channel()
    made.confirm_delivery()
    return made
