"""Waiting messages in runs, for whoever takes many of them out of a queue: found step by step, taken run by run.

Must not: know what becomes of them, or read more than a step's worth at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

from broker.model.message import Span
from broker.queues.browsing import Place
from broker.queues.cold import Cold
from broker.queues.places import end_of
from broker.queues.ready import ReadyList
from broker.queues.stored import HeadReader
from storage.journal import Loaded

STEP_RUNS: Final = 50  # found in one step; most often a run is one message
STEP_MESSAGES: Final = 1000
STEP_BYTES: Final = 256 * 1024  # of messages
LOAD_BYTES: Final = 8 * 1024  # read from the log at a time, so that what is read has room in a step


class Run(NamedTuple):
    """Messages that wait one behind the other, as a span of their own; the queue's is left alone."""

    level: int
    span: Span

    @property
    def behind(self) -> Place:
        """The place behind its last message."""
        return Place(self.level, self.span.position + self.span.stop - self.span.start)


Answer = Callable[[Sequence[Run], Place | None], None]


class _Step:
    """What is found in one step, and how much of it may still come."""

    __slots__ = ("_bytes", "_messages", "runs")

    def __init__(self, messages: int) -> None:
        self.runs: list[Run] = []
        self._messages = min(messages, STEP_MESSAGES)
        self._bytes = STEP_BYTES

    @property
    def is_full(self) -> bool:
        return not self._messages or self._bytes <= 0 or len(self.runs) >= STEP_RUNS

    def take(self, level: int, span: Span) -> None:
        """Notes as much of the span as there is room for; one message always is."""
        size = max(1, span.batch.message_bytes)
        count = min(span.stop - span.start, self._messages, max(1, self._bytes // size))
        self._messages -= count
        self._bytes -= count * size
        self.runs.append(Run(level, span.cut(count)))


def find_runs(ready: ReadyList, begin: Place, count_max: int, answer: Answer) -> None:
    """Takes one step from a place on; answers, perhaps later, with up to `count_max` messages and where to go on.

    None is the end; an answer without runs says only that there is more to look at. Whoever answers may withdraw them
    at once: nothing has happened to them since they were found.
    """
    step = _Step(count_max)
    for level, piece in ready.pieces(begin.level, begin.position, STEP_RUNS):
        position = begin.position if level == begin.level else 0
        if isinstance(piece, Cold):
            if not step.runs:
                _load(ready, level, piece, position, step, answer)
                return
            break
        step.take(level, _from(piece, position))
        if step.is_full:
            break
    answer(step.runs, step.runs[-1].behind if step.runs else None)


def _from(span: Span, position: int) -> Span:
    """A span of its own with what stands at a position or behind it."""
    copied = Span(span.batch, span.start, span.stop, span.position, span.expires_ms, span.deliveries, span.number)
    if position > span.position:
        copied.cut(position - span.position)
    return copied


def _load(ready: ReadyList, level: int, cold: Cold, position: int, step: _Step, answer: Answer) -> None:
    """A step through what is on disk only."""
    shift, stop = cold.shift, cold.stop
    reader = HeadReader()

    def loaded(found: Sequence[Loaded], next_number: int) -> None:
        for one in ready.present(level, cold, found):
            if one.first >= stop or step.is_full:
                break
            count = min(len(one.items), stop - one.first)
            span = Span(reader.batch(one), 0, count, one.first + shift, one.expires_ms, one.deliveries, one.first)
            for part in _waiting(ready, level, span):
                if not step.is_full:
                    step.take(level, part)
        behind = step.runs[-1].behind if step.is_full else Place(level, min(next_number, stop) + shift)
        answer(step.runs, behind)

    cold.stream.load(max(cold.first, position - shift), LOAD_BYTES, loaded)


def _waiting(ready: ReadyList, level: int, span: Span) -> Iterator[Span]:
    """The parts of a span that still wait; each is in memory or not. A consumer may have got some while it was read."""
    stop = span.position + span.stop - span.start
    while span.start < span.stop:
        found = ready.pieces(level, span.position, 1)
        if not found or found[0][0] != level:
            return
        piece = found[0][1]
        begin = piece.first + piece.shift if isinstance(piece, Cold) else piece.position
        if begin >= stop:
            return
        if begin > span.position:
            span.cut(begin - span.position)
        yield span.cut(min(end_of(piece), stop) - span.position)
