"""The asyncio shell of a connection: a socket's callbacks in, writes out.

Stop "transport" on a message's way. Must not: look at a byte.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
from typing import Final, cast

from broker.connections.connection import Connection
from broker.connections.output import STALLED_BYTES_MAX
from broker.connections.services import Services

log = logging.getLogger("leveret.transport")
READ_BYTES_PER_TURN: Final = 64 * 1024  # read from one socket before the others get their turn

BACKLOG_PER_TURN: Final = 2048  # messages consumers may be behind for each turn that a publisher to them skips
BACKLOG_FAR: Final = 32 * BACKLOG_PER_TURN  # from here on it waits a millisecond for each such multiple
PAUSE_MS_MAX: Final = 4


class SocketTransport(asyncio.Protocol):
    """A TransportPort on an asyncio transport."""

    def __init__(self, services: Services, output_bytes_max: int, loop: asyncio.AbstractEventLoop) -> None:
        self._services = services
        self._output_bytes_max = output_bytes_max
        self._loop = loop
        self._connection: Connection | None = None
        self._transport: asyncio.Transport | None = None
        self._wants_reading = True  # the connection does
        self._is_reading = True
        self._read = 0  # since its last turn
        self._turns_left = 0  # until it is read again
        self._is_stalled = False  # the client does not read what it makes us write

    # ---- asyncio's callbacks

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport = cast("asyncio.Transport", transport)  # uvloop's is none by inheritance
        transport.set_write_buffer_limits(high=self._output_bytes_max)
        self._transport = transport
        peer = transport.get_extra_info("peername")
        local = transport.get_extra_info("sockname")
        name = f"{_shown(peer)} -> {_shown(local)}"
        self._connection = Connection(self._services, self, name, _is_loopback(peer))

    def data_received(self, data: bytes) -> None:
        connection = self._connection
        if connection is None:
            return
        connection.data_received(data)
        self._read += len(data)
        if self._read >= READ_BYTES_PER_TURN and not self._turns_left:
            self._set_reading(False)
            self._wait(connection.backlog)

    def _wait(self, backlog: int) -> None:
        """Lets others have their turns first: one, more where consumers are behind, or a moment where they are far."""
        if backlog > BACKLOG_FAR:
            self._turns_left = 1
            delay_s = min(backlog // BACKLOG_FAR, PAUSE_MS_MAX) / 1000
            self._loop.call_later(delay_s, self._next_turn)
        else:
            self._turns_left = 1 + backlog // BACKLOG_PER_TURN
            self._loop.call_soon(self._next_turn)

    def _next_turn(self) -> None:
        self._turns_left -= 1
        if self._turns_left:
            self._loop.call_soon(self._next_turn)
            return
        self._read = 0
        self._set_reading(self._wants_reading and not self._is_stalled)

    def pause_writing(self) -> None:
        if self._connection is not None:
            self._connection.writable(False)

    def resume_writing(self) -> None:
        self._is_stalled = False
        self._set_reading(self._wants_reading)
        if self._connection is not None:
            self._connection.writable(True)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        connection, self._connection, self._transport = self._connection, None, None
        if connection is not None:
            connection.lost()

    # ---- TransportPort

    def write(self, data: bytes) -> None:
        """Sends, or buffers what the socket does not take."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        transport.write(data)
        if not self._is_stalled and transport.get_write_buffer_size() > STALLED_BYTES_MAX:
            self._is_stalled = True
            self._set_reading(False)

    def close(self) -> None:
        """Closes after what is buffered has gone out."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Closes at once."""
        if self._transport is not None:
            self._transport.abort()

    def stop_reading(self) -> None:
        """Reads nothing more until `start_reading`."""
        self._wants_reading = False
        self._set_reading(False)

    def start_reading(self) -> None:
        """Reads again."""
        self._wants_reading = True
        self._set_reading(not self._is_stalled)

    def _set_reading(self, wanted: bool) -> None:
        transport = self._transport
        if wanted == self._is_reading or transport is None or transport.is_closing():
            return
        self._is_reading = wanted
        if wanted:
            transport.resume_reading()
        else:
            transport.pause_reading()


def _shown(address: object) -> str:
    return f"{address[0]}:{address[1]}" if isinstance(address, tuple) else str(address or "unix")


def _is_loopback(address: object) -> bool:
    """Whether the peer is on this machine; a unix socket's peer is."""
    if not isinstance(address, tuple):
        return True
    try:
        ip = ipaddress.ip_address(str(address[0]).partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(ip, "ipv4_mapped", None)
    return bool((mapped or ip).is_loopback)
