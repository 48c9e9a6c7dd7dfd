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
from typing import Final

from broker.alarms import CHECK_EVERY_MS
from broker.auth.first_password import first_password
from broker.clock import Clock
from broker.collector import Collector, settle
from broker.config import GENERATED_PASSWORD, Config
from broker.connections.transport import SocketTransport
from broker.http_server import ListenError
from broker.node import Node
from broker.outlets import Outlets
from storage.commit import ALWAYS, NEVER, Timers
from storage.definitions import StagedDefinitions
from storage.definitions_disk import DefinitionsError, SqliteDisk
from storage.files import OsFiles, make_folder
from storage.local import LocalJournal, LogSettings
from storage.recovery import NewerLogError
from storage.worker import ThreadWorker

log = logging.getLogger("leveret.server")
LOCK_FILE: Final = "brokerd.lock"
LOG_FOLDER: Final = "log"
SPOOL_FOLDER: Final = "spool"
LISTEN_BACKLOG: Final = 1024
DRAIN_CHECK_S: Final = 0.01
BEAT_MS: Final = 50  # between two looks at how late the loop is, beside what tells so by itself
NS_PER_MS: Final = 1_000_000


class StartError(Exception):
    """The broker cannot start; the text is one line for the user."""


class Server:
    """One broker process: `start`, then `run_until_stopped`."""

    def __init__(self, config: Config, loop: asyncio.AbstractEventLoop) -> None:
        self.config = config
        self.loop = loop
        self.node: Node  # from `start` on, when the data folder is ours
        self.outlets: Outlets
        self._collector: Collector
        self.stopping = asyncio.Event()
        self._worker = ThreadWorker(loop.call_soon_threadsafe, "definitions")
        self._log_writer = ThreadWorker(loop.call_soon_threadsafe, "log writer")
        self._hasher = ThreadWorker(loop.call_soon_threadsafe, "password hasher")
        self._log_reader = ThreadWorker(loop.call_soon_threadsafe, "log reader")
        self._listener: asyncio.Server | None = None
        self._lock_file: int | None = None
        self._alarm_timer: asyncio.TimerHandle | None = None
        self._beat_timer: asyncio.TimerHandle | None = None
        self._beat_due_ns = 0
        self._armed: asyncio.TimerHandle | None = None
        self._armed_ms = 0

    # ---- start

    async def start(self) -> str:
        """Takes the data folder, reads or makes the definitions and listens; returns the address listened on.

        Raises: StartError.
        """
        config = self.config
        gc.disable()  # what a start loads stays: looking through it again and again would double its time
        self._take_folder()
        await self._make_node()
        try:
            self.outlets.listen(config)
        except ListenError as error:
            raise StartError(str(error)) from None
        try:
            self._listener = await self.loop.create_server(
                lambda: SocketTransport(self.node.services, config.output_buffer_max_bytes, self.loop),
                config.host, config.port, backlog=LISTEN_BACKLOG, reuse_address=True,
            )  # fmt: skip
        except OSError as error:
            raise StartError(f"cannot listen on {config.host}:{config.port}: {_why(error)}") from None
        settle()
        self._collector = Collector(self.node.clock.now_ms())
        self._check_alarms()
        self._next_beat()
        for number in (signal.SIGTERM, signal.SIGINT):  # before anybody is told that we are ready
            self.loop.add_signal_handler(number, self.stop)
        return ", ".join(_address(sock.getsockname()) for sock in self._listener.sockets)

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
        try:
            definitions = StagedDefinitions(SqliteDisk(config.data_dir), self._worker)
            self.node = Node(config, Clock(), self.loop.call_soon, definitions, self._open_log, self._open_spool)
        except DefinitionsError as error:
            raise StartError(str(error)) from None
        except NewerLogError as error:
            raise StartError(f"cannot read the log in {config.data_dir / LOG_FOLDER}: {error}") from None
        except OSError as error:
            raise StartError(f"cannot open the log in {config.data_dir / LOG_FOLDER}: {_why(error)}") from None
        self.node.tick.on_end = self._arm
        is_new = self.node.is_new
        if is_new:
            self.node.create_defaults(self._password())
        stored: asyncio.Future[str] = self.loop.create_future()
        definitions.when_stored(lambda: stored.set_result(""), stored.set_result)
        trouble = await stored
        if trouble and is_new:  # where there was something before, it can be served while the disk is full
            raise StartError(trouble)
        self.node.accounts.worker = self._hasher
        self.outlets = Outlets(self.node, self.stop)

    def _open_log(self, timers: Timers, clock_ms: Callable[[], int]) -> LocalJournal:
        """The log in the data folder."""
        config = self.config
        if config.fsync != ALWAYS:
            log.warning("fsync = %s: what is confirmed can be lost when the power goes", config.fsync)
        settings = LogSettings(
            segment_bytes=config.segment_bytes, fsync=config.fsync, fsync_interval_ms=config.fsync_interval_ms,
            compaction_bytes_per_s=config.compaction_bytes,
        )  # fmt: skip
        files = OsFiles(config.data_dir / LOG_FOLDER)
        return LocalJournal(
            files, self._log_writer, self._log_reader, timers, clock_ms, settings, clock_ns=time.perf_counter_ns
        )

    def _open_spool(self, timers: Timers, clock_ms: Callable[[], int]) -> LocalJournal:
        """A log for transient messages that memory has no room for; what an earlier process left in it is of no use."""
        files = OsFiles(self.config.data_dir / SPOOL_FOLDER)
        for name in files.names():
            files.remove(name)
        writer = ThreadWorker(self.loop.call_soon_threadsafe, "spool writer")
        reader = ThreadWorker(self.loop.call_soon_threadsafe, "spool reader")
        settings = LogSettings(segment_bytes=self.config.segment_bytes, fsync=NEVER,
                               compaction_bytes_per_s=self.config.compaction_bytes)  # fmt: skip
        return LocalJournal(files, writer, reader, timers, clock_ms, settings)

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

    def _arm(self) -> None:
        """Wakes the loop for the next deadline."""
        due_ms = self.node.deadlines.next_due_ms()
        if due_ms is None or (self._armed is not None and self._armed_ms <= due_ms):
            return
        if self._armed is not None:
            self._armed.cancel()
        self._armed_ms = due_ms
        delay_s = max(0, due_ms - self.node.clock.now_ms()) / 1000
        self._armed = self.loop.call_later(delay_s, self._run_deadlines)

    def _run_deadlines(self) -> None:
        self._armed = None
        self.node.deadlines.run_due(self.node.tick.now_ms())
        self.node.tick.schedule()

    def _check_alarms(self) -> None:
        node = self.node
        node.check_alarms()
        self._collector.ask(node.clock.now_ms(), node.ended, node.loop_watch.turns)
        self._alarm_timer = self.loop.call_later(CHECK_EVERY_MS / 1000, self._check_alarms)

    def _beat(self) -> None:
        """Comes late where something has stopped the loop that nobody has told the watch about."""
        self.node.loop_watch.late(self._beat_due_ns, self.node.clock.now_ns())
        self._next_beat()

    def _next_beat(self) -> None:
        self._beat_due_ns = self.node.clock.now_ns() + BEAT_MS * NS_PER_MS
        self._beat_timer = self.loop.call_later(BEAT_MS / 1000, self._beat)

    # ---- stop

    def stop(self) -> None:
        """Asks the server to stop."""
        self.stopping.set()

    async def run_until_stopped(self) -> None:
        """Serves until a signal or `stop`, then closes every connection with 320 and ends.

        The lock on the data folder goes with the process: who gets it knows that the broker is gone.
        """
        assert self._listener is not None, "started"
        self.outlets.serve(self._listener.sockets)
        await self.stopping.wait()
        await self.drain()

    async def drain(self) -> None:
        """Stops accepting, closes connections, waits for the clients with a limit, flushes and ends."""
        if self._listener is not None:
            self._listener.close()
        for connection in list(self.node.connections.open):
            connection.force_close("broker forced connection closure with reason 'shutdown'")
        deadline = self.loop.time() + self.config.shutdown_timeout_s
        while self.node.connections.open and self.loop.time() < deadline:
            await asyncio.sleep(DRAIN_CHECK_S)
        for connection in list(self.node.connections.open):
            connection.drop()
        self.node.journal.close()
        self.node.spool.close()
        for timer in (self._alarm_timer, self._beat_timer, self._armed):
            if timer is not None:
                timer.cancel()
        await self.outlets.stop()
        self.node.definitions.close()
        self._worker.close()
        self._hasher.close()
        await asyncio.sleep(DRAIN_CHECK_S)  # what went wrong with the last of them is said by the loop


def _address(name: object) -> str:
    if not isinstance(name, tuple):
        return str(name)
    host = f"[{name[0]}]" if ":" in str(name[0]) else name[0]
    return f"{host}:{name[1]}"


def _why(error: OSError) -> str:
    return os.strerror(error.errno).lower() if error.errno else str(error)
