"""A whole broker inside the test: no sockets, no threads, and a clock that moves only when told to.

`SansBroker` is a node with a call_soon of its own; `SansClient` speaks raw frames to a connection and reads what was
written. Must not: sleep, or reach into the broker to make something happen.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

from pamqp import base, commands
from pamqp.body import ContentBody
from pamqp.commands import Basic
from pamqp.frame import marshal, unmarshal
from pamqp.header import ContentHeader

from broker.clock import ManualClock
from broker.config import Config
from broker.connections.connection import Connection
from broker.node import Node
from broker.queues.paging import MemoryBudget
from protocol.constants import PROTOCOL_HEADER
from protocol.lifecycle import OPEN
from storage.commit import Timers
from storage.definitions import StagedDefinitions
from storage.definitions_disk import Disk, MemoryDisk
from storage.journal import Journal
from storage.worker import InlineWorker, Worker
from tests.support.accounts import GUEST

START_MS = 1_700_000_000_000
TURNS_MAX = 1000  # turns without an end mean a livelock
CAPABILITIES = {"consumer_cancel_notify": True, "connection.blocked": True, "authentication_failure_close": True}


@dataclass(frozen=True)
class Received:
    """One method from the broker, with its content where it has some; `properties` is the raw list with its flags."""

    channel: int
    frame: base.Frame
    properties: bytes = b""
    body: bytes = b""

    @property
    def name(self) -> str:
        """The method, as in `Basic.Deliver`."""
        return str(self.frame.name)


class FrameReader:
    """Puts the broker's bytes together to methods with content; counts heartbeats."""

    def __init__(self) -> None:
        self._data = b""
        self._missing = -1  # bytes of the body still to come; -1 with no content under way
        self._pending: Received | None = None
        self.heartbeats = 0
        self.frame_bytes_max = 0

    def read(self, data: bytes) -> list[Received]:
        """What is whole now."""
        self._data += data
        found: list[Received] = []
        while len(self._data) >= 8 and self._data[:4] != b"AMQP":
            size = int.from_bytes(self._data[3:7], "big") + 8
            if len(self._data) < size:
                break
            assert self._data[size - 1] == 0xCE, "a frame ends in CE"
            self.frame_bytes_max = max(self.frame_bytes_max, size)
            raw, self._data = self._data[:size], self._data[size:]
            found += self._frame(raw)
        return found

    @property
    def rest(self) -> bytes:
        """Bytes that are no whole frame."""
        return self._data

    def _frame(self, raw: bytes) -> list[Received]:
        kind, channel = raw[0], int.from_bytes(raw[1:3], "big")
        if kind == 8:
            self.heartbeats += 1
            return []
        if kind == 1:
            assert self._pending is None, "a method within content"
            received = Received(channel, unmarshal(raw)[2])
            if received.name not in ("Basic.Deliver", "Basic.GetOk", "Basic.Return"):
                return [received]
            self._pending = received
            return []
        pending = self._pending
        assert pending is not None
        assert pending.channel == channel, "content of another channel in between"
        payload = raw[7:-1]
        if kind == 2:
            self._missing = int.from_bytes(payload[4:12], "big")
            pending = replace(pending, properties=payload[12:])
        else:
            self._missing -= len(payload)
            pending = replace(pending, body=pending.body + payload)
        assert self._missing >= 0
        self._pending = pending if self._missing else None
        return [] if self._missing else [pending]


class FakeTransport:
    """A TransportPort that keeps what is written, one entry a call."""

    def __init__(self) -> None:
        self.writes: list[bytes] = []
        self.is_reading = True
        self.is_closed = False
        self.is_aborted = False

    def write(self, data: bytes) -> None:
        assert not self.is_closed, "nothing is written after the end"
        self.writes.append(data)

    def close(self) -> None:
        self.is_closed = True

    def abort(self) -> None:
        self.is_closed = self.is_aborted = True

    def stop_reading(self) -> None:
        self.is_reading = False

    def start_reading(self) -> None:
        self.is_reading = True


def publish_frames(
    channel: int, exchange: str, key: str, body: bytes, properties: Basic.Properties | None = None,
    mandatory: bool = False, frame_max: int = 131072,
) -> bytes:  # fmt: skip
    """The frames of one message."""
    header = ContentHeader(0, len(body), properties or Basic.Properties())
    limit = frame_max - 8
    parts = [body[at : at + limit] for at in range(0, len(body), limit)]
    frames = [Basic.Publish(exchange=exchange, routing_key=key, mandatory=mandatory), header, *map(ContentBody, parts)]
    return b"".join(marshal(frame, channel) for frame in frames)


