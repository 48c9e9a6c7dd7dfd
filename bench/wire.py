"""The hot loops of the load: pre-encoded blocks out, deliveries counted by their stride, acks and confirms.

Works per chunk, never per message, but for latency. Must not: declare anything, or know what a broker is.
"""

from __future__ import annotations

import select
import selectors
import socket
import struct
import time
from array import array
from collections import deque
from typing import Final

from bench.arithmetic import due_count, due_ns
from bench.connection import BrokerError, describe
from bench.frames import BASIC, STAMP, Stride

SEND_BYTES: Final = 65536  # most bytes of one send call
RECEIVE_BYTES: Final = 262144
ACKS: Final = 65536  # acknowledgements encoded ahead
ACK: Final = struct.Struct(">BHIHHQBB")  # type, channel, size, class, method, tag, multiple, end: also a confirm's
STALL_S: Final = 20.0  # without any progress
FED_BYTES: Final = 65536  # what may have been read with the answer to basic.consume
DELIVER: Final = struct.pack(">HH", BASIC, 60)
CANCEL_OK: Final = struct.pack(">HH", BASIC, 31)


class Lost(Exception):
    """The counts do not balance, an order was broken, or nothing moves any more."""


class Confirms:
    """Which publish numbers are confirmed: all up to `low`, and some above."""

    __slots__ = ("_above", "low")

    def __init__(self) -> None:
        self.low = 0
        self._above: set[int] = set()

    @property
    def count(self) -> int:
        """How many in all."""
        return self.low + len(self._above)

    def take(self, data: bytes | memoryview) -> None:
        """Counts a run of whole basic.ack frames. Raises: BrokerError for any other frame."""
        above = self._above
        for _, _, _, class_id, method_id, tag, multiple, _ in ACK.iter_unpack(data):
            if class_id != BASIC or method_id != 80:
                raise BrokerError(describe(bytes(data[7:])))
            if multiple:
                self.low = max(self.low, tag)
            else:
                above.add(tag)
        if above:
            self._above = above = {tag for tag in above if tag > self.low}
            while self.low + 1 in above:
                self.low += 1
                above.remove(self.low)


class AckFrames:
    """basic.ack frames of consecutive tags, encoded ahead: only the high bytes of the tag are renewed."""

    def __init__(self) -> None:
        self._page = 0
        self._frames = bytearray(b"".join(ACK.pack(1, 1, 13, BASIC, 80, tag, 0, 0xCE) for tag in range(ACKS)))

    def between(self, first: int, last: int) -> list[bytes]:
        """The frames for tags `first` to `last`, both included."""
        parts = []
        while first <= last:
            page, low = divmod(first, ACKS)
            self._turn_to(page)
            high = min(last - page * ACKS, ACKS - 1)
            parts.append(bytes(self._frames[low * ACK.size : (high + 1) * ACK.size]))
            first = page * ACKS + high + 1
        return parts

    def _turn_to(self, page: int) -> None:
        if page != self._page:
            for at, value in enumerate(page.to_bytes(6, "big")):
                self._frames[11 + at :: ACK.size] = bytes([value]) * ACKS
            self._page = page


