"""Messages that are not in memory: numbers of a stream of the journal, or of the spool. Must not: load them."""

from __future__ import annotations

from broker.model.message import Span
from storage.journal import Stream


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
