"""The server: binds, listens, turns the loop's time into deadlines, drains and stops. Wiring only.

Must not: hold broker logic.
"""

from __future__ import annotations

import asyncio
import fcntl
import gc
import logging
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from broker.alarms import CHECK_EVERY_MS
from broker.auth.first_password import first_password
from broker.auth.passwords import hash_password
from broker.auth.users import PasswordHash
from broker.clock import Clock
from broker.collector import Collector, settle
from broker.config import GENERATED_PASSWORD, Config
from broker.definitions.document import DOCUMENT_BYTES_MAX
from broker.http_pieces import in_steps
from broker.listening.listeners import Listeners
from broker.listening.reloading import Reloading
from broker.listening.sockets import ListenError
from broker.logs import RecentLines
from broker.node import Node
from broker.outlets import Outlets
from broker.stores import LOG_FOLDER, Stores
from broker.supervisor import Supervisor
from broker.tls.error import TlsError
from broker.waking import Waker
from storage.definitions_disk import FILE_NAME as DEFINITIONS_FILE
from storage.definitions_disk import DefinitionsError
from storage.files import make_folder
from storage.recovery import NewerLogError
from storage.worker import ThreadWorker

log = logging.getLogger("leveret.server")
LOCK_FILE: Final = "brokerd.lock"
DRAIN_CHECK_S: Final = 0.01
LEARNING_LOOK_S: Final = 0.002
LEARNING_S_MAX: Final = 60
BEAT_MS: Final = 50  # between two looks at how late the loop is, beside what tells so by itself
NS_PER_MS: Final = 1_000_000


class StartError(Exception):
    """The broker cannot start; the text is one line for the user."""


