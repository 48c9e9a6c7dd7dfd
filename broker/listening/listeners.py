"""The AMQP listeners: plain, over TLS and on a unix socket, each on every address that is configured. Wiring only.

Must not: answer anybody before `open`, or touch a connection once it is made.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from broker.config import Config
from broker.connections.peer import Caller
from broker.connections.services import Services
from broker.connections.transport import SocketTransport
from broker.listening.doorway import CallerOf, Doorway, Entry, networks
from broker.listening.sockets import EVERY_ADDRESS, ListenError, listen_tcp, listen_unix
from broker.listening.tls_peer import tls_peer
from broker.tls.store import Certificates

BACKLOG: Final = 1024
HOSTS_MAX: Final = 64
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
        self._plain: list[socket.socket] = []
        self._tls: list[socket.socket] = []
        self._unix: list[socket.socket] = []
        self._servers: list[asyncio.Server | Doorway] = []

    def listen(self) -> None:
        """Takes every address; nobody is answered yet. Raises: ListenError."""
        config = self._config
        try:
            self._trusted = networks(config.proxy_protocol_from)
        except ValueError as error:
            raise ListenError(f"proxy_protocol_from: {error}") from None
        hosts = [host.strip() for host in config.host.split(",") if host.strip()]
        if not (config.plain_listener or config.tls_port or config.amqp_socket):
            raise ListenError("there is nothing to listen on: plain_listener is off, tls_port and amqp_socket not set")
        if not 0 < len(hosts) <= HOSTS_MAX:
            raise ListenError(f"host names {len(hosts)} addresses; 1 to {HOSTS_MAX} are possible")
        only_v6 = len(hosts) > 1  # beside another address, :: leaves IPv4 to that
        if config.plain_listener:
            self._listen(self._plain, hosts, config.port, only_v6)
        if config.tls_port:
            self._listen(self._tls, hosts, config.tls_port, only_v6)
        if config.amqp_socket:
            mode = int(config.amqp_socket_mode, 8)
            self._unix.append(listen_unix(Path(config.amqp_socket), mode, BACKLOG))

    @staticmethod
    def _listen(sockets: list[socket.socket], hosts: list[str], port: int, only_v6: bool) -> None:
        for host in hosts:
            sockets.append(listen_tcp(host, port, BACKLOG, only_v6 and host == EVERY_ADDRESS))
            port = port or sockets[0].getsockname()[1]  # one that was free serves every address

    async def open(self) -> None:
        """Lets clients in."""
        for listener in self._plain:
            if self._trusted:
                self._open_door(listener, Entry(self._transport, self._config.handshake_timeout_s, self._trusted))
            else:
                self._servers.append(await self._loop.create_server(self._plain_transport, sock=listener))
        for listener in self._tls:
            self._open_door(listener, Entry(
                self._transport, self._config.handshake_timeout_s, self._trusted, self._certificates.amqp_context,
                self._with_tls,
            ))  # fmt: skip
        for listener in self._unix:
            self._servers.append(await self._loop.create_unix_server(self._plain_transport, sock=listener))

    def _open_door(self, listener: socket.socket, entry: Entry) -> None:
        door = Doorway(listener, entry, self._loop)
        door.open()
        self._servers.append(door)

    def _plain_transport(self) -> SocketTransport:
        return SocketTransport(self._services, self._config.output_buffer_max_bytes, self._loop)

    def _transport(self, caller_of: CallerOf) -> SocketTransport:
        return SocketTransport(self._services, self._config.output_buffer_max_bytes, self._loop, caller_of)

    def _with_tls(self, peer: Caller, transport: asyncio.BaseTransport) -> Caller:
        return replace(peer, tls=tls_peer(transport.get_extra_info("ssl_object"), self._config))

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