class Producer:
    """Sends one block over and over. `window` is how many may be unconfirmed; 0 is no confirms at all.

    `most` ends it after so many messages; 0 is no end. With confirms, `waits_ns` tells for the last message of each
    send how long it and all before took to be confirmed.
    """

    def __init__(self, sock: socket.socket, block: bytes, messages: int, window: int, most: int = 0) -> None:
        self.sock = sock
        self.confirms = Confirms()
        self.waits_ns = array("q")
        self._marks: deque[tuple[int, int]] = deque()  # publish number, when it was sent; at most one per unconfirmed
        self._most_bytes = most * (len(block) // messages)
        self._block = memoryview(block)
        self._message_bytes = len(block) // messages
        self._window = window
        self._at = 0
        self._sent_bytes = 0
        self._unread = b""

    @property
    def sent(self) -> int:
        """Messages begun."""
        return -(-self._sent_bytes // self._message_bytes)

    @property
    def is_whole(self) -> bool:
        """Whether the last message is out entirely."""
        return self._sent_bytes % self._message_bytes == 0

    @property
    def is_confirmed(self) -> bool:
        """Whether nothing is unconfirmed."""
        return not self._window or self.confirms.count == self.sent

    @property
    def is_spent(self) -> bool:
        """Whether it has sent the most it may."""
        return self._most_bytes > 0 and self._sent_bytes >= self._most_bytes

    def allowed_bytes(self) -> int:
        """How much may be sent now; with confirms, not before half of the window is free."""
        allowed = self._window_bytes()
        return min(allowed, self._most_bytes - self._sent_bytes) if self._most_bytes else allowed

    def _window_bytes(self) -> int:
        if not self._window:
            return SEND_BYTES
        free = (self.confirms.count + self._window) * self._message_bytes - self._sent_bytes
        is_begun = not self.is_whole
        return free if is_begun or free * 2 >= self._window * self._message_bytes else 0

    def send(self, most_bytes: int) -> None:
        """Sends once, at most to the end of the block."""
        end = self._at + min(most_bytes, SEND_BYTES)
        sent = self.sock.send(self._block[self._at : end])
        self._sent_bytes += sent
        self._at = (self._at + sent) % len(self._block)
        if self._window:
            number = self._sent_bytes // self._message_bytes
            if number > (self._marks[-1][0] if self._marks else self.confirms.low):
                self._marks.append((number, time.monotonic_ns()))

    def finish(self) -> None:
        """Sends the rest of a message that is begun."""
        if not self.is_whole:
            self.send(self._message_bytes - self._sent_bytes % self._message_bytes)

    def receive(self) -> None:
        """Reads confirms."""
        data = self.sock.recv(RECEIVE_BYTES)
        if not data:
            raise BrokerError("the broker closed a publisher's socket")
        data = self._unread + data
        whole = len(data) // ACK.size * ACK.size
        self.confirms.take(memoryview(data)[:whole])
        self._unread = data[whole:]
        now = time.monotonic_ns()
        while self._marks and self._marks[0][0] <= self.confirms.low:
            self.waits_ns.append(now - self._marks.popleft()[1])


class Consumer:
    """Counts deliveries of one length; looks at the first and the last of every chunk.

    Args: `first` and `step` give the body number expected in delivery k: (first + k * step) % `block_messages`;
    step 0 checks no order. `acks` None: automatic acknowledgement.
    """

    def __init__(
        self, sock: socket.socket, stride: Stride, acks: AckFrames | None,
        first: int, step: int, block_messages: int,
    ) -> None:  # fmt: skip
        self.sock = sock
        self.count = 0
        self._stride = stride
        self._acks = acks
        self._first, self._step, self._block_messages = first, step, block_messages
        self._buffer = bytearray(RECEIVE_BYTES + FED_BYTES + 2 * stride.length)
        self._view = memoryview(self._buffer)
        self._filled = 0

    @property
    def is_cancelled(self) -> bool:
        """Whether all that is left at the head of the buffer is the answer to its cancellation."""
        return self._filled >= 11 and self._buffer[7:11] == CANCEL_OK

    def feed(self, data: bytes) -> None:
        """Takes what somebody else has read from its socket: at most FED_BYTES."""
        self._buffer[self._filled : self._filled + len(data)] = data
        self._filled += len(data)
        self._take(self._filled // self._stride.length)

    def receive(self) -> int:
        """Reads once, counts and acknowledges whole deliveries; returns how many there were."""
        return self._take(self.fill())

    def _take(self, whole: int) -> int:
        if whole:
            self._check(0)
            self._check(whole - 1)
            self.drop(whole)
        return whole

    def fill(self) -> int:
        """Reads once; returns how many whole deliveries wait at the head of the buffer."""
        got = self.sock.recv_into(self._view[self._filled :], RECEIVE_BYTES)
        if not got:
            raise BrokerError("the broker closed a consumer's socket")
        self._filled += got
        whole = self._filled // self._stride.length
        if not whole and self._filled >= 11 and self._buffer[7:11] not in (DELIVER, CANCEL_OK):
            raise BrokerError(describe(bytes(self._buffer[7 : self._filled])))
        return whole

    def drop(self, whole: int) -> None:
        """Counts and acknowledges the deliveries at the head of the buffer and moves the rest to the front.

        With acknowledgement there is a prefetch limit, so the acks that the broker has not read yet always fit into
        the socket.
        """
        if self._acks is not None:
            for part in self._acks.between(self.count + 1, self.count + whole):
                self.sock.sendall(part)
        self.count += whole
        used = whole * self._stride.length
        rest = self._filled - used
        self._buffer[:rest] = self._buffer[used : self._filled]
        self._filled = rest

    def stamp(self, at: int) -> tuple[int, int]:
        """Due time (ns) and number in the body of delivery `at` in the buffer."""
        return STAMP.unpack_from(self._buffer, at * self._stride.length + self._stride.body_at)

    def _check(self, at: int) -> None:
        start = at * self._stride.length
        buffer, stride = self._buffer, self._stride
        if buffer[start + 7 : start + 11] != DELIVER:
            raise BrokerError(describe(bytes(buffer[start + 7 : start + 300])))
        tag = int.from_bytes(buffer[start + stride.tag_at : start + stride.tag_at + 8], "big")
        if tag != self.count + at + 1:
            raise Lost(f"delivery tag {tag} where {self.count + at + 1} was expected")
        expected = (self._first + (self.count + at) * self._step) % self._block_messages
        if self._step and self.stamp(at)[1] != expected:
            raise Lost(f"message {self.stamp(at)[1]} where {expected} was expected")


def stream(producers: list[Producer], consumers: list[Consumer], per_message: int, seconds: float) -> float:
    """Publishes as fast as the sockets take it for `seconds`, then waits until everything has arrived.

    Args: `per_message`: deliveries per published message.
    Returns: seconds from the first publish to the last delivery and confirm.
    Raises: Lost, BrokerError.
    """
    with selectors.DefaultSelector() as selector:
        for producer in producers:
            selector.register(producer.sock, selectors.EVENT_READ | selectors.EVENT_WRITE, producer)
        for consumer in consumers:
            selector.register(consumer.sock, selectors.EVENT_READ, consumer)
        start = moved = time.monotonic()
        is_publishing = True
        while True:
            now = time.monotonic()
            if is_publishing and (now - start >= seconds or all(producer.is_spent for producer in producers)):
                is_publishing = False
            if not is_publishing and _is_done(producers, consumers, per_message):
                return now - start
            if _turn(selector, is_publishing):
                moved = now
            elif now - moved > STALL_S:
                delivered = sum(consumer.count for consumer in consumers)
                raise Lost(f"stalled at {delivered} deliveries of {sum(p.sent for p in producers)} messages")


def _is_done(producers: list[Producer], consumers: list[Consumer], per_message: int) -> bool:
    expected = sum(producer.sent for producer in producers) * per_message
    count = sum(consumer.count for consumer in consumers)
    if count > expected:
        raise Lost(f"{count} deliveries of {expected}")
    return count == expected and all(producer.is_whole and producer.is_confirmed for producer in producers)


def _turn(selector: selectors.BaseSelector, is_publishing: bool) -> bool:
    """Serves every ready socket once; returns whether anything moved."""
    ready = selector.select(1.0)
    for key, events in ready:
        end = key.data
        if events & selectors.EVENT_READ:
            end.receive()
        if isinstance(end, Producer):
            _publish(selector, key, events, is_publishing)
    return bool(ready)


def _publish(selector: selectors.BaseSelector, key: selectors.SelectorKey, events: int, is_publishing: bool) -> None:
    """Sends what is allowed, and listens for room in the socket only while there is something to send."""
    producer: Producer = key.data
    allowed = producer.allowed_bytes() if is_publishing else 0
    if events & selectors.EVENT_WRITE:
        if is_publishing and allowed:
            producer.send(allowed)
            allowed = producer.allowed_bytes()
        elif not is_publishing:
            producer.finish()
    is_open = bool(allowed) if is_publishing else not producer.is_whole
    wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if is_open else 0)
    if wanted != key.events:
        selector.modify(producer.sock, wanted, producer)


def drain(consumer: Consumer, messages: int, cancel: bytes) -> tuple[int, int]:
    """Takes at least `messages` from a full queue, then sends `cancel` and takes what is on its way still.

    Returns: when `messages` had arrived and how many they were by then: nanoseconds, count.
    Raises: Lost, BrokerError.
    """
    while consumer.count < messages:
        _wait(consumer, STALL_S)
    reached = time.monotonic_ns(), consumer.count
    consumer.sock.sendall(cancel)
    while not consumer.is_cancelled:
        _wait(consumer, STALL_S)
    return reached


def one_in_flight(sock: socket.socket, message: bytes, consumer: Consumer, seconds: float) -> array[int]:
    """Sends one message, waits for it, sends the next; returns the round trips in nanoseconds."""
    trips = array("q")
    start = sent = time.monotonic_ns()
    while sent - start < seconds * 1e9:
        sock.sendall(message)
        while not _wait(consumer, STALL_S):
            pass
        arrived = time.monotonic_ns()
        trips.append(arrived - sent)
        sent = arrived
    return trips


def _wait(consumer: Consumer, timeout_s: float) -> int:
    if not select.select([consumer.sock], [], [], timeout_s)[0]:
        raise Lost("stalled")
    return consumer.receive()


def paced(
    sock: socket.socket, message: bytes, stamp_at: int, consumer: Consumer, rate: int, seconds: float
) -> tuple[array[int], array[int]]:
    """Sends `rate` messages a second, whether or not the earlier ones have arrived.

    Returns: latencies from the moment each message was due to its arrival, and how late each was sent, both in ns.
    Raises: Lost, BrokerError.
    """
    latencies, late = array("q"), array("q")
    count = int(rate * seconds)
    template = bytearray(message)
    start = moved = time.monotonic_ns()
    while len(latencies) < count:
        now = time.monotonic_ns()
        for number in range(len(late), min(due_count(now - start, rate), count)):
            due = start + due_ns(number, rate)
            STAMP.pack_into(template, stamp_at, due, number)
            sock.sendall(template)
            late.append(time.monotonic_ns() - due)
        next_due = start + due_ns(len(late), rate) if len(late) < count else now + 1_000_000_000
        timeout_s = max(0, next_due - time.monotonic_ns()) / 1e9
        if select.select([consumer.sock], [], [], timeout_s)[0]:
            moved = _arrived(consumer, latencies)
        elif now - moved > STALL_S * 1e9:
            raise Lost(f"stalled at {len(latencies)} of {len(late)}")
    return latencies, late


def _arrived(consumer: Consumer, latencies: array[int]) -> int:
    """Takes the deliveries of one read; returns when that was, in ns."""
    whole = consumer.fill()
    now = time.monotonic_ns()
    for at in range(whole):
        latencies.append(now - consumer.stamp(at)[0])
    consumer.drop(whole)
    return now
