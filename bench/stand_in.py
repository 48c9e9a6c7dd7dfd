"""What a load needs of a broker and no more: answers to its set-up, one queue, deliveries by count, acks and confirms.

It shows how fast the load itself is (`bench/self_test.py`). Works per chunk. Must not: be taken for a broker.
"""

from __future__ import annotations

import selectors
import socket
import struct
import sys
from typing import Final

from bench import frames
from bench.frames import BASIC, Stride, frame, method, short
from bench.wire import ACK, AckFrames, Numbered

READ_BYTES: Final = 262144
WRITE_BYTES: Final = 131072
BACKLOG_MAX: Final = 20_000  # messages taken and not delivered yet, before its producer is not read
PUBLISH: Final = struct.pack(">HH", BASIC, 40)
PROTOCOL_HEADER: Final = b"AMQP\0\0\x09\x01"
SINGLE: Final = "--single-confirms"
EMPTY: Final = b"\0\0\0\0"
ANSWERS: Final = {  # class and method: those of the answer, its arguments, its channel
    (10, 11): (10, 30, struct.pack(">HIH", 2047, 131072, 0), 0),
    (10, 40): (10, 41, b"\0", 0),
    (20, 10): (20, 11, EMPTY, 1),
    (50, 10): (50, 11, b"\0" + EMPTY * 2, 1),
    (50, 40): (50, 41, EMPTY, 1),
    (60, 10): (60, 11, b"", 1),
    (60, 20): (60, 21, short(frames.TAG), 1),
    (85, 10): (85, 11, b"", 1),
}


def deliveries(message: bytes) -> Numbered:
    """Deliveries that a consumer takes for those of a message (a whole basic.publish with header and body).

    Their bodies have no numbers.
    """
    exchange_bytes = message[13]
    exchange = message[14 : 14 + exchange_bytes].decode()
    key_at = 14 + exchange_bytes
    key = message[key_at + 1 : key_at + 1 + message[key_at]].decode()
    header_at = 8 + int.from_bytes(message[3:7], "big")
    properties = message[header_at + 19 : header_at + 7 + int.from_bytes(message[header_at + 3 : header_at + 7], "big")]
    body_at = header_at + 7 + 12 + len(properties) + 1 + 7
    body = message[body_at:-1]
    head = frame(frames.HEADER, 1, message[header_at + 7 : header_at + 19] + properties)
    tail = short(exchange) + short(key)

    def one(tag: int) -> bytes:
        deliver = method(BASIC, 60, short(frames.TAG) + struct.pack(">QB", tag, 0) + tail)
        return deliver + head + frame(frames.BODY, 1, body)

    return Numbered(one, Stride(exchange, key, len(properties), len(body)).tag_at)