class Server:
    """One broker process: `start`, then `run_until_stopped`."""

    def __init__(
        self,
        config: Config,
        loop: asyncio.AbstractEventLoop,
        recent_lines: RecentLines | None = None,
        supervisor: Supervisor | None = None,
    ) -> None:
        """Args: the recent lines of the process's log and its supervisor; None for a broker inside another program."""
        self.config = config
        self.supervisor = supervisor or Supervisor({})
        self._recent_lines = recent_lines or RecentLines()
        self.loop = loop
        self.node: Node  # from `start` on, when the data folder is ours
        self.outlets: Outlets
        self._collector: Collector
        self.stopping = asyncio.Event()
        self.addresses = ""  # listened on, for people
        self._stores = Stores(config, loop.call_soon_threadsafe)
        self._hasher = ThreadWorker(loop.call_soon_threadsafe, "password hasher")
        self._listeners: Listeners
        self._reloading: Reloading
        self._lock_file: int | None = None
        self._alarm_timer: asyncio.TimerHandle | None = None
        self._beat_timer: asyncio.TimerHandle | None = None
        self._beat_due_ns = 0
        self._waker: Waker

    # ---- start

    async def start(self) -> str:
        """Takes the data folder, reads or makes the definitions and listens; returns the address listened on.

        Raises: StartError.
        """
        config = self.config
        gc.disable()  # what a start loads stays: looking through it again and again would double its time
        self._take_folder()
        await self._make_node()
        self._listeners = Listeners(config, self.node.services, self.node.certificates, self.loop)
        self._reloading = Reloading(
            self.node.certificates,
            int(config.tls_check_s * 1000),
            self.node.clock.now_ms,
            self._add_deadline,
            self.loop,
        )
        try:
            if self.node.certificates.is_used:
                self.node.certificates.load(self.node.clock.now_ms())
            self.outlets.listen(config)
            self._listeners.listen()
        except (ListenError, TlsError) as error:
            raise StartError(str(error)) from None
        await self._listeners.open()
        settle()
        self._collector = Collector(self.node.clock.now_ms())
        self._check_alarms()
        self.node.consumer_timeouts.start()
        self._next_beat()
        for number in (signal.SIGTERM, signal.SIGINT):  # before anybody is told that we are ready
            self.loop.add_signal_handler(number, self.stop)
        self.loop.add_signal_handler(signal.SIGHUP, self.reload)
        self._reloading.start()
        self.addresses = self._listeners.shown()
        return self.addresses

    def _take_folder(self) -> None:
        """Makes the data folder, private to its owner, and makes sure that no other broker uses it."""
        folder = self.config.data_dir
        try:
            make_folder(folder)
            self._lock_file = os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise StartError(f"cannot use the data folder {folder}: {_why(error)}") from None
        try:
            fcntl.flock(self._lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise StartError(f"the data folder {folder} is in use by another brokerd") from None

    async def _make_node(self) -> None:
        """The node with what is stored; what a first start makes is stored before anybody can connect."""
        config = self.config
        hashed = self._hash_ahead()
        try:
            stores = self._stores
            definitions = stores.open_definitions()
            self.node = Node(config, Clock(), self.loop.call_soon, definitions, stores.open_log, stores.open_spool)
        except (DefinitionsError, TlsError) as error:
            raise StartError(str(error)) from None
        except NewerLogError as error:
            raise StartError(f"cannot read the log in {config.data_dir / LOG_FOLDER}: {error}") from None
        except OSError as error:
            raise StartError(f"cannot open the log in {config.data_dir / LOG_FOLDER}: {_why(error)}") from None
        node = self.node
        node.recent_lines = self._recent_lines
        self._waker = Waker(node.deadlines, node.clock.now_ms, self.loop.call_later, node.run_deadlines)
        node.tick.on_end = self._waker.arm
        is_new = self.node.is_new
        if config.load_definitions:
            await self._load_definitions(Path(config.load_definitions))
        if is_new and not len(self.node.users):
            self.node.create_defaults(await (hashed or self._hash(self._password())))
        stored: asyncio.Future[str] = self.loop.create_future()
        definitions.when_stored(lambda: stored.set_result(""), stored.set_result)
        trouble = await stored
        if trouble and is_new:  # where there was something before, it can be served while the disk is full
            raise StartError(trouble)
        await self._learned(node)
        self.node.accounts.worker = self._hasher
        self.outlets = Outlets(self.node, self.stop)

    async def _learned(self, node: Node) -> None:
        """Waits until it is known which messages came before, though not for ever: to serve is worth more."""
        looks_left = int(LEARNING_S_MAX / LEARNING_LOOK_S)
        while node.is_learning and looks_left:
            looks_left -= 1
            await asyncio.sleep(LEARNING_LOOK_S)
        if node.is_learning:
            log.warning("not all messages that deduplication knew before the start have been read yet; it goes on")

    async def _load_definitions(self, path: Path) -> None:
        """Imports a definitions file before anybody can connect. Raises: StartError."""
        from broker.definitions.transfer import Transfer  # noqa: PLC0415 - most starts need none

        try:
            if path.stat().st_size > DOCUMENT_BYTES_MAX:
                raise StartError(f"cannot import {path}: it has more than {DOCUMENT_BYTES_MAX} bytes")
            await in_steps(Transfer(self.node).load(path.read_bytes()))
        except OSError as error:
            raise StartError(f"cannot read the definitions in {path}: {_why(error)}") from None
        except (ValueError, LookupError) as error:
            raise StartError(f"cannot import {path}: {'; '.join(str(error).splitlines())}") from None

    def _hash_ahead(self) -> asyncio.Future[PasswordHash] | None:
        """Hashes the first user's password while the stores are opened, where there seems to be none."""
        if (self.config.data_dir / DEFINITIONS_FILE).exists() or self.config.load_definitions:
            return None
        return self._hash(self._password())

    def _hash(self, password: str) -> asyncio.Future[PasswordHash]:
        algorithm = self.config.password_hashing
        hashed: asyncio.Future[PasswordHash] = self.loop.create_future()

        def done(made: str | BaseException) -> None:
            if isinstance(made, BaseException):
                hashed.set_exception(StartError(f"default_pass: {made}"))
            else:
                hashed.set_result(PasswordHash(made, algorithm))

        self._hasher.submit(lambda: hash_password(password, algorithm), done)
        return hashed

    def _password(self) -> str:
        if self.config.default_pass != GENERATED_PASSWORD:
            return self.config.default_pass
        try:
            password, is_new = first_password(self.config.data_dir)
        except (OSError, ValueError) as error:
            raise StartError(f"cannot keep a generated password: {error}") from None
        if is_new:
            print(f"brokerd: generated password for user {self.config.default_user}: {password}", flush=True)
        return password

    # ---- time

    def _add_deadline(self, due_ms: int, callback: Callable[[], None]) -> None:
        """For who runs outside a turn: a turn follows, which arms the loop."""
        self.node.deadlines.add(due_ms, callback)
        self.node.tick.schedule()

    def _check_alarms(self) -> None:
        node = self.node
        node.check_alarms()
        self.supervisor.alive(node.clock.now_ms())
        self._collector.ask(node.clock.now_ms(), node.ended, node.loop_watch.turns)
        self._alarm_timer = self.loop.call_later(CHECK_EVERY_MS / 1000, self._check_alarms)

    def _beat(self) -> None:
        """Comes late where something has stopped the loop that nobody has told the watch about."""
        self.node.loop_watch.late(self._beat_due_ns, self.node.clock.now_ns())
        self._next_beat()

    def _next_beat(self) -> None:
        self._beat_due_ns = self.node.clock.now_ns() + BEAT_MS * NS_PER_MS
        self._beat_timer = self.loop.call_later(BEAT_MS / 1000, self._beat)

    # ---- reload and stop

    def reload(self) -> None:
        """Reads certificates again."""
        self.supervisor.reloading(time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000)
        self._reloading.ask(self._say_ready)

    def _say_ready(self) -> None:
        self.supervisor.ready(f"listening on {self.addresses}")

    def stop(self) -> None:
        """Asks the server to stop."""
        self.stopping.set()

    async def run_until_stopped(self) -> None:
        """Serves until a signal or `stop`, then closes every connection with 320 and ends.

        The lock on the data folder goes with the process: who gets it knows that the broker is gone.
        """
        self.outlets.serve(self._listeners.sockets())
        self._say_ready()
        await self.stopping.wait()
        self.supervisor.stopping()
        await self.drain()

    async def drain(self) -> None:
        """Stops accepting, closes connections, waits for the clients with a limit, flushes and ends."""
        self._listeners.close()
        for connection in list(self.node.connections.open):
            connection.force_close("broker forced connection closure with reason 'shutdown'")
        deadline = self.loop.time() + self.config.shutdown_timeout_s
        while self.node.connections.open and self.loop.time() < deadline:
            await asyncio.sleep(DRAIN_CHECK_S)
        for connection in list(self.node.connections.open):
            connection.drop()
        self.node.journal.close()
        self.node.spool.close()
        for timer in (self._alarm_timer, self._beat_timer):
            if timer is not None:
                timer.cancel()
        self._waker.stop()
        await self.outlets.stop()
        self.node.definitions.close()
        self._stores.close()
        self._hasher.close()
        await asyncio.sleep(DRAIN_CHECK_S)  # what went wrong with the last of them is said by the loop


def _why(error: OSError) -> str:
    return os.strerror(error.errno).lower() if error.errno else str(error)
