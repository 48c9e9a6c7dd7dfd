"""The shell of a connection: publishers who are ahead of consumers skip turns, and that is seen."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import cast

import pytest
from pamqp import commands
from pamqp.commands import Basic
from pamqp.frame import marshal

from broker.connections.output import STALLED_BYTES_MAX
from broker.connections.transport import BACKLOG_PER_TURN, READ_BYTES_PER_TURN, SocketTransport
from broker.introspection.copies import FLOW_SHOWN_MS
from broker.introspection.infos import ConnectionInfo
from broker.introspection.window import Introspection
from protocol.constants import PROTOCOL_HEADER
from tests.support.sansio import CAPABILITIES, SansBroker, publish_frames

BODY = b"b" * 100
LOGIN = commands.Connection.StartOk({"capabilities": CAPABILITIES}, "PLAIN", "\0guest\0guest", "en_US")


class Loop:
    """What a transport asks of the event loop."""

    def __init__(self, soon: deque[Callable[[], None]]) -> None:
        self.soon = soon
        self.later: list[Callable[[], None]] = []

    def call_soon(self, callback: Callable[[], None]) -> None:
        self.soon.append(callback)

    def call_later(self, _delay_s: float, callback: Callable[[], None]) -> None:
        self.later.append(callback)


class Socket:
    """An asyncio transport that takes everything."""

    def __init__(self) -> None:
        self.is_reading = True
        self.unsent_bytes = 0

    def set_write_buffer_limits(self, high: int) -> None:
        assert high

    def get_extra_info(self, name: str) -> tuple[str, int]:
        return {"peername": ("127.0.0.1", 4000), "sockname": ("127.0.0.1", 5672)}[name]

    def write(self, data: bytes) -> None:
        assert data

    def get_write_buffer_size(self) -> int:
        return self.unsent_bytes

    def is_closing(self) -> bool:
        return False

    def pause_reading(self) -> None:
        self.is_reading = False

    def resume_reading(self) -> None:
        self.is_reading = True


class Publisher:
    """A client on a real transport without a loop or a socket."""

    def __init__(self, broker: SansBroker) -> None:
        self.broker = broker
        self.loop, self.socket = Loop(broker.soon), Socket()
        self.transport = SocketTransport(broker.node.services, 1, cast("asyncio.AbstractEventLoop", self.loop))
        self.transport.connection_made(cast("asyncio.Transport", self.socket))
        for frame in (LOGIN, commands.Connection.TuneOk(9, 131072, 0), commands.Connection.Open("/")):
            self.read((b"" if frame is not LOGIN else PROTOCOL_HEADER) + marshal(frame, 0))
            broker.turn()
        self.read(marshal(commands.Channel.Open(), 1))
        broker.turn()

    def read(self, data: bytes) -> None:
        """The loop has read this from the socket."""
        assert self.socket.is_reading
        self.transport.get_buffer(-1)[: len(data)] = data
        self.transport.buffer_updated(len(data))

    def flood(self) -> None:
        """As much as the broker reads in one turn."""
        message = publish_frames(1, "", "q", BODY)
        self.read(message * (READ_BYTES_PER_TURN // len(message)))
        if self.socket.is_reading:
            self.read(message)

    @property
    def info(self) -> ConnectionInfo:
        """What can be seen of it."""
        return next(one for one in Introspection(self.broker.node).connections().items if one.peer_port == 4000)


@pytest.fixture
def broker() -> SansBroker:
    """A broker without sockets; hides the process the other tests share."""
    return SansBroker()


@pytest.fixture
def publisher(broker: SansBroker) -> Publisher:
    """One who publishes to a queue whose only consumer takes nothing."""
    client = broker.connect().open()
    client.channel(1)
    client.answer(1, commands.Queue.Declare(queue="q"))
    client.answer(1, Basic.Consume(queue="q", no_ack=True))
    client.connection.writable(False)
    return Publisher(broker)


def behind(broker: SansBroker, publisher: Publisher) -> None:
    """Publishes until the consumer is far enough behind."""
    while broker.vhost.queues["q"].backlog() < BACKLOG_PER_TURN:
        assert publisher.info.state == "running"
        publisher.flood()
        broker.turn()


def test_a_publisher_that_is_not_ahead_of_consumers_is_running(broker: SansBroker, publisher: Publisher) -> None:
    publisher.flood()
    assert not publisher.socket.is_reading, "others have their turn first"
    broker.turn()
    assert publisher.socket.is_reading
    assert (publisher.info.state, broker.node.connections.slowed) == ("running", 0)


def test_a_publisher_that_skips_turns_is_in_flow_until_a_while_after(broker: SansBroker, publisher: Publisher) -> None:
    behind(broker, publisher)
    publisher.flood()
    broker.one_turn()
    assert not publisher.socket.is_reading, "it skips more than one"
    broker.turn()
    assert publisher.socket.is_reading
    node = Introspection(broker.node).node()
    assert (publisher.info.state, node.connections_flow) == ("flow", 1)
    assert node.flow_total == broker.node.connections.slowed >= 1
    broker.advance(FLOW_SHOWN_MS)
    assert publisher.info.state == "flow"
    broker.advance(1)
    assert publisher.info.state == "running"
    assert Introspection(broker.node).node().connections_flow == 0


def test_blocked_is_shown_before_flow(broker: SansBroker, publisher: Publisher) -> None:
    behind(broker, publisher)
    publisher.flood()
    broker.turn()
    assert publisher.info.state == "flow"
    broker.node.alarms.set("memory", True)
    assert publisher.info.state == "blocked"
    broker.node.alarms.set("memory", False)
    assert publisher.info.state == "flow"


def test_who_does_not_read_is_not_read(broker: SansBroker, publisher: Publisher) -> None:
    publisher.socket.unsent_bytes = STALLED_BYTES_MAX + 1
    publisher.read(marshal(commands.Queue.Declare(queue="q", passive=True), 1))
    broker.turn()
    assert not publisher.socket.is_reading
    publisher.transport.resume_writing()
    assert publisher.socket.is_reading