class Queue:
    """How many messages have been taken, delivered and acknowledged; the deliveries' bytes."""

    def __init__(self) -> None:
        self.taken = self.delivered = self.settled = 0
        self.prefetch = 0  # of an acknowledging consumer
        self.consumer: Connection | None = None
        self.frames: Numbered | None = None

    def give(self) -> None:
        """Hands its consumer what it may have, up to one write."""
        consumer = self.consumer
        if consumer is None or self.frames is None or consumer.out:
            return
        room = self.settled + self.prefetch - self.delivered if self.prefetch else BACKLOG_MAX
        last = self.delivered + min(self.taken - self.delivered, room, WRITE_BYTES // self.frames.length + 1)
        if last > self.delivered:
            consumer.write(b"".join(self.frames.between(self.delivered + 1, last)))
            self.delivered = last


class Connection:
    """One socket: first its set-up, method by method, then a stream of publishes or of acks."""

    def __init__(self, sock: socket.socket, queue: Queue, single: bool) -> None:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock = sock
        self.out = b""
        self._queue = queue
        self._acks = AckFrames() if single else None
        self._unread = b""
        self._message_bytes = 0
        self._begun_bytes = self._published = 0
        self._confirms = False
        self._prefetch = 0

    @property
    def is_paused(self) -> bool:
        """Whether more messages wait than the consumer keeps up with."""
        return self._message_bytes > 0 and self._queue.taken - self._queue.delivered > BACKLOG_MAX

    def write(self, data: bytes) -> None:
        """Sends what the socket takes and keeps the rest."""
        self.out += data
        try:
            self.out = self.out[self.sock.send(self.out) :]
        except BlockingIOError:
            return

    def read(self) -> bool:
        """Reads once; returns whether the socket is still open."""
        try:
            data = self.sock.recv(READ_BYTES)
        except ConnectionError:
            data = b""
        if self._message_bytes:
            self._take(len(data))
        else:
            self._unread += data
            if self._queue.consumer is self and self._queue.prefetch:
                self._settle()
            else:
                self._set_up()
        return bool(data)

    def _settle(self) -> None:
        count = len(self._unread) // ACK.size
        self._queue.settled += count
        self._unread = self._unread[count * ACK.size :]

    def _set_up(self) -> None:
        if self._unread.startswith(PROTOCOL_HEADER):
            self._unread = self._unread[len(PROTOCOL_HEADER) :]
            self.write(method(10, 10, b"\0\x09" + EMPTY + frames.long(b"PLAIN") + frames.long(b"en_US"), 0))
        while (size := self._frame_bytes(0)) and self._unread[7:11] != PUBLISH:
            request, self._unread = self._unread[:size], self._unread[size:]
            self._answer(request[7:-1])
        if self._unread[7:11] == PUBLISH:
            self._begin_publishing()

    def _frame_bytes(self, at: int) -> int:
        """Length of the frame at a place of what is unread; 0 where it is not whole."""
        size = 8 + int.from_bytes(self._unread[at + 3 : at + 7], "big")
        return size if len(self._unread) >= max(at + size, 8) else 0

    def _answer(self, request: bytes) -> None:
        asked = struct.unpack_from(">HH", request)
        if asked == (60, 10):
            self._prefetch = int.from_bytes(request[8:10], "big")
        elif asked == (60, 20):
            self._queue.consumer, self._queue.prefetch = self, self._prefetch
        elif asked == (85, 10):
            self._confirms = True
        if asked in ANSWERS:
            class_id, method_id, arguments, channel = ANSWERS[asked]
            self.write(method(class_id, method_id, arguments, channel))

    def _begin_publishing(self) -> None:
        end = 0
        for _ in range(3):  # method, header, body
            size = self._frame_bytes(end)
            if not size:
                return
            end += size
        self._queue.frames = deliveries(self._unread[:end])
        self._message_bytes = end
        self._take(len(self._unread))

    def _take(self, count_bytes: int) -> None:
        self._begun_bytes += count_bytes
        whole = self._begun_bytes // self._message_bytes
        self._begun_bytes -= whole * self._message_bytes
        self._queue.taken += whole
        if self._confirms and whole:
            first, self._published = self._published + 1, self._published + whole
            self.write(
                b"".join(self._acks.between(first, self._published))
                if self._acks
                else ACK.pack(1, 1, 13, BASIC, 80, self._published, 1, frames.END)
            )


def serve(listener: socket.socket, single: bool) -> None:
    """Serves loads, one queue for all of them at a time, until the process is ended."""
    selector = selectors.DefaultSelector()
    selector.register(listener, selectors.EVENT_READ)
    queue, connections = Queue(), set[Connection]()
    while True:
        for key, events in selector.select():
            if key.data is None:
                if not connections:
                    queue = Queue()
                connection = Connection(listener.accept()[0], queue, single)
                connections.add(connection)
                selector.register(connection.sock, selectors.EVENT_READ, connection)
                continue
            connection = key.data
            if events & selectors.EVENT_WRITE:
                connection.write(b"")
            if events & selectors.EVENT_READ and not connection.read():
                selector.unregister(connection.sock)
                connection.sock.close()
                connections.remove(connection)
                if queue.consumer is connection:
                    queue.consumer = None
        queue.give()
        for connection in connections:
            _listen(selector, connection, queue)


def _listen(selector: selectors.BaseSelector, connection: Connection, queue: Queue) -> None:
    wanted = 0 if connection.is_paused else selectors.EVENT_READ
    if connection.out or (connection is queue.consumer and queue.taken > queue.delivered and not queue.prefetch):
        wanted |= selectors.EVENT_WRITE
    key = selector.get_key(connection.sock)
    if wanted != key.events and wanted:
        selector.modify(connection.sock, wanted, connection)


def main() -> None:
    """Listens on a free port and prints it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print(listener.getsockname()[1], flush=True)
        serve(listener, SINGLE in sys.argv)


if __name__ == "__main__":
    main()
