"""Several ready lists with positions of their own, looked at as one. Must not: decide where a message goes."""

from __future__ import annotations

from collections.abc import Iterator

from mypy_extensions import mypyc_attr

from broker.model.message import Span
from broker.queues.cold import Cold, Piece
from broker.queues.priority import PriorityReady
from broker.queues.ready import ReadyList
from storage.journal import Stream


@mypyc_attr(allow_interpreted_subclasses=True)
class Joined(ReadyList):
    """What is the same for all lists of `_lists`; whoever changes one of them calls `_sum`."""

    __slots__ = ()

    def _lists(self) -> list[ReadyList]:
        raise NotImplementedError

    def _holding(self, position: int) -> list[ReadyList]:
        """Those of the lists that may have a position."""
        raise NotImplementedError

    def _sum(self) -> None:
        self.count = self.body_bytes = 0
        for ready in self._lists():
            self.count += ready.count
            self.body_bytes += ready.body_bytes

    def next_expiry_ms(self) -> int:
        """When the next message in front of any list expires; 0 where none does."""
        due = [ready.next_expiry_ms() for ready in self._lists()]
        return min((ms for ms in due if ms), default=0)

    def spans(self) -> Iterator[Span]:
        """Everything that is in memory, left in place."""
        for ready in self._lists():
            yield from ready.spans()

    def oldest(self) -> Span | None:
        """What was published first of all that is ready, left in place; None where some of it is not in memory."""
        found: Span | None = None
        for ready in self._lists():
            span = ready.oldest() if ready.count else None
            if ready.count and span is None:
                return None
            if span is not None and (found is None or span.batch.stamp_ms < found.batch.stamp_ms):
                found = span
        return found

    def streams(self) -> list[Stream]:
        """Every stream that holds something of it."""
        return [stream for ready in self._lists() for stream in ready.streams()]

    def paged_out(self) -> tuple[int, int]:
        """How many messages are on disk only, and the bytes of their bodies."""
        each = [ready.paged_out() for ready in self._lists()]
        return sum(count for count, _ in each), sum(size for _, size in each)

    def pieces(self, level: int, position: int, count: int) -> list[tuple[int, Piece]]:
        """Up to `count` pieces, the highest level first and in a level by position, from a position in a level on."""
        found: list[tuple[int, Piece]] = []
        for ready in self._lists():
            begin = position if level == 0 or isinstance(ready, PriorityReady) else 0
            found += ready.pieces(level, begin, count)
        found.sort(key=_order)
        return found[:count]

    def cut(self, level: int, first: int, stop: int) -> list[Span]:
        """Takes out what is in memory of the positions `first..stop` of a level."""
        found = [span for ready in self._holding(first) for span in ready.cut(level, first, stop)]
        self._sum()
        return found

    def may_hold(self, level: int, position: int) -> bool:
        """Whether a message may wait at a position of a level."""
        return any(ready.may_hold(level, position) for ready in self._holding(position))


def _order(found: tuple[int, Piece]) -> tuple[int, int]:
    level, piece = found
    return -level, piece.first + piece.shift if isinstance(piece, Cold) else piece.position
