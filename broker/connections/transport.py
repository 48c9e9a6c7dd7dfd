"""The asyncio shell of a connection: a socket's callbacks in, writes out.

Stop "transport" on a message's way. Must not: look at a byte.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final, cast

from broker.connections.connection import Connection
from broker.connections.output import STALLED_BYTES_MAX
from broker.connections.peer import Caller, connection_name, is_loopback
from broker.connections.services import Services

log = logging.getLogger("leveret.transport")
READ_BYTES_PER_TURN: Final = 64 * 1024  # read from one socket before the others get their turn

BACKLOG_PER_TURN: Final = 2048  # messages consumers may be behind for each turn that a publisher to them skips
BACKLOG_FAR: Final = 32 * BACKLOG_PER_TURN  # from here on it waits a millisecond for each such multiple
PAUSE_MS_MAX: Final = 4
LINGER_S: Final = 0.25  # how long a client that has been answered may take to close its socket
# One buffer for all sockets: the loop fills it and hands it over before it reads from the next one.
_READ_BUFFER: Final = memoryview(bytearray(READ_BYTES_PER_TURN))


def plain_caller(transport: asyncio.BaseTransport) -> Caller:
    """The peer of a socket without TLS and without a proxy."""
    address = transport.get_extra_info("peername")
    return Caller(connection_name(address, transport.get_extra_info("sockname")), is_loopback(address))


class SocketTransport(asyncio.BufferedProtocol):
    """A TransportPort on an asyncio transport."""

    def __init__(
        self,
        services: Services,
        output_bytes_max: int,
        loop: asyncio.AbstractEventLoop,
        caller_of: Callable[[asyncio.BaseTransport], Caller] = plain_caller,
    ) -> None:
        """Args: caller_of says who is at the other end, once the connection is made."""
        self._services = services
        self._caller_of = caller_of
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
        peer = self._caller_of(transport)
        self._connection = Connection(self._services, self, peer.name, peer.is_loopback, peer.tls)

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002
        return _READ_BUFFER

    def buffer_updated(self, nbytes: int) -> None:
        connection = self._connection
        if connection is None:
            return
        connection.data_received(bytes(_READ_BUFFER[:nbytes]))
        self._read += nbytes
        if (self._read >= READ_BYTES_PER_TURN or connection.has_more) and not self._turns_left:
            if connection.backlog >= BACKLOG_PER_TURN:
                connection.slow_down()
            self._wait(connection.backlog)
            self._update_reading()

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
        connection = self._connection
        if connection is None:
            return
        if not self._turns_left and connection.has_more:
            connection.go_on()
            if connection.has_more:
                self._turns_left = 1
        if self._turns_left:
            self._loop.call_soon(self._next_turn)
            return
        self._read = 0
        self._update_reading()

    def pause_writing(self) -> None:
        if self._connection is not None:
            self._connection.writable(False)

    def resume_writing(self) -> None:
        self._is_stalled = False
        self._update_reading()
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
            self._update_reading()

    def close(self) -> None:
        """Closes after what is buffered has gone out, and a moment later: who was told goes first, as a rule.

        Closing over unread input would also lose what was sent last.
        """
        self._loop.call_later(LINGER_S, self._close_now)

    def _close_now(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Closes at once."""
        if self._transport is not None:
            self._transport.abort()

    def stop_reading(self) -> None:
        """Reads nothing more until `start_reading`."""
        self._wants_reading = False
        self._update_reading()

    def start_reading(self) -> None:
        """Reads again."""
        self._wants_reading = True
        if self._connection is not None and self._connection.has_more and not self._turns_left:
            self._wait(0)
        self._update_reading()

    def _update_reading(self) -> None:
        """Reads while the connection wants it, its turn has come and the client reads what it makes us write."""
        transport = self._transport
        wanted = self._wants_reading and not self._is_stalled and not self._turns_left
        if wanted == self._is_reading or transport is None or transport.is_closing():
            return
        self._is_reading = wanted
        if wanted:
            transport.resume_reading()
        else:
            transport.pause_reading()
