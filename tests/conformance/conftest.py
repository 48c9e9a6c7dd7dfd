"""Connections, channels and names for conformance tests; everything a test named is deleted after it."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable, Iterator

import pytest
from pamqp.commands import Exchange, Queue

from tests.support.brokers import RunningBroker
from tests.support.raw import RawConnection
from tests.support.raw_channel import RawChannel

GOODBYE_SECONDS = 1.0

Connect = Callable[..., RawConnection]
Name = Callable[[str], str]


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "real_time: takes seconds of real time (heartbeats); best run in parallel")


@pytest.fixture
def name(broker: RunningBroker) -> Iterator[Name]:
    """Names nobody else uses; queues and exchanges of these names are deleted after the test."""
    given: list[str] = []

    def make(label: str) -> str:
        given.append(f"conf-{uuid.uuid4().hex[:8]}-{label}")
        return given[-1]

    yield make
    if not given:
        return
    with RawConnection(broker.host, broker.port) as connection:
        channel = connection.log_in().channel()
        for item in given:
            channel.send(Queue.Delete(queue=item), Exchange.Delete(exchange=item))
            channel.expect(Queue.DeleteOk)
            channel.expect(Exchange.DeleteOk)
        connection.close()


@pytest.fixture
def peer(broker: RunningBroker, name: Name) -> Iterator[Connect]:
    """Opens sockets that have said nothing yet; closes them after the test, before its names are deleted."""
    del name
    opened: list[RawConnection] = []

    def make() -> RawConnection:
        opened.append(RawConnection(broker.host, broker.port))
        return opened[-1]

    yield make
    for connection in opened:
        with contextlib.suppress(AssertionError, OSError, ValueError):
            connection.socket.settimeout(GOODBYE_SECONDS)
            if connection.is_logged_in:
                connection.close()
        connection.socket.close()


@pytest.fixture
def connect(peer: Connect) -> Connect:
    """Opens logged-in connections; takes what `RawConnection.log_in` takes."""
    return lambda *args, **kwargs: peer().log_in(*args, **kwargs)


@pytest.fixture
def connection(connect: Connect) -> RawConnection:
    """A logged-in connection."""
    return connect()


@pytest.fixture
def channel(connection: RawConnection) -> RawChannel:
    """An open channel on `connection`."""
    return connection.channel()


@pytest.fixture
def queue(channel: RawChannel, name: Name) -> str:
    """A plain queue: transient, shared, not auto-deleted."""
    return str(channel.declare_queue(name("q")).queue)


@pytest.fixture
def exchange(channel: RawChannel, name: Name) -> str:
    """A plain direct exchange."""
    exchange = name("x")
    channel.declare_exchange(exchange)
    return exchange
