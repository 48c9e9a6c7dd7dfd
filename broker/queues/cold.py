"""Messages that are not in memory: numbers of a stream of the journal, or of the spool. Must not: load them."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import TypeAlias

from broker.model.message import Span
from broker.queues.stored import HeadReader
from storage.journal import Loaded, Stream


class Cold:
    """Messages `first..stop` of a stream, of which `count` wait; a message's position is its number plus `shift`."""

    __slots__ = ("body_bytes", "count", "first", "shift", "stop", "stream")

    def __init__(self, stream: Stream, first: int, stop: int, shift: int, count: int, body_bytes: int) -> None:
        self.stream = stream
        self.first = first
        self.stop = stop
        self.shift = shift
        self.count = count
        self.body_bytes = body_bytes

    @classmethod
    def of(cls, stream: Stream, number: int, span: Span) -> Cold:
        """A span that has this number in the stream."""
        count = span.stop - span.start
        return cls(stream, number, number + count, span.position - number, count, count * span.batch.body_bytes)

    def loaded(self, runs: Sequence[Loaded], reader: HeadReader, is_spooled: bool) -> list[Span]:
        """What was loaded of it, as spans; they do not count here any more."""
        spans: list[Span] = []
        for run in runs:
            if run.first >= self.stop:
                break
            batch = reader.batch(run)
            count = min(len(run.items), self.stop - run.first)
            number = 0 if is_spooled else run.first
            spans.append(Span(batch, 0, count, run.first + self.shift, run.expires_ms, run.deliveries, number))
            self.count -= count
            self.body_bytes -= count * batch.body_bytes
        return spans

    def settle_some(self, span: Span, is_spooled: bool) -> None:
        """Some of its messages, loaded as a span, are not needed any more."""
        count = span.stop - span.start
        self.count -= count
        self.body_bytes -= count * span.batch.body_bytes
        if is_spooled:  # whoever has it settles what is in the log
            number = span.position - self.shift
            self.stream.settle(number, number + count, 0)
            span.number = 0

    def is_before(self, stream: Stream, number: int, span: Span) -> bool:
        """Whether the span follows it."""
        return self.stop == number and self.stream is stream and self.shift == span.position - number

    def is_behind(self, stream: Stream, number: int, span: Span) -> bool:
        """Whether it follows the span."""
        count = span.stop - span.start
        return self.first == number + count and self.stream is stream and self.shift == span.position - number

    def grow_behind(self, span: Span) -> None:
        """Takes the span that follows it."""
        count = span.stop - span.start
        self.stop += count
        self.count += count
        self.body_bytes += count * span.batch.body_bytes

    def grow_before(self, span: Span) -> None:
        """Takes the span that it follows."""
        count = span.stop - span.start
        self.first -= count
        self.count += count
        self.body_bytes += count * span.batch.body_bytes


Piece: TypeAlias = Span | Cold


def totals(middle: deque[Cold | Span] | None) -> tuple[int, int]:
    """How many messages are cold, and the bytes of their bodies; the cost grows with their runs."""
    cold = [item for item in middle or () if isinstance(item, Cold)]
    return sum(item.count for item in cold), sum(item.body_bytes for item in cold)


def take_cold(pieces: list[tuple[int, Piece]], wanted: Span, spooled: Stream | None) -> list[Span]:
    """Takes the messages of a span, which is used up, out of what is cold in front of these pieces."""
    taken: list[Span] = []
    stop = wanted.position + wanted.stop - wanted.start
    for _, piece in pieces:
        if not isinstance(piece, Cold) or (begin := max(wanted.position, piece.first + piece.shift)) >= stop:
            break
        if begin > wanted.position:  # between them it does not wait any more
            wanted.cut(begin - wanted.position)
        some = wanted.cut(min(stop, piece.stop + piece.shift) - begin)
        piece.settle_some(some, piece.stream is spooled)
        taken.append(some)
    return taken


def without(runs: Sequence[Loaded], numbers: set[int]) -> list[Loaded]:
    """What was loaded without the messages of some numbers."""
    kept: list[Loaded] = []
    for run in runs:
        start = 0
        for at in range(len(run.items) + 1):
            if at == len(run.items) or run.first + at in numbers:
                if at > start:
                    kept.append(run._replace(first=run.first + start, items=run.items[start:at]))
                start = at + 1
    return kept


def handed_out(stream: Stream, span: Span) -> None:
    """Notes that messages of a stream are delivered, for once more or for the first time."""
    stop = span.number + span.stop - span.start
    if span.deliveries:
        stream.set_deliveries(span.number, stop, span.deliveries + 1)
    else:
        stream.mark_delivered(stop)


def push(middle: deque[Cold | Span], stream: Stream | None, number: int, span: Span) -> None:
    """Puts a span behind what is cold; as it is where it has no number in a stream."""
    last = middle[-1] if middle else None
    if not number or stream is None:
        middle.append(span)
    elif isinstance(last, Cold) and last.is_before(stream, number, span):
        last.grow_behind(span)
    else:
        middle.append(Cold.of(stream, number, span))


def push_front(middle: deque[Cold | Span], stream: Stream, number: int, span: Span) -> None:
    """Puts a span before what is cold."""
    first = middle[0]
    if isinstance(first, Cold) and first.is_behind(stream, number, span):
        first.grow_before(span)
    else:
        middle.appendleft(Cold.of(stream, number, span))
