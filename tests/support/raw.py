"""A blocking AMQP 0-9-1 peer made of single frames, for tests that a client library would hide too much of.

    with RawConnection(host, port) as connection:
        connection.log_in()
        channel = connection.channel()
        channel.refuses(Queue.Declare(queue="q", passive=True), 404, "no queue 'q' in vhost '/'")

Every wait ends after `timeout_seconds`. Frames of other channels are kept until their channel asks for them.
Must not: hide a frame, retry, sleep, or decide what is right.
"""

from __future__ import annotations

import contextlib
import socket
from collections import defaultdict, deque
from collections.abc import Mapping
from typing import Any

from pamqp.commands import Connection

from tests.support.raw_channel import RawChannel
from tests.support.raw_frames import (
    CONTENT_METHODS,
    HEAD_BYTES,
    HEARTBEAT,
    METHOD,
    AnyMethod,
    Content,
    Frame,
    Method,
    check_close,
    decode_header,
    decode_method,
    describe,
    frame_bytes,
    method_bytes,
)

PROTOCOL_HEADER = b"AMQP\x00\x00\x09\x01"
TIMEOUT_SECONDS = 10.0
READ_BYTES = 65536


class Ended(AssertionError):
    """The broker closed the socket."""


class Unexpected(AssertionError):
    """Something else came than the test expected."""


