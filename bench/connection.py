"""A blocking AMQP connection for everything around a load: login, declare, bind, consume, delete.

Must not: be used while a load runs.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Mapping

from bench import frames
from bench.frames import long, method, short

TIMEOUT_S = 30.0
READ_BYTES = 65536
FRAME_MAX = 131072
PIPELINED_MAX = 500  # requests sent before their answers are read
PASSIVE = b"\1"
CHANNEL_CLOSE, CONNECTION_CLOSE = (20, 40), (10, 50)


class BrokerError(Exception):
    """The broker closed the channel or the connection, or answered something else than expected."""


class Control:
    """One connection with channel 1 open. Raises: BrokerError, OSError."""

    def __init__(self, host: str, port: int, heartbeat_s: int = 0) -> None:
        """Args: heartbeat_s is what is agreed on; 0 is none, so that there are no heartbeats among deliveries."""
        self.sock = socket.create_connection((host, port), TIMEOUT_S)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._unread = b""
        self.sock.sendall(b"AMQP\0\0\x09\x01")
        self._answer((10, 10))
        login = b"\0\0\0\0" + short("PLAIN") + long(b"\0guest\0guest") + short("en_US")
        self.sock.sendall(method(10, 11, login, channel=0))
        self._answer((10, 30))
        tune = method(10, 31, struct.pack(">HIH", 2047, FRAME_MAX, heartbeat_s), channel=0)
        self.sock.sendall(tune + method(10, 40, short("/") + b"\0\0", channel=0))
        self._answer((10, 41))
        self.call(method(20, 10, b"\0"), (20, 11))

    def call(self, request: bytes, answer: tuple[int, int]) -> bytes:
        """Sends a method and returns the arguments of the answer."""
        self.sock.sendall(request)
        return self._answer(answer)

    def call_all(self, requests: list[bytes], answer: tuple[int, int]) -> None:
        """Sends many methods, some at a time, and waits for as many answers."""
        for start in range(0, len(requests), PIPELINED_MAX):
            part = requests[start : start + PIPELINED_MAX]
            self.sock.sendall(b"".join(part))
            for _ in part:
                self._answer(answer)

    def declare(self, queue: str, durable: bool = False, arguments: Mapping[str, int | str] | None = None) -> None:
        """Makes a queue that is empty."""
        self.delete(queue)
        given = frames.table(arguments or {})
        self.call(method(50, 10, b"\0\0" + short(queue) + bytes([2 * durable]) + given), (50, 11))

    def delete(self, queue: str) -> None:
        """Deletes a queue, there or not."""
        self.call(method(50, 40, b"\0\0" + short(queue) + b"\0"), (50, 41))

    def depth(self, queue: str) -> int | None:
        """How many messages are ready in a queue; None where there is no such queue, and then the channel is closed."""
        try:
            answer = self.call(method(50, 10, b"\0\0" + short(queue) + PASSIVE + frames.table({})), (50, 11))
        except BrokerError as error:
            if str(error).startswith("404"):
                return None
            raise
        return int.from_bytes(answer[1 + answer[0] :][:4], "big")

    def purge(self, queue: str) -> None:
        """Empties a queue of what is ready."""
        self.call(method(50, 30, b"\0\0" + short(queue) + b"\0"), (50, 31))

    def declare_exchange(self, name: str, kind: str) -> None:
        """Makes a transient exchange anew."""
        self.delete_exchange(name)
        self.call(method(40, 10, b"\0\0" + short(name) + short(kind) + b"\0" + frames.table({})), (40, 11))

    def delete_exchange(self, name: str) -> None:
        """Deletes an exchange, there or not."""
        self.call(method(40, 20, b"\0\0" + short(name) + b"\0"), (40, 21))

    def bind_all(self, bindings: list[tuple[str, str]], exchange: str) -> None:
        """Binds (queue, key) pairs to an exchange."""
        self.call_all(
            [
                method(50, 20, b"\0\0" + short(queue) + short(exchange) + short(key) + b"\0" + frames.table({}))
                for queue, key in bindings
            ],
            (50, 21),
        )

    def consume(self, queue: str, acked: bool, prefetch: int) -> None:
        """Starts a consumer; deliveries may follow at once: see `take_unread`."""
        if prefetch:
            self.call(method(60, 10, struct.pack(">IHB", 0, prefetch, 0)), (60, 11))
        flags = bytes([0 if acked else 2])
        consume = b"\0\0" + short(queue) + short(frames.TAG) + flags + frames.table({})
        self.call(method(60, 20, consume), (60, 21))

    def take_unread(self) -> bytes:
        """What has been read beyond the last answer."""
        unread, self._unread = self._unread, b""
        return unread

    def synchronise(self) -> None:
        """Until the broker has read everything that was sent before."""
        self.sock.settimeout(TIMEOUT_S)
        self.call(method(60, 10, struct.pack(">IHB", 0, 0, 0)), (60, 11))

    def select_confirms(self) -> None:
        """Turns publisher confirms on."""
        self.call(method(85, 10, b"\0"), (85, 11))

    def close(self) -> None:
        """Closes the socket at once."""
        self.sock.close()

    def _answer(self, expected: tuple[int, int]) -> bytes:
        payload = self._frame()
        got = struct.unpack_from(">HH", payload)
        if got != expected:
            raise BrokerError(describe(payload))
        return payload[4:]

    def _frame(self) -> bytes:
        while len(self._unread) < 7 or len(self._unread) < 8 + int.from_bytes(self._unread[3:7], "big"):
            data = self.sock.recv(READ_BYTES)
            if not data:
                raise BrokerError("the broker closed the socket")
            self._unread += data
        size = int.from_bytes(self._unread[3:7], "big")
        payload, self._unread = self._unread[7 : 7 + size], self._unread[8 + size :]
        return payload


def describe(payload: bytes) -> str:
    """What an unexpected method says, for an error message."""
    got = struct.unpack_from(">HH", payload)
    if got in (CHANNEL_CLOSE, CONNECTION_CLOSE):
        code, size = struct.unpack_from(">HB", payload, 4)
        return f"{code} {payload[7 : 7 + size].decode(errors='replace')}"
    return f"unexpected method {got[0]}.{got[1]}"
