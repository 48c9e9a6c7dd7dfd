"""What a stream retains, as a list of messages that all are ready: for whoever counts or looks. Must not: take one."""

from __future__ import annotations

from collections.abc import Iterator

from broker.model.message import Batch, Span
from broker.queues.cold import Cold, Piece
from broker.queues.ready import ReadyList
from broker.queues.stream_log import StreamLog
from broker.queues.stretches import Stretches
from storage.journal import Stream


class Retained(ReadyList):
    """A stream's messages; a position is the number of a message in the journal's stream."""

    __slots__ = ("_log", "_lost", "_lost_below", "_stretches")

    def __init__(self, log: StreamLog, stretches: Stretches, lost: int) -> None:
        """Args: lost is how many numbers of what was there at the start have no message any more."""
        super().__init__()
        self._log = log
        self._stretches = stretches
        self._lost = lost
        self._lost_below = log.stream.next
        self.recount()

    def recount(self) -> None:
        """There is more or less of it."""
        log = self._log
        if log.first >= self._lost_below:
            self._lost = 0
        self.count = max(0, log.stream.next - log.first - self._lost)
        self.body_bytes = self._stretches.size_bytes

    def oldest(self) -> Span | None:
        """What was published first of all that is retained; None where it is not in memory."""
        return self._span(self._log.first) if self.count else None

    def _span(self, number: int) -> Span | None:
        span = self._log.at(number)
        return span if span is not None and span.number <= number else None

    def spans(self) -> Iterator[Span]:
        """Everything that is in memory, in order."""
        number = self._log.first
        while (span := self._log.at(number)) is not None:
            yield span
            number = span.number + span.stop - span.start

    def stream_for(self, batch: Batch) -> Stream | None:  # noqa: ARG002
        """Where messages are journalled."""
        return self._log.stream

    def streams(self) -> list[Stream]:
        """The stream of the journal."""
        return [self._log.stream]

    def paged_out(self) -> tuple[int, int]:
        """How many messages are on disk only, and about the bytes of their bodies."""
        count, size_bytes = self._log.in_memory()
        return max(0, self.count - count), max(0, self.body_bytes - size_bytes)

    def pieces(self, level: int, position: int, count: int) -> list[tuple[int, Piece]]:  # noqa: ARG002
        """Up to `count` pieces with messages from `position` on: what is in memory, then what has to be read."""
        log = self._log
        found: list[tuple[int, Piece]] = []
        number = max(position, log.first)
        while number < log.stream.next and len(found) < count:
            span = log.at(number)
            if span is None:
                stop = log.stream.next
                found.append((0, Cold(log.stream, number, stop, 0, stop - number, 0)))
                break
            start = max(0, log.first - span.number)
            found.append((0, Span(span.batch, start, span.stop, span.number + start, 0, 0, span.number + start)))
            number = span.number + span.stop - span.start
        return found
