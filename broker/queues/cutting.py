"""Takes messages out of the middle of a ready list, by their positions, as far as they are in memory.

Must not: count what is held, or load what is not in memory.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import deque
from typing import Any

from broker.model.message import Span
from broker.queues.cold import Cold
from broker.queues.fifo import SpanFifo
from broker.queues.paging import memory_bytes
from broker.queues.places import end_of, minus_end
from broker.queues.spool import Spooled
from storage.journal import Stream


def cut_out(
    returned: list[Span],
    head: SpanFifo,
    middle: deque[Cold | Span] | None,
    tail: deque[Span | Spooled] | None,
    spooled: Stream | None,
    first: int,
    stop: int,
) -> tuple[list[Span], int]:
    """Takes the positions `first..stop` out of all parts of a ready list.

    Returns: what was there, in order, and how much less memory head and tail take.
    """
    found: list[Span] = []
    freed_bytes = 0
    if returned:
        _cut_returned(returned, first, stop, found)
    if len(head):
        freed_bytes += _cut_head(head, first, stop, found)
    if middle:
        _cut_deque(middle, None, first, stop, found)
    if tail:
        freed_bytes += _cut_deque(tail, spooled, first, stop, found)
    return found, freed_bytes


def _cut_span(span: Span, first: int, stop: int, found: list[Span]) -> list[Span]:
    """Takes a part of a span; returns what is left before and behind it."""
    rest: list[Span] = []
    if first > span.position:
        rest.append(span.cut(first - span.position))
    held = span.stop - span.start
    wanted = stop - span.position
    if wanted >= held:
        found.append(span)
        return rest
    found.append(span.cut(wanted))
    rest.append(span)
    return rest


def _minus_position(span: Span) -> int:
    return -span.position


def _cut_returned(returned: list[Span], first: int, stop: int, found: list[Span]) -> None:
    begin = bisect_right(returned, -stop, key=_minus_position)
    end = bisect_left(returned, -first, key=minus_end)
    rest: list[Span] = []
    for span in reversed(returned[begin:end]):
        rest += _cut_span(span, first, stop, found)
    rest.reverse()
    returned[begin:end] = rest


def _cut_head(head: SpanFifo, first: int, stop: int, found: list[Span]) -> int:
    begin = head.find(first)
    spans = head.some(begin, head.find(stop - 1) + 1 - begin)
    if spans and spans[-1].position >= stop:
        spans.pop()
    if not spans:
        return 0
    before_bytes = sum(map(memory_bytes, spans))
    rest: list[Span] = []
    for span in spans:
        rest += _cut_span(span, first, stop, found)
    head.replace(begin, len(spans), rest)
    return before_bytes - sum(map(memory_bytes, rest))


def _cut_deque(part: deque[Any], spooled: Stream | None, first: int, stop: int, found: list[Span]) -> int:
    begin = bisect_right(part, first, key=end_of)
    part.rotate(-begin)
    rest: list[object] = []
    freed_bytes = 0
    for _ in range(len(part) - begin):
        item = part[0]
        if not isinstance(item, Cold):
            span = item.span if isinstance(item, Spooled) else item
            if span.position >= stop:
                break
            freed_bytes += memory_bytes(span)
            kept = _cut_item(item, span, spooled, first, stop, found)
            freed_bytes -= sum(memory_bytes(one.span if isinstance(one, Spooled) else one) for one in kept)
            rest += kept
        elif item.first + item.shift >= stop:
            break
        else:
            rest.append(item)
        part.popleft()
    part.extendleft(reversed(rest))
    part.rotate(begin)
    return freed_bytes


def _cut_item(
    item: Span | Spooled, span: Span, spooled: Stream | None, first: int, stop: int, found: list[Span]
) -> list[Any]:
    """Takes a part of what may be in the spool too, where it is not needed any more; returns what is left."""
    if not isinstance(item, Spooled):
        return list(_cut_span(span, first, stop, found))
    assert spooled is not None, "it has been spooled"
    shift = item.number - span.position
    kept = _cut_span(span, first, stop, found)
    one = found[-1]
    spooled.settle(one.position + shift, one.position + shift + one.stop - one.start, 0)
    return [Spooled(part, part.position + shift, item.position) for part in kept]
