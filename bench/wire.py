"""The ends of a load: pre-encoded blocks out, deliveries counted by their stride, acks and confirms.

Works per chunk, never per message. Must not: wait, declare anything, or know what a broker is.
"""

from __future__ import annotations

import socket
import struct
import time
from array import array
from collections import deque
from collections.abc import Callable
from typing import Final

from bench.connection import BrokerError, describe
from bench.frames import BASIC, END, STAMP, Block, Stride

SEND_BYTES: Final = 65536  # most bytes of one send call
RECEIVE_BYTES: Final = 262144
ACK: Final = struct.Struct(">BHIHHQBB")  # type, channel, size, class, method, tag, multiple, end: also a confirm's
FED_BYTES: Final = 65536  # what may have been read with the answer to basic.consume
RUN_MIN: Final = 4  # confirms that are compared as a whole
DELIVER: Final = struct.pack(">HH", BASIC, 60)
CANCEL_OK: Final = struct.pack(">HH", BASIC, 31)


class Lost(Exception):
    """The counts do not balance, an order was broken, or nothing moves any more."""


class Numbered:
    """Equal frames of consecutive tags, encoded ahead: only the high bytes of the tags are renewed.

    Args: `encode` makes the frames of one tag; `tag_at` is where the eight bytes of the tag are in them.
    """

    AHEAD: Final = 65536  # tags; two bytes of each tag count them

    def __init__(self, encode: Callable[[int], bytes], tag_at: int) -> None:
        self._page = 0
        self._tag_at = tag_at
        self._frames = bytearray(b"".join(map(encode, range(self.AHEAD))))
        self.length = len(self._frames) // self.AHEAD

    def between(self, first: int, last: int) -> list[bytes]:
        """The frames for tags `first` to `last`, both included."""
        parts = []
        while first <= last:
            page, low = divmod(first, self.AHEAD)
            if page != self._page:
                self._turn_to(page)
            high = min(last - page * self.AHEAD, self.AHEAD - 1)
            parts.append(bytes(self._frames[low * self.length : (high + 1) * self.length]))
            first = page * self.AHEAD + high + 1
        return parts

    def _turn_to(self, page: int) -> None:
        digits = zip(self._page.to_bytes(6, "big"), page.to_bytes(6, "big"), strict=True)
        for at, (old, new) in enumerate(digits):
            if old != new:
                self._frames[self._tag_at + at :: self.length] = bytes([new]) * self.AHEAD
        self._page = page


class AckFrames(Numbered):
    """basic.ack frames, one for each tag."""

    def __init__(self) -> None:
        super().__init__(lambda tag: ACK.pack(1, 1, 13, BASIC, 80, tag, 0, END), 11)


class Confirms:
    """Which publish numbers are confirmed: all up to `low`, and some above.

    Args: `expected`: the frames that come where every message is confirmed by one of its own, in order.
    """

    __slots__ = ("_above", "_expected", "low")

    def __init__(self, expected: AckFrames | None = None) -> None:
        self.low = 0
        self._expected = expected
        self._above: set[int] = set()

    @property
    def count(self) -> int:
        """How many in all."""
        return self.low + len(self._above)

    def take(self, data: bytes | memoryview) -> None:
        """Counts a run of whole basic.ack frames. Raises: BrokerError for any other frame."""
        count = len(data) // ACK.size
        if count >= RUN_MIN and self._are_next(data, count):
            self.low += count
            return
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

    def _are_next(self, data: bytes | memoryview, count: int) -> bool:
        if self._expected is None or self._above:
            return False
        return data == b"".join(self._expected.between(self.low + 1, self.low + count))


class Producer:
    """Sends one block over and over, renewed each time. `window`: the most unconfirmed; 0 is no confirms at all.

    `most` ends it after so many messages; 0 is no end. With confirms, `waits_ns` tells for the last message of each
    send how long it and all before took to be confirmed.
    """

    def __init__(
        self, sock: socket.socket, block: Block, window: int, most: int = 0, acks: AckFrames | None = None
    ) -> None:
        self.sock = sock
        self.confirms = Confirms(acks)
        self.waits_ns = array("q")
        self._marks: deque[tuple[int, int]] = deque()  # publish number, when it was sent; at most one per unconfirmed
        self._most_bytes = most * block.message_bytes
        self._block = block
        self._view = memoryview(block.raw)
        self._message_bytes = block.message_bytes
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
        begun = time.monotonic_ns()  # before, because the broker may answer before the call returns
        sent = self.sock.send(self._view[self._at : end])
        self._sent_bytes += sent
        self._at += sent
        if self._at == len(self._view):
            self._block.renew()
            self._at = 0
        if self._window:
            number = self._sent_bytes // self._message_bytes
            if number > (self._marks[-1][0] if self._marks else self.confirms.low):
                self._marks.append((number, begun))

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
