"""The sans-IO protocol engine: bytes in, commands out; holds what is unfinished and what is legal.

Stop "protocol engine" on a message's way. Must not: know sockets, clocks, queues or users.
"""

from __future__ import annotations

from typing import Final

from protocol import lifecycle as life
from protocol.assembler import Assembler
from protocol.commands import (
    ACK,
    CHANNEL_CLOSE,
    CHANNEL_CLOSE_OK,
    CHANNEL_OPEN,
    PUBLISH,
    Ack,
    Address,
    Command,
    Greeting,
    Method,
    Publish,
    decode_address,
)
from protocol.constants import (
    CONTENT_HEADER_BYTES_MIN,
    FRAME_BODY,
    FRAME_END,
    FRAME_ERROR,
    FRAME_HEAD_BYTES,
    FRAME_HEADER,
    FRAME_HEARTBEAT,
    FRAME_MAX_BEFORE_TUNE_BYTES,
    FRAME_METHOD,
    FRAME_OVERHEAD_BYTES,
    PROTOCOL_HEADERS_ACCEPTED,
    PROXY_SIGNATURE_1,
    PROXY_SIGNATURE_2,
    UNEXPECTED_FRAME,
    octets,
)
from protocol.errors import ConnectionException
from protocol.methods import decode_method
from protocol.octets import u16, u32
from protocol.wire import ACK_FRAME_BYTES, content_extent, scan_acks, scan_publishes

ADDRESSES_MAX: Final = 1024  # distinct publish methods remembered per connection


class ProtocolMismatch(Exception):
    """The peer does not speak AMQP 0-9-1; `hint` says what it seems to speak."""

    def __init__(self, start: bytes) -> None:
        self.hint = _guess(start)
        super().__init__(self.hint)


def _guess(start: bytes) -> str:
    if start.startswith((PROXY_SIGNATURE_1, PROXY_SIGNATURE_2[:8])):
        return "a PROXY protocol header from an address that is none of proxy_protocol_from"
    if start.startswith(b"AMQP"):
        return f"an AMQP client of another version ({start[4:8]!r})"
    if start[:1] == b"\x16":
        return "a TLS client on a plain port"
    if start[:4] in (b"GET ", b"POST", b"HEAD", b"PUT "):
        return "an HTTP client on the AMQP port"
    return f"an unknown protocol ({start!r})"


def _bad_frame(kind: int, payload: bytes, why: str) -> ConnectionException:
    return ConnectionException(FRAME_ERROR, f"type {kind}, all octets = {octets(payload)}: {why}")


def _unexpected(kind: int, payload: bytes) -> ConnectionException:
    return ConnectionException(UNEXPECTED_FRAME, f"type {kind}, all octets = {octets(payload)}")


