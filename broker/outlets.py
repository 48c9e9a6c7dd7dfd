"""The HTTP listeners beside AMQP: management on a unix socket and a TCP port, metrics on another. Wiring only.

Must not: import an application before AMQP is served; that takes longer than the rest of the start.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from broker.config import Config
from broker.http_server import Asgi, HttpServer, Watched
from broker.listening.sockets import listen_tcp_all, listen_unix
from broker.node import Node

if TYPE_CHECKING:
    from broker.introspection.sampler import Sampler
    from broker.introspection.window import Introspection

SOCKET_FILE: Final = "brokerd.sock"


class Outlets:
    """`listen` takes the addresses early, `serve` answers once the broker is up, `stop` ends both."""

    def __init__(self, node: Node, stop_broker: Callable[[], None]) -> None:
        self._node = node
        self._stop_broker = stop_broker
        self._path = node.config.data_dir / SOCKET_FILE
        self._servers: list[HttpServer] = []
        self._running: list[asyncio.Task[None]] = []
        self._addresses: list[tuple[str, str, int]] = []  # protocol, host or path, port
        self._sampler: Sampler | None = None

    def listen(self, config: Config) -> None:
        """Takes the addresses; whoever connects now waits until `serve`. Raises: ListenError."""
        if config.metrics_port:
            self._listen(config.metrics_host, config.metrics_port, "/prometheus", config.metrics_tls, self._metrics_app)
        if config.management_port:
            make_app = partial(self._management_app, False)
            self._listen(
                config.management_host or config.host, config.management_port, "", config.management_tls, make_app
            )
        self._addresses.append(("http", str(self._path), 0))
        self._servers.append(HttpServer([listen_unix(self._path)], partial(self._management_app, True)))

    def _listen(self, hosts: str, port: int, what: str, is_tls: bool, make_app: Callable[[], Asgi]) -> None:
        listeners = listen_tcp_all(hosts, port)
        self._addresses += [_address(("https" if is_tls else "http") + what, one) for one in listeners]
        tls = self._node.certificates.http_context() if is_tls else None
        self._servers.append(HttpServer(listeners, make_app, tls))

    def serve(self, amqp: Iterable[tuple[str, socket.socket]]) -> None:
        """Begins to answer. Args: the sockets on which AMQP is served, and what each speaks."""
        self._addresses[:0] = [_address(protocol, one) for protocol, one in amqp]
        self._sampler = self._start_sampling()
        self._running = [asyncio.create_task(server.run()) for server in self._servers]

    async def stop(self) -> None:
        """Answers what has been asked, and ends."""
        for server in self._servers:
            server.stop()
        await asyncio.gather(*self._running)
        Path(self._path).unlink(missing_ok=True)

    def _management_app(self, is_owners: bool) -> Asgi:
        from broker.management.api import api_of  # noqa: PLC0415
        from broker.management.app import create_app  # noqa: PLC0415

        return self._watched(create_app(api_of(self._node, self._window(), self._stop_broker), is_owners))

    def _metrics_app(self) -> Asgi:
        from broker.metrics.prometheus import create_app  # noqa: PLC0415

        return self._watched(create_app(self._window()))

    def _watched(self, app: Asgi) -> Asgi:
        return Watched(app, self._node.loop_watch, self._node.clock.now_ns)

    def _window(self) -> Introspection:
        from broker.introspection.infos import ListenerInfo  # noqa: PLC0415
        from broker.introspection.window import Introspection  # noqa: PLC0415

        listeners = tuple(ListenerInfo(*address) for address in self._addresses)
        return Introspection(self._node, listeners, self._sampler)

    def _start_sampling(self) -> Sampler:
        """Begins to take what rates and histories are made of."""
        from broker.introspection.sampler import Sampler  # noqa: PLC0415

        sampler = Sampler(self._node)
        sampler.start()
        self._node.tick.schedule()  # which sees the deadline
        return sampler


def _address(protocol: str, listener: socket.socket) -> tuple[str, str, int]:
    name = listener.getsockname()
    return (protocol, name[0], name[1]) if isinstance(name, tuple) else (protocol, str(name), 0)
