"""A broker in a thread of this process, and how calls from other threads reach it. Must not: know what is asked."""

from __future__ import annotations

import asyncio
import tempfile
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import quote

import uvloop

from broker.testing.errors import BrokerGoneError, NotInThisModeError
from broker.testing.facts import (
    FOLDER,
    HOST,
    IN_PROCESS,
    NO_MANAGEMENT,
    PASSWORD,
    USER,
    ConnectionState,
    Message,
    QueueState,
    Settings,
)
from broker.testing.host import Host

T = TypeVar("T")
ANSWER_S_MAX: Final = 20.0
THREAD_NAME: Final = "leveret"


class InProcessServer:
    """Runs a `Host` in a thread of its own. Its methods may be called from any thread but that one."""

    mode = IN_PROCESS

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._thread: threading.Thread | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._host: Host | None = None
        self._stopping: asyncio.Event
        self._started: Future[None] = Future()

    # ---- life

    def start(self) -> None:
        """Starts the thread and the broker in it. Raises: BrokerGoneError."""
        if self.settings.storage == FOLDER or self.settings.management:
            self._folder = tempfile.TemporaryDirectory(prefix="leveret-")
        self._started = Future()
        self._thread = threading.Thread(target=self._main, name=THREAD_NAME, daemon=True)
        self._thread.start()
        try:
            self._started.result(ANSWER_S_MAX)
        except Exception as error:
            self._end()
            raise BrokerGoneError(f"the broker did not start: {type(error).__name__}: {error}") from error

    def _main(self) -> None:
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(self._serve())
        except BaseException as error:
            if not self._started.done():
                self._started.set_exception(error)
            else:
                raise

    async def _serve(self) -> None:
        loop = self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        host = Host(self.settings, Path(self._folder.name) if self._folder is not None else None, loop)
        await host.up()
        self._host = host
        self._started.set_result(None)
        await self._stopping.wait()
        await host.down()
        host.give_up_port()

    def revive(self) -> None:
        """Starts where it has been stopped, or has failed. Raises: BrokerGoneError."""
        if self._thread is None or not self._thread.is_alive():
            self._end()
            self.start()

    def stop(self) -> None:
        """Ends the broker and its thread; fine where it has ended. Raises: BrokerGoneError where it hangs."""
        if self._thread is None:
            return
        if self._host is not None and self._loop is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)
        self._end()

    def _end(self) -> None:
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.join(ANSWER_S_MAX)
        self._host = self._loop = None
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None
        if thread is not None and thread.is_alive():
            raise BrokerGoneError(f"the broker's thread has not ended within {ANSWER_S_MAX:g} s")

    def restart(self) -> None:
        """Stops as on SIGTERM and starts again on the same port; what is durable survives, in memory too."""

        async def down_and_up(host: Host) -> None:
            await host.down()
            await host.up()

        self.run(down_and_up)

    def kill(self) -> None:
        """Raises: NotInThisModeError."""
        raise NotInThisModeError(
            "kill() needs a broker in a process of its own: leveret_mode = subprocess; restart() works everywhere"
        )

    # ---- calls into the thread

    def call(self, function: Callable[[Host], T]) -> T:
        """What `function` returns or raises, called in the broker's thread. Raises: BrokerGoneError."""

        async def called(host: Host) -> T:
            return function(host)

        return self.run(called)

    def run(self, function: Callable[[Host], Coroutine[Any, Any, T]]) -> T:
        """What the coroutine returns or raises, run in the broker's thread. Raises: BrokerGoneError."""
        host, loop, thread = self._host, self._loop, self._thread
        if host is None or loop is None or thread is None or not thread.is_alive():
            raise BrokerGoneError("the broker is not running: it was not started, or has been stopped")
        assert threading.current_thread() is not thread, "the broker's own thread cannot wait for itself"
        future = asyncio.run_coroutine_threadsafe(function(host), loop)
        try:
            return future.result(ANSWER_S_MAX)
        except TimeoutError:
            if future.done():
                raise
            future.cancel()
            raise BrokerGoneError(f"the broker has not answered within {ANSWER_S_MAX:g} s") from None

    # ---- what tests ask

    @property
    def port(self) -> int:
        """The AMQP port."""
        return self.call(lambda host: host.port)

    @property
    def management_url(self) -> str:
        """The HTTP API's URL. Raises: NotInThisModeError where none was asked for."""
        if not self.settings.management:
            raise NotInThisModeError(NO_MANAGEMENT)
        return f"http://{USER}:{PASSWORD}@{HOST}:{self.call(lambda host: host.config.management_port)}"

    def url(self, vhost: str = "/") -> str:
        """The AMQP URL of a vhost."""
        return f"amqp://{USER}:{PASSWORD}@{HOST}:{self.port}/{quote(vhost, safe='')}"

    def add_vhost(self, name: str) -> None:
        """Makes a vhost in which the user of tests may do everything."""
        self.call(lambda host: host.add_vhost(name))

    def delete_vhost(self, name: str) -> None:
        """Ends a vhost, the connections to it, its faults and what was done to the clock."""
        self.call(lambda host: host.delete_vhost(name))

    def queue_state(self, vhost: str, name: str) -> QueueState | None:
        """What a queue holds now; None where there is none."""
        return self.call(lambda host: host.queue_state(vhost, name))

    def queue_names(self, vhost: str) -> list[str]:
        """The queues there are."""
        return self.call(lambda host: host.queue_names(vhost))

    def messages(self, vhost: str, name: str) -> list[Message]:
        """What waits in a queue, left as it is. Raises: QueueNotFoundError."""
        return self.run(lambda host: host.messages(vhost, name))

    def connections(self, vhost: str) -> list[ConnectionState]:
        """The open connections of a vhost, without those of the helpers."""
        return self.call(lambda host: host.connections(vhost))

    def exempt(self, port: int) -> None:
        """The client that will connect from this port is a helper's own, which no fault touches."""
        self.call(lambda host: host.faults.exempt(port))