class Engine:
    """Parses one connection's input.

    Call `receive` with what the socket gave, then `next_command` until it returns None. The order of commands is the
    order of the wire; a command is parsed only when asked for, so that handling one may change what is legal next.
    """

    __slots__ = ("_addresses", "_data", "_is_broken", "_pos", "body_bytes_max", "channel", "channels", "frame_max",
                 "state")  # fmt: skip

    def __init__(self, body_bytes_max: int) -> None:
        self.state = life.AWAIT_HEADER
        self.frame_max = FRAME_MAX_BEFORE_TUNE_BYTES
        self.body_bytes_max = body_bytes_max
        self.channel = 0  # of the frame looked at last
        self.channels: dict[int, Assembler] = {}
        self._addresses: dict[bytes, Address] = {}
        self._data = b""
        self._pos = 0
        self._is_broken = False

    def receive(self, data: bytes) -> None:
        """Takes what came from the socket, of any length."""
        if self._is_broken:
            return
        rest = self._data[self._pos :] if self._pos < len(self._data) else b""
        self._data = rest + data if rest else data
        self._pos = 0

    def next_command(self) -> Command | None:
        """The next whole command, or None where more bytes are needed.

        Raises: ConnectionException, ChannelException (the engine has then passed the frame), ProtocolMismatch.
        """
        if self.state == life.AWAIT_HEADER:
            return self._greeting()
        while self.state != life.CLOSED:
            data, pos = self._data, self._pos
            if len(data) - pos < FRAME_HEAD_BYTES:
                return None
            kind, channel, size = data[pos], u16(data, pos + 1), u32(data, pos + 3)
            if size > self.frame_max:
                raise self._broken(kind, b"", f"{{frame_too_large,{size},{self.frame_max - 8}}}")
            end = pos + FRAME_OVERHEAD_BYTES + size
            if len(data) < end:
                return None
            if data[end - 1] != FRAME_END:
                raise self._broken(kind, data[pos + 7 : end - 1], f"{{invalid_frame_end_marker,{data[end - 1]}}}")
            self._pos = end
            self.channel = channel
            command = self._frame(data, pos, end, kind, channel)
            if command is not None:
                return command
        return None

    def _broken(self, kind: int, payload: bytes, why: str) -> ConnectionException:
        """Where one frame ends is not known any more: nothing that follows can be read."""
        self._is_broken = True
        self._data, self._pos = b"", 0
        return _bad_frame(kind, payload, why)

    def open_channel(self, channel: int) -> None:
        """The channel's open has been granted."""
        self.channels[channel] = Assembler(channel)

    def closing_channel(self, channel: int) -> None:
        """The server sends channel.close: drop what still comes on it, until close-ok."""
        assembler = self.channels.get(channel)
        if assembler is None:
            assembler = self.channels[channel] = Assembler(channel)
        assembler.closing = True
        assembler.reset()

    def close_channel(self, channel: int) -> None:
        """The channel's number is free again."""
        self.channels.pop(channel, None)

    def _greeting(self) -> Greeting | None:
        data = self._data
        if len(data) < 8 and b"AMQP".startswith(data[:4]):
            return None
        if data[:8] not in PROTOCOL_HEADERS_ACCEPTED:
            raise ProtocolMismatch(data[:8])
        self._pos = 8
        self.state = life.AWAIT_START_OK
        return Greeting()

    def _frame(self, data: bytes, pos: int, end: int, kind: int, channel: int) -> Command | None:
        if kind == FRAME_METHOD:
            if end - pos < FRAME_OVERHEAD_BYTES + 4:
                raise _bad_frame(kind, data[pos + 7 : end - 1], "unknown_frame")
            index = u32(data, pos + 7)
            return self._method_frame(data, pos, end, channel, index)
        payload = data[pos + FRAME_HEAD_BYTES : end - 1]
        if kind == FRAME_HEARTBEAT and channel == 0 and not payload:
            return None
        if kind not in (FRAME_HEADER, FRAME_BODY) or (kind == FRAME_HEADER and len(payload) < CONTENT_HEADER_BYTES_MIN):
            if kind == FRAME_HEARTBEAT and channel:
                raise _unexpected(kind, payload)
            raise _bad_frame(kind, payload, "unknown_frame")
        return self._content_frame(payload, kind, channel)

    def _content_frame(self, payload: bytes, kind: int, channel: int) -> Publish | None:
        if self.state == life.CLOSING:
            return None
        if channel == 0 or self.state != life.OPEN:
            raise _unexpected(kind, payload)
        assembler = self.channels.get(channel)
        if assembler is None:
            raise ConnectionException(UNEXPECTED_FRAME, "expected method frame, got non method frame instead")
        if assembler.closing:
            return None
        return assembler.content(kind, payload, self.body_bytes_max)

    def _method_frame(self, data: bytes, pos: int, end: int, channel: int, index: int) -> Command | None:
        if channel == 0:
            return self._connection_method(index, data[pos + 11 : end - 1])
        assembler = self.channels.get(channel)
        if self.state != life.OPEN:
            if self.state == life.CLOSING:
                return None
            raise _unexpected(FRAME_METHOD, data[pos + FRAME_HEAD_BYTES : end - 1])
        if assembler is None:
            life.check_channel_method(False, index)
        elif assembler.closing:
            return self._closing_channel_method(channel, index, data[pos + 11 : end - 1])
        else:
            if assembler.address is not None:
                assembler.check_no_content()
            if index == PUBLISH:
                return self._publish(assembler, data, pos, end)
            if index == ACK and end - pos == ACK_FRAME_BYTES:
                self._pos, first, last, multiple = scan_acks(data, pos)
                return Ack(channel, first, last, multiple)
            life.check_channel_method(True, index)
        return decode_method(channel, index, data[pos + 11 : end - 1])

    def _connection_method(self, index: int, arguments: bytes) -> Method | None:
        if self.state == life.CLOSING and index not in life.TRANSITIONS[life.CLOSING]:
            return None
        after = life.next_state(self.state, index)
        command = decode_method(0, index, arguments)
        self.state = after
        return command

    def _closing_channel_method(self, channel: int, index: int, arguments: bytes) -> Method | None:
        if index == CHANNEL_CLOSE_OK:
            self.close_channel(channel)
        if index == CHANNEL_OPEN:
            life.check_channel_method(True, index)
        return decode_method(channel, index, arguments) if index == CHANNEL_CLOSE else None

    def _publish(self, assembler: Assembler, data: bytes, pos: int, end: int) -> Publish | None:
        """The method frame at `pos` is a publish; takes the run of messages it starts where all of it is here."""
        method = data[pos:end]
        if method == assembler.last_publish_bytes:
            address = assembler.last_publish
            assert address is not None
        else:
            address = self._address(data, pos, end)
            assembler.last_publish_bytes, assembler.last_publish = method, address
        body_at, body_size = content_extent(data, end, assembler.channel, self.frame_max)
        if not body_size or body_size > self.body_bytes_max:
            assembler.begin(address)
            return None
        properties = assembler.properties_of(data[end + 19 : body_at - FRAME_OVERHEAD_BYTES])
        bodies = [data[body_at : body_at + body_size]]
        self._pos = scan_publishes(data, pos, body_at, body_size, bodies)
        return Publish(assembler.channel, address, properties, bodies)

    def _address(self, data: bytes, pos: int, end: int) -> Address:
        arguments = data[pos + 11 : end - 1]
        address = self._addresses.get(arguments)
        if address is None:
            if len(self._addresses) >= ADDRESSES_MAX:
                self._addresses.clear()
            address = self._addresses[arguments] = decode_address(data, pos + 11, end - 1)
        return address
