"""Serves an ASGI application inside the broker's own event loop. Must not: know what is served, or take signals."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
from collections.abc import Awaitable, Callable, Generator, MutableMapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from broker.loop_watch import LoopWatch

if TYPE_CHECKING:
    import uvicorn

    from broker.listening.doorway import Doorway

log = logging.getLogger("leveret.http")
REQUEST_HEAD_BYTES_MAX: Final = 32 * 1024
CONNECTIONS_MAX: Final = 64  # at a time; those beyond are answered 503
AMQP_FIRST_S: Final = 0.1  # before the imports of HTTP take the interpreter from clients that have waited for the start
KEEP_ALIVE_S: Final = 5
HANDSHAKE_S_MAX: Final = 10.0  # of TLS
DRAIN_S_MAX: Final = 2  # what a request that is being answered gets when the broker stops

Asgi = Callable[
    [MutableMapping[str, Any], Callable[[], Awaitable[Any]], Callable[[Any], Awaitable[None]]], Awaitable[None]
]


class Watched:
    """An application of which every step tells a watch how long it kept the loop."""

    def __init__(self, app: Asgi, watch: LoopWatch, clock_ns: Callable[[], int]) -> None:
        self._app = app
        self._watch = watch
        self._clock_ns = clock_ns

    async def __call__(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        """ASGI."""
        await _Steps(self._app(scope, receive, send).__await__(), self._watch, self._clock_ns)


class _Steps:
    """A coroutine's steps, measured one by one."""

    def __init__(self, steps: Generator[Any, Any, None], watch: LoopWatch, clock_ns: Callable[[], int]) -> None:
        self._steps = steps
        self._watch = watch
        self._clock_ns = clock_ns

    def __await__(self) -> Generator[Any, Any, None]:
        step: Callable[[], Any] = partial(self._steps.send, None)
        while True:
            begun_ns = self._clock_ns()
            try:
                awaited = step()
            except StopIteration:
                return
            finally:
                self._watch.worked(begun_ns, self._clock_ns())
            try:
                step = partial(self._steps.send, (yield awaited))
            except BaseException as error:  # whoever runs it wants it to end
                step = partial(self._steps.throw, error)


class HttpServer:
    """One application on its listening sockets: `run` until `stop`."""

    def __init__(
        self, listeners: Sequence[socket.socket], make_app: Callable[[], Asgi], tls: ssl.SSLContext | None = None
    ) -> None:
        """Args: `make_app` is called in a thread, so that what it imports does not hold the broker up; tls is None for
        plain HTTP.
        """
        self.listeners = list(listeners)
        self._tls = tls
        self._make_app = make_app
        self._stopped = asyncio.Event()

    async def run(self) -> None:
        """Serves until `stop`; whoever connects before it is ready waits in the socket's backlog."""
        try:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopped.wait(), AMQP_FIRST_S)
            app = await asyncio.get_running_loop().run_in_executor(None, self._make_app)
            if not self._stopped.is_set():
                await _uvicorn(app, self._stopped, self._tls).serve(sockets=self.listeners)
        except Exception:
            log.exception("the listeners %s have failed", self.listeners)
        finally:
            for listener in self.listeners:
                listener.close()

    def stop(self) -> None:
        """Answers what has been asked, and ends."""
        self._stopped.set()


def _uvicorn(app: Asgi, stopped: asyncio.Event, tls: ssl.SSLContext | None) -> uvicorn.Server:
    import uvicorn  # noqa: PLC0415  # takes longer than the rest of the broker's start

    class Embedded(uvicorn.Server):
        """Leaves signals to the broker, sleeps where nothing is to be done, and leaves TLS to a doorway."""

        @contextlib.contextmanager
        def capture_signals(self) -> Generator[None, None, None]:
            yield

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            self._doors: list[Doorway] = []
            await super().startup(sockets if tls is None else [])
            if tls is not None:
                from broker.listening.doorway import Doorway, Entry  # noqa: PLC0415

                entry, loop = Entry(self._protocol, HANDSHAKE_S_MAX, context=lambda: tls), asyncio.get_running_loop()
                self._doors = [Doorway(listener, entry, loop) for listener in sockets or []]
            for door in self._doors:
                door.open()

        def _protocol(self, _: object) -> asyncio.BaseProtocol:
            return self.config.http_protocol_class(  # type: ignore[call-arg]
                config=self.config, server_state=self.server_state, app_state=self.lifespan.state
            )

        async def main_loop(self) -> None:
            await stopped.wait()

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            for door in self._doors:
                door.close()
            await super().shutdown(sockets)

    return Embedded(uvicorn.Config(
        app, loop="none", http="h11", ws="none", lifespan="off", interface="asgi3",
        log_config=None, log_level="warning", access_log=False, server_header=False, date_header=False,
        proxy_headers=False, h11_max_incomplete_event_size=REQUEST_HEAD_BYTES_MAX, limit_concurrency=CONNECTIONS_MAX,
        timeout_keep_alive=KEEP_ALIVE_S, timeout_graceful_shutdown=DRAIN_S_MAX,
    ))  # fmt: skip
