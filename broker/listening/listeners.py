"""The AMQP listeners: plain, over TLS and on a unix socket, each on every address that is configured. Wiring only.

Must not: answer anybody before `open`, or touch a connection once it is made.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from broker.config import Config
from broker.connections.peer import Caller
from broker.connections.services import Services
from broker.connections.transport import SocketTransport, plain_caller
from broker.listening.sockets import ListenError, listen_tcp_all, listen_unix
from broker.tls.store import Certificates

if TYPE_CHECKING:
    from broker.listening.doors import Doors
    from broker.listening.doorway import Doorway

BACKLOG: Final = 1024
PLAIN: Final = "amqp"
TLS: Final = "amqp/ssl"  # RabbitMQ's names of what a listener speaks


class Listeners:
    """`listen` takes the addresses, `open` lets clients in, `close` no more of them."""

    def __init__(
        self, config: Config, services: Services, certificates: Certificates, loop: asyncio.AbstractEventLoop
    ) -> None:
        self._config = config
        self._services = services
        self._certificates = certificates
        self._loop = loop
        self._doors: Doors
        self._plain: list[socket.socket] = []
        self._tls: list[socket.socket] = []
        self._unix: list[socket.socket] = []
        self._servers: list[asyncio.Server | Doorway] = []

    def listen(self) -> None:
        """Takes every address; nobody is answered yet. Raises: ListenError."""
        config = self._config
        if config.tls_port or config.proxy_protocol_from:
            from broker.listening.doors import Doors  # noqa: PLC0415 - most brokers start without

            self._doors = Doors(config, self._certificates, self._transport, self._loop)
        if not (config.plain_listener or config.tls_port or config.amqp_socket):
            raise ListenError("there is nothing to listen on: plain_listener is off, tls_port and amqp_socket not set")
        if config.plain_listener:
            self._plain = listen_tcp_all(config.host, config.port, BACKLOG)
        if config.tls_port:
            self._tls = listen_tcp_all(config.host, config.tls_port, BACKLOG)
        if config.amqp_socket:
            mode = int(config.amqp_socket_mode, 8)
            self._unix.append(listen_unix(Path(config.amqp_socket), mode, BACKLOG))

    async def open(self) -> None:
        """Lets clients in."""
        for listener in self._plain:
            if self._config.proxy_protocol_from:
                self._servers.append(self._doors.open(listener, is_tls=False))
            else:
                self._servers.append(await self._loop.create_server(self._transport, sock=listener))
        for listener in self._tls:
            self._servers.append(self._doors.open(listener, is_tls=True))
        for listener in self._unix:
            self._servers.append(await self._loop.create_unix_server(self._transport, sock=listener))

    def _transport(self, caller_of: Callable[[asyncio.BaseTransport], Caller] = plain_caller) -> SocketTransport:
        return SocketTransport(self._services, self._config.output_buffer_max_bytes, self._loop, caller_of)

    def sockets(self) -> Iterator[tuple[str, socket.socket]]:
        """Every listening socket, and what it speaks."""
        for protocol, sockets in ((PLAIN, self._plain), (TLS, self._tls), (PLAIN, self._unix)):
            for listener in sockets:
                yield protocol, listener

    def shown(self) -> str:
        """Every address, for people; the first is one without TLS where there is such."""
        groups = (("", self._plain), ("TLS on ", self._tls), ("", self._unix))
        return ", ".join(word + _address(one.getsockname()) for word, sockets in groups for one in sockets)

    def close(self) -> None:
        """Lets nobody in any more; the unix socket's file goes."""
        for server in self._servers:
            server.close()
        for listener in self._unix:
            Path(self._config.amqp_socket).unlink(missing_ok=True)
            listener.close()


def _address(name: object) -> str:
    if not isinstance(name, tuple):
        return str(name)
    host = f"[{name[0]}]" if ":" in str(name[0]) else name[0]
    return f"{host}:{name[1]}"