class SansClient:
    """One client: bytes go to its connection while the transport reads, and wait otherwise, as in a socket."""

    def __init__(self, broker: SansBroker, peer: str) -> None:
        self.broker = broker
        self.transport = FakeTransport()
        self.reader = FrameReader()
        self.received: list[Received] = []
        self.frame_max = 131072
        self.is_lost = False
        self._unread: deque[bytes] = deque()
        self._writes_seen = 0
        self.connection = Connection(broker.node.services, self.transport, peer, True)

    # ---- input of the broker

    def send(self, data: bytes) -> None:
        """Bytes for the broker; it sees them at the next turn, or at once if nothing waits."""
        self._unread.append(data)
        self.feed()

    def feed(self) -> bool:
        """Hands over what waits while the transport reads; whether there was any."""
        fed = False
        while self._unread and self.transport.is_reading and not self.transport.is_closed and not self.is_lost:
            self.connection.data_received(self._unread.popleft())
            while self.connection.has_more:
                self.connection.go_on()
            fed = True
        return fed

    def method(self, channel: int, frame: base.Frame) -> None:
        """Sends one method."""
        self.send(marshal(frame, channel))

    def publish(
        self, channel: int, exchange: str, key: str, body: bytes, properties: Basic.Properties | None = None,
        mandatory: bool = False,
    ) -> None:  # fmt: skip
        """Sends one message."""
        self.send(publish_frames(channel, exchange, key, body, properties, mandatory, self.frame_max))

    def lose(self) -> None:
        """The socket breaks."""
        if not self.is_lost:
            self.is_lost = True
            self.connection.lost()

    # ---- output of the broker

    def collect(self) -> None:
        """Reads what was written since the last time."""
        for data in self.transport.writes[self._writes_seen :]:
            self.received += self.reader.read(data)
        self._writes_seen = len(self.transport.writes)

    def take(self, channel: int | None = None) -> list[Received]:
        """Everything received since the last take, of one channel or all."""
        self.collect()
        taken = [event for event in self.received if channel in (None, event.channel)]
        self.received = [event for event in self.received if event not in taken]
        return taken

    def call(self, channel: int, frame: base.Frame) -> list[Received]:
        """Sends a method, lets the broker come to rest, and takes what came on that channel."""
        self.method(channel, frame)
        self.broker.turn()
        return self.take(channel)

    def answer(self, channel: int, frame: base.Frame) -> base.Frame:
        """The one method a method is answered with."""
        events = [event for event in self.call(channel, frame) if event.name != "Basic.Deliver"]
        assert len(events) == 1, events
        return events[0].frame

    # ---- handshake

    def open(
        self, capabilities: dict[str, object] | None = None, heartbeat_s: int = 0, frame_max: int = 131072,
        vhost: str = "/",
    ) -> SansClient:  # fmt: skip
        """The whole handshake as user guest."""
        self.frame_max = frame_max
        properties = {"capabilities": CAPABILITIES if capabilities is None else capabilities}
        self.send(PROTOCOL_HEADER)
        self.method(0, commands.Connection.StartOk(properties, "PLAIN", "\0guest\0guest", "en_US"))
        self.method(0, commands.Connection.TuneOk(2047, frame_max, heartbeat_s))
        self.method(0, commands.Connection.Open(vhost))
        self.broker.turn()
        names = [event.name for event in self.take(0)]
        assert names == ["Connection.Start", "Connection.Tune", "Connection.OpenOk"], names
        assert self.connection.engine.state == OPEN
        return self

    def channel(self, number: int = 1) -> int:
        """Opens a channel."""
        assert self.answer(number, commands.Channel.Open()).name == "Channel.OpenOk"
        return number


class SansBroker:
    """A node and its clients; `disk` is where its definitions lie, `worker` brings them there.

    `journal` makes the journal from timers and a clock; without it messages are in memory; `spool` makes the one for
    transient messages. `budget` is how much memory queues may take.
    """

    def __init__(
        self, config: Config | None = None, disk: Disk | None = None, worker: Worker | None = None,
        journal: Callable[[Timers, Callable[[], int]], Journal] | None = None,
        budget: MemoryBudget | None = None, now_ms: int = START_MS,
        spool: Callable[[Timers, Callable[[], int]], Journal] | None = None,
    ) -> None:  # fmt: skip
        self.clock = ManualClock(now_ms)
        self.soon: deque[Callable[[], None]] = deque()
        self.config = config or Config()
        self.disk = disk or MemoryDisk()
        self.definitions = StagedDefinitions(self.disk, worker or InlineWorker())
        self.node = Node(self.config, self.clock, self.soon.append, self.definitions, journal, spool, budget)
        if self.node.is_new:
            self.node.create_defaults(GUEST)
        self.vhost = self.node.vhosts[self.config.default_vhost]
        self.clients: list[SansClient] = []
        self.turns = 0

    def killed(self) -> SansBroker:
        """Another broker on the same disk, as after kill -9: what has not reached it is lost."""
        return SansBroker(self.config, self.disk)

    def connect(self) -> SansClient:
        """A client that has said nothing yet."""
        client = SansClient(self, f"127.0.0.1:{40_000 + len(self.clients)}")
        self.clients.append(client)
        return client

    def turn(self) -> None:
        """Turns the loop until nothing is left to do at this time."""
        for _ in range(TURNS_MAX):
            fed = sum(client.feed() for client in self.clients) > 0
            for client in self.clients:
                if client.transport.is_closed:
                    client.lose()
            if not self.soon and not fed:
                return
            for _ in range(len(self.soon)):
                self.soon.popleft()()
            self.turns += 1
        raise AssertionError("the broker does not come to rest")

    def one_turn(self) -> None:
        """One turn of the loop: what call_soon holds now, and nothing that it adds."""
        for _ in range(len(self.soon)):
            self.soon.popleft()()

    def advance(self, by_ms: int) -> None:
        """Moves the clock to each deadline up to then in order, as a loop would, and lets the broker come to rest."""
        end_ms = self.clock.now_ms() + by_ms
        while (due_ms := self.node.deadlines.next_due_ms()) is not None and due_ms <= end_ms:
            self.wake(max(0, due_ms - self.clock.now_ms()))
        self.clock.advance(end_ms - self.clock.now_ms())
        self.turn()

    def wake(self, after_ms: int) -> None:
        """Moves the clock and runs what is due then, once: what that makes due has to be woken again."""
        self.clock.advance(after_ms)
        self.node.deadlines.run_due(self.clock.now_ms())
        self.node.tick.schedule()
        self.turn()