class RawConnection:
    """One socket to a broker; nothing is sent before a method here says so."""

    def __init__(self, host: str, port: int, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self._take(socket.create_connection((host, port), timeout=timeout_seconds))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    @classmethod
    def over(cls, connected: socket.socket) -> RawConnection:
        """One on a socket that is connected already: a unix socket, TLS, or one that something was sent on."""
        made = cls.__new__(cls)
        made._take(connected)
        return made

    def _take(self, connected: socket.socket) -> None:
        self.socket = connected
        self.frame_max = 4096
        self.heartbeats = 0
        self.is_logged_in = False
        self._buffer = bytearray()
        self._inbox: defaultdict[int, deque[Frame]] = defaultdict(deque)
        self._last_channel = 0

    def __enter__(self) -> RawConnection:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send_raw(self, data: bytes) -> None:
        """Any bytes."""
        self.socket.sendall(data)

    def send(self, *methods: Method, channel: int = 0) -> None:
        """Method frames, all in one write."""
        self.send_raw(b"".join(method_bytes(channel, method) for method in methods))

    def send_heartbeat(self, channel: int = 0) -> None:
        """A heartbeat frame."""
        self.send_raw(frame_bytes(HEARTBEAT, channel, b""))

    def read_bytes(self, count: int) -> bytes:
        """Exactly `count` bytes.

        Raises:
            Ended: the broker closed the socket before.
            TimeoutError: they did not come in time.
        """
        while len(self._buffer) < count:
            try:
                data = self.socket.recv(READ_BYTES)
            except ConnectionError as error:
                raise Ended(str(error)) from error
            if not data:
                raise Ended(f"end of stream after {bytes(self._buffer)!r}")
            self._buffer += data
        taken = bytes(self._buffer[:count])
        del self._buffer[:count]
        return taken

    def read_frame(self) -> Frame:
        """The next frame of any channel, as it is."""
        head = self.read_bytes(HEAD_BYTES)
        if head[:4] == b"AMQP":
            raise Unexpected(f"protocol header {head + self.read_bytes(1)!r}")
        kind, channel = head[0], int.from_bytes(head[1:3], "big")
        payload = self.read_bytes(int.from_bytes(head[3:7], "big") + 1)
        assert payload[-1] == 0xCE, "frame without its end octet"
        return Frame(kind, channel, payload[:-1])

    def next_frame(self, channel: int) -> Frame:
        """The next frame of one channel; the others' are kept, heartbeats counted."""
        while not self._inbox[channel]:
            frame = self.read_frame()
            if frame.kind == HEARTBEAT:
                self.heartbeats += 1
                continue
            self._inbox[frame.channel].append(frame)
            if frame.channel == 0 and channel != 0:
                raise Unexpected(f"on channel 0 while waiting on {channel}: {describe(decode_method(frame.payload))}")
        return self._inbox[channel].popleft()

    def receive(self, channel: int = 0) -> Any:
        """The next method of one channel; a `Content` where it carries one."""
        frame = self.next_frame(channel)
        assert frame.kind == METHOD, f"a method frame was due, not {frame}"
        method = decode_method(frame.payload)
        self.is_logged_in &= not isinstance(method, Connection.Close)
        return self._content(method, channel) if isinstance(method, CONTENT_METHODS) else method

    def _content(self, method: Any, channel: int) -> Content:
        header = self.next_frame(channel).payload
        size, properties = decode_header(header)
        parts: list[bytes] = []
        while sum(map(len, parts)) < size:
            parts.append(self.next_frame(channel).payload)
        body = b"".join(parts)
        assert len(body) == size, "body longer than announced"
        return Content(method, header, properties, body, tuple(map(len, parts)))

    def expect(self, kind: type[AnyMethod], channel: int = 0) -> AnyMethod:
        """The next method of the channel, which must be of this kind."""
        received = self.receive(channel)
        if not isinstance(getattr(received, "method", received), kind):
            raise Unexpected(f"{kind.name} was due, but {describe(received)} came")
        return received  # type: ignore[no-any-return]

    def expect_close(self, code: int, text: str = "", ids: tuple[int, int] | None = None) -> Connection.Close:
        """connection.close with this code and this part of a text; answers close-ok and expects the socket's end."""
        close = self.expect(Connection.Close)
        check_close(close, code, text, ids)
        with contextlib.suppress(ConnectionError):
            self.send(Connection.CloseOk())
        self.expect_end()
        return close

    def expect_end(self) -> None:
        """The end of the socket, and no frame before it."""
        try:
            frame = self.read_frame()
        except Ended:
            return
        raise Unexpected(f"the end was due, but {frame} came")

    def log_in(
        self,
        user: str = "guest",
        password: str = "guest",
        vhost: str = "/",
        *,
        frame_max: int = 131072,
        channel_max: int = 2047,
        heartbeat: int = 0,
        client_properties: Mapping[str, Any] | None = None,
    ) -> RawConnection:
        """The whole handshake up to open-ok."""
        self.start(user, password, client_properties)
        self.expect(Connection.Tune)
        self.tune(frame_max, channel_max, heartbeat)
        self.send(Connection.Open(vhost))
        self.expect(Connection.OpenOk)
        self.is_logged_in = True
        return self

    def start(
        self, user: str = "guest", password: str = "guest", client_properties: Mapping[str, Any] | None = None
    ) -> Connection.Start:
        """Protocol header, start, start-ok with PLAIN; leaves the answer unread."""
        self.send_raw(PROTOCOL_HEADER)
        start = self.expect(Connection.Start)
        self.send(start_ok(user, password, client_properties))
        return start

    def tune(self, frame_max: int = 131072, channel_max: int = 2047, heartbeat: int = 0) -> None:
        """Sends tune-ok and keeps to its frame size from then on."""
        self.frame_max = frame_max or 131072
        self.send(Connection.TuneOk(channel_max, frame_max, heartbeat))

    def channel(self, number: int | None = None) -> RawChannel:
        """An open channel."""
        if number is None:
            number = self._last_channel + 1
        self._last_channel = max(number, self._last_channel)
        return RawChannel(self, number).open()

    def close(self) -> None:
        """Closes as a polite client does: close, everything up to close-ok, end."""
        self.send(Connection.Close(200, "done", 0, 0))
        while not isinstance(self.receive(), Connection.CloseOk):
            pass
        self.socket.close()


def start_ok(
    user: str = "guest",
    password: str = "guest",
    client_properties: Mapping[str, Any] | None = None,
    mechanism: str = "PLAIN",
) -> Connection.StartOk:
    """A start-ok with PLAIN credentials; by default it claims the capabilities that client libraries claim."""
    properties = CLIENT_PROPERTIES if client_properties is None else client_properties
    return Connection.StartOk(dict(properties), mechanism, f"\0{user}\0{password}", "en_US")


CLIENT_PROPERTIES = {
    "product": "raw test client",
    "capabilities": {
        "authentication_failure_close": True,
        "basic.nack": True,
        "connection.blocked": True,
        "consumer_cancel_notify": True,
        "publisher_confirms": True,
    },
}
