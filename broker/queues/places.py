"""Where messages stand in a ready list, by position: finding them without taking them, and taking one out.

Must not: count what is held, or load what is not in memory.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Sequence
from typing import Any

from broker.model.message import Span
from broker.queues.cold import Cold, Piece
from broker.queues.fifo import SpanFifo
from broker.queues.paging import memory_bytes
from broker.queues.spool import Spooled
from storage.journal import Stream


def end_of(item: Span | Cold | Spooled) -> int:
    """The position behind its last message."""
    if isinstance(item, Cold):
        return item.stop + item.shift
    span = item.span if isinstance(item, Spooled) else item
    return span.position + span.stop - span.start


def _minus_end(item: Span) -> int:
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
    stop = bisect_left(returned, -position, key=_minus_end)
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


def take_out(
    returned: list[Span],
    head: SpanFifo,
    middle: deque[Cold | Span] | None,
    tail: deque[Span | Spooled] | None,
    spooled: Stream | None,
    span: Span,
    position: int,
    count: int = 1,
) -> tuple[Span, int]:
    """Takes `count` messages from `position` on out of the span, wherever that stands.

    Returns: the messages as a span of their own, and how much less memory head and tail take.
    """
    first, held_bytes, at = span.position, memory_bytes(span), head.find(span.position)
    stands_in_head = head.some(at, 1) == [span]
    one, rest = _split(span, position, count)
    freed_bytes = held_bytes - sum(map(memory_bytes, rest))
    if stands_in_head:
        head.replace(at, rest)
    elif span in returned:
        index = returned.index(span)
        returned[index : index + 1] = reversed(rest)
        freed_bytes = 0
    elif middle is not None and span in middle:
        _replace(middle, middle.index(span), rest)
        freed_bytes = 0
    else:
        assert tail is not None, "it stands somewhere"
        _take_out_of_tail(tail, spooled, span, first, one, rest)
    return one, freed_bytes


def _split(span: Span, position: int, count: int) -> tuple[Span, list[Span]]:
    """The messages from a position on, and what is left before and behind them."""
    front = span.cut(position - span.position) if position > span.position else None
    one = span.cut(count)
    return one, [part for part in (front, span) if part is not None and part.start < part.stop]


def _take_out_of_tail(
    tail: deque[Span | Spooled], spooled: Stream | None, span: Span, first: int, one: Span, rest: list[Span]
) -> None:
    """Where the span, which began at `first`, is in the spool too, what is taken is not needed there any more."""
    index = next(at for at, item in enumerate(tail) if span is (item.span if isinstance(item, Spooled) else item))
    item = tail[index]
    if isinstance(item, Spooled):
        assert spooled is not None
        shift = item.number - first
        number = one.position + shift
        spooled.settle(number, number + one.stop - one.start, 0)
        _replace(tail, index, [Spooled(part, part.position + shift, item.position) for part in rest])
    else:
        _replace(tail, index, rest)


def _replace(part: deque[Any], index: int, items: Sequence[object]) -> None:
    del part[index]
    for item in reversed(items):
        part.insert(index, item)
