"""The doorways of AMQP listeners: what is asked of who comes in, by the configuration. Wiring only.

Must not: be imported where there is neither TLS nor a proxy; the plain listener needs none of it.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from dataclasses import replace

from broker.config import Config
from broker.connections.peer import Caller
from broker.connections.transport import SocketTransport
from broker.listening.doorway import CallerOf, Doorway, Entry, networks
from broker.listening.sockets import ListenError
from broker.listening.tls_peer import tls_peer
from broker.tls.store import Certificates


class Doors:
    """Makes doorways, all alike."""

    def __init__(
        self, config: Config, certificates: Certificates, make_transport: Callable[[CallerOf], SocketTransport],
        loop: asyncio.AbstractEventLoop,
    ) -> None:  # fmt: skip
        """Raises: ListenError for a network that is none."""
        try:
            trusted = networks(config.proxy_protocol_from)
        except ValueError as error:
            raise ListenError(f"proxy_protocol_from: {error}") from None
        self._config = config
        self._loop = loop
        self._plain = Entry(make_transport, config.handshake_timeout_s, trusted)
        self._tls = replace(self._plain, context=certificates.amqp_context, with_tls=self._with_tls)

    def open(self, listener: socket.socket, is_tls: bool) -> Doorway:
        """Lets in who comes to a listener."""
        door = Doorway(listener, self._tls if is_tls else self._plain, self._loop)
        door.open()
        return door

    def _with_tls(self, caller: Caller, transport: asyncio.BaseTransport) -> Caller:
        return caller._replace(tls=tls_peer(transport.get_extra_info("ssl_object"), self._config))
