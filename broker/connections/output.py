"""A connection's output of one turn, and what stops its consumers from being fed.

Must not: write to a socket itself, or hold more than one turn's output.
"""

from __future__ import annotations

from typing import Final

from broker.model.interfaces import ConsumerPort
from protocol.outgoing import Outgoing

TURN_BYTES_MAX: Final = 128 * 1024  # deliveries put on one connection in one turn of the loop
STALLED_BYTES_MAX: Final = 16 * 1024 * 1024  # unread output at which a connection's input is not read any more


class Output:
    """Frames waiting for the end of the turn. `is_writable` follows the socket's buffer."""

    __slots__ = ("_starved", "is_touched", "is_writable", "out", "total_bytes")

    def __init__(self) -> None:
        self.out = Outgoing()
        self.is_touched = False  # its connection is to be flushed at the end of this turn
        self.is_writable = True
        self.total_bytes = 0
        self._starved: dict[ConsumerPort, None] = {}

    def room(self, message_bytes: int, consumer: ConsumerPort) -> int:
        """How many deliveries of that size fit into this turn; a refused consumer is told when to ask again."""
        free = TURN_BYTES_MAX - self.out.size
        if free <= 0 or not self.is_writable:
            self._starved[consumer] = None
            return 0
        return free // message_bytes + 1

    def take(self) -> bytes:
        """Everything, joined; the turn's output starts anew."""
        data = self.out.take()
        self.total_bytes += len(data)
        return data

    def feed(self) -> None:
        """Tells the consumers that were refused that there is room."""
        if self._starved and self.is_writable:
            starved, self._starved = self._starved, {}
            for consumer in starved:
                consumer.fed()

    def forget(self, consumer: ConsumerPort) -> None:
        """The consumer is gone."""
        self._starved.pop(consumer, None)
