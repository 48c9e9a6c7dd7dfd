"""Looks at waiting messages without taking them: order, deliveries and the redelivered mark stay as they are.

Must not: change a queue, decode a message, or read more than a step's worth at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from broker.model.message import Batch, Span
from broker.queues.cold import Cold
from broker.queues.counters import QueueCounters
from broker.queues.ready import ReadyList
from broker.queues.stored import HeadReader
from storage.journal import Loaded

LOAD_BYTES: Final = 256 * 1024  # read from the log in one step
STEP_MESSAGES: Final = 200  # looked at in one step
LEVEL_MAX: Final = 255


class Place(NamedTuple):
    """Where to go on: a priority level (0 where there are none) and a position within the queue."""

    level: int
    position: int


FRONT: Final = Place(LEVEL_MAX, 0)


class Waiting(NamedTuple):
    """A waiting message: its place, and where it is in a batch; `number` and the rest are as in a span."""

    place: Place
    batch: Batch
    at: int
    deliveries: int
    expires_ms: int
    number: int


Answer = Callable[[Sequence[Waiting], Place | None], None]


def look(ready: ReadyList, begin: Place, answer: Answer) -> None:
    """Takes one step from a place on; answers, perhaps later, what waits there, and where to go on (None: nowhere).

    What is on disk only is read; an answer without messages says only that there is more to look at.
    """
    pieces = ready.pieces(begin.level, begin.position, STEP_MESSAGES)
    found: list[Waiting] = []
    for level, piece in pieces:
        position = begin.position if level == begin.level else 0
        if isinstance(piece, Cold):
            if not found:
                _load(level, piece, position, answer)
                return
            break
        found += _of_span(level, piece, position, STEP_MESSAGES - len(found))
        if len(found) == STEP_MESSAGES:
            break
    answer(found, _behind(found[-1]) if found else None)


def _behind(last: Waiting) -> Place:
    return Place(last.place.level, last.place.position + 1)


def _of_span(level: int, span: Span, position: int, count: int) -> list[Waiting]:
    start = span.start + max(0, position - span.position)
    stop = min(span.stop, start + count)
    shift = span.position - span.start
    return [
        Waiting(
            Place(level, at + shift),
            span.batch,
            at,
            span.deliveries,
            span.expires_ms,
            span.number + at - span.start if span.number else 0,
        )
        for at in range(start, stop)
    ]


def _load(level: int, cold: Cold, position: int, answer: Answer) -> None:
    """A step through what is on disk only."""
    shift, stop = cold.shift, cold.stop
    reader = HeadReader()

    def loaded(runs: Sequence[Loaded], next_number: int) -> None:
        found: list[Waiting] = []
        for run in runs:
            if run.first >= stop or len(found) >= STEP_MESSAGES:
                break
            count = min(len(run.items), stop - run.first)
            span = Span(reader.batch(run), 0, count, run.first + shift, run.expires_ms, run.deliveries, run.first)
            found += _of_span(level, span, 0, STEP_MESSAGES - len(found))
        reached = _behind(found[-1]) if len(found) >= STEP_MESSAGES else Place(level, min(next_number, stop) + shift)
        answer(found, reached)

    cold.stream.load(max(cold.first, position - shift), LOAD_BYTES, loaded)


def has_text(batch: Batch, at: int, wanted: bytes) -> bool:
    """Whether a text, in small letters, is in a message's body, properties, exchange or routing key, in any case."""
    return (
        wanted in batch.bodies[at].lower()
        or wanted in batch.properties.raw.lower()
        or wanted in batch.address.tail.lower()
    )


def single(waiting: Waiting) -> Span:
    """The message as a span of its own."""
    place, batch, at, deliveries, expires_ms, number = waiting
    return Span(batch, at, at + 1, place.position, expires_ms, deliveries, number)


def remove(
    ready: ReadyList, place: Place, removing: set[object], counters: QueueCounters, done: Callable[[Span], None],
    answer: Callable[[bool], None],
) -> None:  # fmt: skip
    """Takes one ready message out for good; answers, perhaps later, whether it was there.

    Args: removing holds what is being looked for to be taken out, so that nobody takes it twice; done gets the message.
    """
    key = (ready, place)
    if key in removing:
        answer(False)
        return
    removing.add(key)

    def found(waiting: Sequence[Waiting], _next: Place | None) -> None:
        removing.discard(key)
        loaded = single(waiting[0]) if waiting and waiting[0].place == place else None
        span = ready.remove(place.level, place.position, loaded)
        if span is not None:
            counters.purged += 1
            done(span)
        answer(span is not None)

    look(ready, place, found)
