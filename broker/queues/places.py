"""Where messages stand in a ready list, by position: finding them without taking them.

Must not: count what is held, or load what is not in memory.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import deque

from broker.model.message import Span
from broker.queues.cold import Cold, Piece
from broker.queues.fifo import SpanFifo
from broker.queues.spool import Spooled


def end_of(item: Span | Cold | Spooled) -> int:
    """The position behind its last message."""
    if isinstance(item, Cold):
        return item.stop + item.shift
    span = item.span if isinstance(item, Spooled) else item
    return span.position + span.stop - span.start


def minus_end(item: Span) -> int:
    """What sorts spans that stand backwards by their ends."""
    return -end_of(item)


def pieces_from(
    returned: list[Span],
    head: SpanFifo,
    middle: deque[Cold | Span] | None,
    tail: deque[Span | Spooled] | None,
    position: int,
    count: int,
) -> list[Piece]:
    """Up to `count` pieces, in order, that hold messages from `position` on; the parts are those of a ready list."""
    stop = bisect_left(returned, -position, key=minus_end)
    found: list[Piece] = list(reversed(returned[max(0, stop - count) : stop]))
    if len(found) < count:
        found += head.some(head.find(position), count - len(found))
    for part in (middle, tail):
        if part and len(found) < count:
            begin = bisect_right(part, position, key=end_of)
            for index in range(begin, min(len(part), begin + count - len(found))):
                item = part[index]
                found.append(item.span if isinstance(item, Spooled) else item)
    return found
