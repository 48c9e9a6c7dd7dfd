"""A whole broker on the event loop of one thread, made for tests: it goes up and down on one port.

Everything but `FaultState` and the clock is what brokerd runs. Must not: be called from another thread
(`in_process.py` brings calls over).
"""

from __future__ import annotations

import asyncio
import dataclasses
import socket
import struct
import tempfile
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pamqp.header import ContentHeader

from broker.auth.passwords import SHA256, hash_password
from broker.auth.users import PasswordHash
from broker.clock import Deadlines
from broker.config import Config
from broker.config_options import options_of
from broker.connections.connection import Connection
from broker.connections.transport import SocketTransport
from broker.node import Node
from broker.queues.browsing import FRONT, Place, Waiting, look
from broker.testing.clock import MovableClock
from broker.testing.errors import QueueNotFoundError
from broker.testing.facts import (
    FOLDER,
    HOST,
    PASSWORD,
    USER,
    ConnectionState,
    Message,
    QueueState,
    Settings,
)
from broker.testing.faults import FaultState
from broker.testing.link import Link
from broker.testing.ports import free_port
from broker.vhost import Vhost
from broker.waking import Waker
from storage.commit import Timers
from storage.definitions import StagedDefinitions
from storage.definitions_disk import MemoryDisk
from storage.memory import MemoryJournal
from storage.worker import InlineWorker

if TYPE_CHECKING:
    from broker.outlets import Outlets
    from broker.stores import Stores

BACKLOG: Final = 1024
STEPS_MAX: Final = 10_000  # of one move of the clock: about a second's work
LAST_STEPS_MAX: Final = 100  # for what things done at the end cause at once
DRAIN_S_MAX: Final = 0.05  # what clients get to answer connection.close; one that is not reading cannot
TURN_S: Final = 0.001
MESSAGES_MAX: Final = 100_000  # shown of one queue
REBIND_TURNS_MAX: Final = 1000
CONTENT_CLASS: Final = 60


def config_for(settings: Settings, folder: Path | None) -> Config:
    """The configuration of a broker for tests: alarms are the test's, and nobody waits where nothing is to be seen.

    Raises: ValueError for an option that brokerd does not know.
    """
    known = {option.name: option for option in options_of(Config)}
    chosen = {}
    for name, value in settings.options.items():
        if name not in known:
            raise ValueError(f"brokerd has no setting {name!r}; brokerd --help lists them")
        option = known[name]
        try:
            chosen[name] = option.parse(value) if isinstance(value, str) else option.check(value)
        except ValueError:
            raise ValueError(f"{name} is {option.allowed}, not {value!r}") from None
    fixed = {
        "host": HOST, "port": 0, "metrics_port": 0, "management_port": free_port() if settings.management else 0,
        "data_dir": folder or Path(tempfile.gettempdir()),
        "default_user": USER, "default_pass": PASSWORD, "disk_free_min_bytes": 0, "memory_high_watermark": 1.0,
        "auth_failure_delay_s": 0.0, "fsync": "never", "password_hashing": SHA256, "login_failures_max": 0,
    }  # fmt: skip
    return Config(**{**fixed, **chosen})  # type: ignore[arg-type]  # each was checked against its option


