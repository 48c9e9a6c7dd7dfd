"""What stands where in the ready list of one level, and looking at it. Must not: change it; `paged` does.

`returned` is kept with the lowest position last. Positions rise from front to back: returned, head, middle, tail.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Iterator

from broker.model.message import Batch, Span
from broker.queues.cold import Cold, Piece, totals
from broker.queues.fifo import SpanFifo
from broker.queues.places import minus_end, pieces_from
from broker.queues.ready import ReadyList
from broker.queues.spool import Spooled


class Standing(ReadyList):
    """The four parts of a list, the last two of which most never need."""

    __slots__ = ("_first_position", "_head", "_middle", "_returned", "_tail")

    def __init__(self) -> None:
        super().__init__()
        self._first_position = 0
        self._returned: list[Span] = []
        self._head = SpanFifo()
        self._middle: deque[Cold | Span] | None = None  # a deque takes 600 bytes
        self._tail: deque[Span | Spooled] | None = None

    def spans(self) -> Iterator[Span]:
        """Everything in memory in order, left in place."""
        yield from reversed(self._returned)
        yield from self._head
        yield from (item for item in self._middle or () if isinstance(item, Span))
        yield from (item.span if isinstance(item, Spooled) else item for item in self._tail or ())

    def oldest(self) -> Span | None:
        """The message in front, left in place; None where it is not in memory."""
        if self._returned:
            return self._returned[-1]
        return self._head.first() if len(self._head) else None

    def paged_out(self) -> tuple[int, int]:
        """How many messages are on disk only, and the bytes of their bodies."""
        return totals(self._middle)

    def pieces(self, level: int, position: int, count: int) -> list[tuple[int, Piece]]:  # noqa: ARG002
        """Up to `count` pieces with messages from `position` on, left in place; it has one level, 0."""
        parts = self._returned, self._head, self._middle, self._tail
        return [(0, piece) for piece in pieces_from(*parts, position, count)]

    def next_position(self) -> int:
        """The position behind what was there at first."""
        return self._first_position

    def level_of(self, batch: Batch) -> int:  # noqa: ARG002
        """The level that the batch's messages stand in: 0."""
        return 0

    def may_hold(self, level: int, position: int) -> bool:  # noqa: ARG002
        """Whether a message may wait at a position."""
        if len(self._head):
            if position >= self._head.first().position:
                return True
        elif self._middle or self._tail:
            return True  # nearly so: what is not in memory is in front
        returned = self._returned
        at = bisect_left(returned, -position, key=minus_end) - 1 if returned else -1
        return at >= 0 and returned[at].position <= position

    def recount(self) -> None:
        """It has no parts."""