class Host:
    """One broker; what is durable stays from one `up` to the next."""

    def __init__(self, settings: Settings, folder: Path | None, loop: asyncio.AbstractEventLoop) -> None:
        """Args: folder is where things are stored; None keeps them in memory."""
        self.config = config_for(settings, folder)
        self.clock = MovableClock()
        self.faults = FaultState(self._routes)
        self.node: Node  # while it is up
        self.port = 0
        self._loop = loop
        self._in_folder = settings.storage == FOLDER
        self._management = settings.management
        self._disk = MemoryDisk()
        self._journal = MemoryJournal()
        self._stores: Stores | None = None
        self._outlets: Outlets | None = None
        self._links_due: Deadlines
        self._waker: Waker
        self._link_waker: Waker
        self._listener: asyncio.Server | None = None
        self._held: socket.socket | None = None  # keeps the port while nobody listens

    # ---- up and down

    async def up(self) -> None:
        """Starts, with what an earlier run has left, and listens."""
        node = self.node = self._make_node()
        self._links_due = Deadlines()
        node.services = dataclasses.replace(node.services, timers=self._links_due, link_ms=self.clock.real_ms)
        self._waker = Waker(node.deadlines, self.clock.now_ms, self._loop.call_later, node.run_deadlines)
        self._link_waker = Waker(self._links_due, self.clock.real_ms, self._loop.call_later, self._run_links)
        node.tick.on_end = self._arm
        if node.is_new:
            node.create_defaults(PasswordHash(hash_password(PASSWORD, SHA256), SHA256))
        stored: asyncio.Future[str] = self._loop.create_future()
        node.definitions.when_stored(lambda: stored.set_result(""), stored.set_result)
        trouble = await stored
        if trouble:
            raise OSError(trouble)
        await self.listen()
        if self._management:
            self._serve_http()

    def _serve_http(self) -> None:
        """The HTTP API, which answers in a moment: what it imports is imported in a thread."""
        from broker.outlets import Outlets  # noqa: PLC0415

        assert self._listener is not None, "listens"
        self._outlets = Outlets(self.node, lambda: None)
        self._outlets.listen(self.config)
        self._outlets.serve(("amqp", sock) for sock in self._listener.sockets)

    def _make_node(self) -> Node:
        if self._in_folder:
            from broker.stores import Stores  # noqa: PLC0415 - a tenth of all that is imported

            stores = self._stores = Stores(self.config, self._loop.call_soon_threadsafe)
            definitions = stores.open_definitions()
            return Node(
                self.config, self.clock, self._loop.call_soon, definitions, stores.open_log, stores.open_spool
            )  # fmt: skip
        self._journal.reopen()
        staged = StagedDefinitions(self._disk, InlineWorker())
        return Node(self.config, self.clock, self._loop.call_soon, staged, self._open_memory)

    def _open_memory(self, _timers: Timers, _clock_ms: object) -> MemoryJournal:
        return self._journal

    async def down(self) -> None:
        """Closes every connection as brokerd does on SIGTERM, and ends; the port stays ours."""
        await self.unlisten()
        for connection in list(self.node.connections.open):
            connection.force_close("broker forced connection closure with reason 'shutdown'")
        deadline = self._loop.time() + DRAIN_S_MAX
        while self.node.connections.open and self._loop.time() < deadline:
            await asyncio.sleep(TURN_S)
        for link in list(self.faults.links):
            link.cut(reset=False)
        while self.faults.links:
            await asyncio.sleep(TURN_S)
        if self._outlets is not None:
            await self._outlets.stop()
            self._outlets = None
        self.node.journal.close()
        self.node.spool.close()
        self.node.definitions.close()
        if self._stores is not None:
            self._stores.close()
        self._waker.stop()
        self._link_waker.stop()
        self.node.tick.on_end = None

    def give_up_port(self) -> None:
        """The port may be anybody's."""
        if self._held is not None:
            self._held.close()
            self._held = None

    async def listen(self) -> None:
        """Takes connections on the port, which is chosen the first time; fine where it does already."""
        if self._listener is not None:
            return
        held, self._held = self._held, None
        sock = held or _bound(self.port)
        self.port = sock.getsockname()[1]
        self._listener = await self._loop.create_server(self._accept, sock=sock, backlog=BACKLOG)

    def _accept(self) -> Link:
        inner = SocketTransport(self.node.services, self.config.output_buffer_max_bytes, self._loop)
        return Link(inner, self._loop, self.faults)

    async def unlisten(self) -> None:
        """Refuses connections (ECONNREFUSED) until `listen`; the port stays ours."""
        if self._listener is None:
            return
        self._listener.close()
        self._listener = None
        for _ in range(REBIND_TURNS_MAX):
            try:
                self._held = _bound(self.port)
                return
            except OSError:  # the loop closes what listened in a turn of its own
                await asyncio.sleep(TURN_S)
        raise OSError(f"port {self.port} cannot be kept")

    # ---- time

    def _arm(self) -> None:
        self._link_waker.arm()
        due_ms = self.node.deadlines.next_due_ms()
        if not self.clock.is_frozen or (due_ms is not None and due_ms <= self.clock.now_ms()):
            self._waker.arm()

    def _run_links(self) -> None:
        self._links_due.run_due(self.clock.real_ms())
        self.node.tick.schedule()

    async def move_clock(self, to_ms: int) -> None:
        """Shows that time, having done on the way all that falls due, each in its turn and at its time.

        What falls due behind the first STEPS_MAX things is done together, at the end. Raises: ValueError for the past.
        """
        clock = self.clock
        await asyncio.sleep(0)  # a turn of its own: within one, time stands still
        if to_ms < clock.now_ms():
            raise ValueError("the broker's clock only goes forward")
        was_frozen = clock.is_frozen
        clock.freeze()
        try:
            await self._steps(to_ms, STEPS_MAX)
            clock.move_to(to_ms)
            await self._steps(to_ms, LAST_STEPS_MAX)
        finally:
            if not was_frozen:
                self.resume_clock()

    async def _steps(self, to_ms: int, count: int) -> None:
        """Goes from one deadline to the next, as long as there are any up to a time."""
        for _ in range(count):
            await self._turn()
            due_ms = self.node.deadlines.next_due_ms()
            if due_ms is None or due_ms > to_ms:
                return
            self.clock.move_to(max(due_ms, self.clock.now_ms()))

    async def _turn(self) -> None:
        self.node.run_deadlines()
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    def resume_clock(self) -> None:
        """The clock runs again, from where it stands."""
        self.clock.resume()
        self._time_changed()

    def reset_clock(self) -> None:
        """The clock shows the system's time again."""
        self.clock.reset()
        self._time_changed()

    def _time_changed(self) -> None:
        self._waker.stop()  # its timer was armed by another time
        self.node.tick.schedule()

    # ---- looking

    def vhost(self, name: str) -> Vhost:
        """A vhost that is there."""
        return self.node.vhosts[name]

    def add_vhost(self, name: str) -> None:
        """Makes a vhost in which the user of tests may do everything."""
        self.node.administration.add_vhost(name)
        self.node.administration.set_permissions(USER, name, ".*", ".*", ".*")

    def delete_vhost(self, name: str) -> None:
        """Ends a vhost and the connections to it."""
        self.faults.clear(name)
        self.node.administration.delete_vhost(name)

    def queue_state(self, vhost: str, name: str) -> QueueState | None:
        """What a queue holds now; None where there is none."""
        queue = self.vhost(vhost).queues.get(name)
        if queue is None:
            return None
        return QueueState(queue.ready.count, queue.unacked, len(queue.consumers.everyone()))

    def queue_names(self, vhost: str) -> list[str]:
        """The queues there are."""
        return list(self.vhost(vhost).queues)

    async def messages(self, vhost: str, name: str) -> list[Message]:
        """What waits in a queue, left as it is, up to MESSAGES_MAX. Raises: QueueNotFoundError."""
        queue = self.vhost(vhost).queues.get(name)
        if queue is None:
            raise QueueNotFoundError(name)
        found: list[Message] = []
        place: Place | None = FRONT
        while place is not None and len(found) < MESSAGES_MAX:
            answered: asyncio.Future[tuple[Sequence[Waiting], Place | None]] = self._loop.create_future()
            look(queue.ready, place, lambda waiting, on, answered=answered: answered.set_result((waiting, on)))  # type: ignore[misc]
            waiting, place = await answered
            found += map(_message, waiting)
        return found

    def connections(self, vhost: str) -> list[ConnectionState]:
        """The open connections of a vhost, without those of the helpers."""
        return [state for _, state in self.linked(vhost)]

    def linked(self, vhost: str) -> list[tuple[Link, ConnectionState]]:
        """Links to a vhost with what is known of their connections, without those of the helpers."""
        by_transport = {id(connection.transport): connection for connection in self.node.connections.open}
        found = ((link, by_transport.get(id(link.inner))) for link in self.faults.links)
        return [
            (link, _state(connection))
            for link, connection in found
            if connection is not None and link.vhost == vhost and not link.is_exempt
        ]

    def _routes(self, vhost: str, exchange: str, routing_key: str) -> Collection[str]:
        table = self.vhost(vhost).table
        source = table.exchanges.get(exchange)
        return () if source is None else {queue.name for queue in table.route(source, routing_key, dict)}


def _bound(port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((HOST, port))
        sock.setblocking(False)
    except BaseException:
        sock.close()
        raise
    return sock


def _state(connection: Connection) -> ConnectionState:
    actor = connection.host.actor
    properties = connection.client_properties
    client_name = properties.get("connection_name") or properties.get("product") or ""
    return ConnectionState(connection.name, connection.user, actor.vhost.name if actor else "", str(client_name))


def _message(waiting: Waiting) -> Message:
    batch, address = waiting.batch, waiting.batch.address
    header = ContentHeader()
    header.unmarshal(struct.pack(">HHQ", CONTENT_CLASS, 0, 0) + batch.properties.raw)
    properties = {name: value for name, value in dict(header.properties).items() if value not in (None, "")}
    return Message(batch.bodies[waiting.at], properties, address.exchange, address.routing_key, waiting.deliveries > 0)
