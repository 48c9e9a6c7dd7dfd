"""How long Celery tasks are ready before they are delivered for the first time, by task name; only where asked for.

`TimedReady` stands between a queue and its ready list, so that queues without it do nothing for it. Must not: keep more
than TASKS_MAX names, whoever publishes what.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from broker.model.message import Batch, Span
from broker.queues.cold import Cold, Piece
from broker.queues.ready import ReadyList
from protocol.errors import ConnectionException
from protocol.properties import NO_PROPERTIES, Properties
from storage.journal import Loaded, Stream
from storage.status import Distribution, Histogram

TASKS_MAX: Final = 200
OTHERS: Final = ""  # tasks beyond that
NAME_CHARS_MAX: Final = 200
WAIT_MS_BOUNDS: Final = (
    5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000, 300_000, 900_000, 3_600_000, 21_600_000,
)  # fmt: skip


class TaskWaits:
    """Waits by task name: what the header `task` of Celery's messages says."""

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self._now_ms = now_ms
        self._histograms: dict[str, Histogram] = {}
        self._properties = NO_PROPERTIES  # read last
        self._name: str | None = None

    def note(self, span: Span) -> None:
        """These messages are delivered; those that have been before, or are no tasks, do not count."""
        batch = span.batch
        if span.deliveries or not batch.stamp_ms:
            return
        name = self._name_in(batch.properties)
        if name is None:
            return
        histogram = self._histograms.get(name)
        if histogram is None:
            name = name if len(self._histograms) < TASKS_MAX else OTHERS
            histogram = self._histograms.setdefault(name, Histogram(WAIT_MS_BOUNDS))
        histogram.add(max(0, self._now_ms() - batch.stamp_ms), span.stop - span.start)

    def _name_in(self, properties: Properties) -> str | None:
        if properties is not self._properties:
            self._properties, self._name = properties, task_name(properties)
        return self._name

    def copy(self) -> dict[str, Distribution]:
        """What has been noted so far, in ms."""
        return {name: histogram.copy() for name, histogram in self._histograms.items()}


def task_headers(properties: Properties) -> dict[str, object]:
    """All headers; none where the table is malformed, which we pass on."""
    try:
        return properties.headers() if properties.headers_end else {}
    except ConnectionException:
        return {}


def task_name(properties: Properties) -> str | None:
    """The name of the Celery task that a message is, from its header `task`; None where it is none."""
    if not properties.headers_end or b"\x04task" not in properties.raw:
        return None
    name = task_headers(properties).get("task")
    return name[:NAME_CHARS_MAX] if isinstance(name, str) and name else None


class TimedReady(ReadyList):
    """A ready list that notes how long what is taken from it has waited; all else is the other list's."""

    __slots__ = ("_waits", "inner")

    def __init__(self, ready: ReadyList, waits: TaskWaits) -> None:
        super().__init__()
        self.inner = ready
        self._waits = waits
        self._count()

    def _count(self) -> None:
        self.count, self.body_bytes = self.inner.count, self.inner.body_bytes

    def take(self, count: int) -> Span | None:
        """Takes up to `count` messages of one batch from the front; None where nothing is ready in memory."""
        span = self.inner.take(count)
        self._count()
        if span is not None:
            self._waits.note(span)
        return span

    def append(self, span: Span) -> None:
        """Puts newly published messages at the back."""
        self.inner.append(span)
        self._count()

    def pull(self, count: int) -> Span | None:
        """Takes like `take`, for another list."""
        span = self.inner.pull(count)
        self._count()
        return span

    def level(self) -> int:
        """The priority level whose turn it is; -1 where nothing is ready."""
        return self.inner.level()

    def next_position(self) -> int:
        """The position behind what was there at first."""
        return self.inner.next_position()

    def next_message_bytes(self) -> int:
        """The size of the next message with its properties; 0 where none is ready in memory."""
        return self.inner.next_message_bytes()

    def put_back(self, span: Span) -> None:
        """Returns taken messages to their place."""
        self.inner.put_back(span)
        self._count()

    def take_expired(self, now_ms: int, spans_max: int) -> list[Span]:
        """Takes what stands in front and expired before or at `now_ms`; nobody gets it, so its wait does not count."""
        expired = self.inner.take_expired(now_ms, spans_max)
        self._count()
        return expired

    def next_expiry_ms(self) -> int:
        """When the next message in front expires; 0 where none does."""
        return self.inner.next_expiry_ms()

    def clear(self) -> list[Span]:
        """Drops everything; returns, in order, what is still to be settled."""
        spans = self.inner.clear()
        self._count()
        return spans

    def spans(self) -> Iterator[Span]:
        """Everything that is in memory, in order, left in place."""
        return self.inner.spans()

    def oldest(self) -> Span | None:
        """What was published first of all that is ready, left in place; None where it is not in memory."""
        return self.inner.oldest()

    def stream_for(self, batch: Batch) -> Stream | None:
        """Where the batch's messages are journalled; None where they are not."""
        return self.inner.stream_for(batch)

    def settle(self, span: Span) -> None:
        """Taken messages are not needed any more."""
        self.inner.settle(span)

    def pieces(self, level: int, position: int, count: int) -> list[tuple[int, Piece]]:
        """Up to `count` pieces from a position in a level on, left in place."""
        return self.inner.pieces(level, position, count)

    def cut(self, level: int, first: int, stop: int) -> list[Span]:
        """Takes out what is in memory of the positions `first..stop` of a level, undelivered."""
        spans = self.inner.cut(level, first, stop)
        self._count()
        return spans

    def may_hold(self, level: int, position: int) -> bool:
        """Whether a message may wait at a position of a level."""
        return self.inner.may_hold(level, position)

    def level_of_span(self, span: Span) -> int:
        """The level that messages stand in, or are about to."""
        return self.inner.level_of_span(span)

    def stream_of(self, span: Span) -> Stream | None:
        """Where the messages of a span that was taken from here are journalled."""
        return self.inner.stream_of(span)

    def end_position(self) -> int:
        """The position behind everything that waits."""
        return self.inner.end_position()

    def level_of(self, batch: Batch) -> int:
        """The level that the batch's messages stand in."""
        return self.inner.level_of(batch)

    def remove(self, level: int, position: int, loaded: Span | None) -> Span | None:
        """Takes one message out, undelivered."""
        one = self.inner.remove(level, position, loaded)
        self._count()
        return one

    def present(self, level: int, cold: Cold, runs: Sequence[Loaded]) -> Sequence[Loaded]:
        """What of messages that were loaded to be looked at has not been taken out."""
        return self.inner.present(level, cold, runs)

    def withdraw(self, level: int, wanted: Span) -> list[Span]:
        """Takes messages out, undelivered."""
        taken = self.inner.withdraw(level, wanted)
        self._count()
        return taken

    def streams(self) -> list[Stream]:
        """Every stream that holds something of this list."""
        return self.inner.streams()

    def paged_out(self) -> tuple[int, int]:
        """How many messages are on disk only, and the bytes of their bodies."""
        return self.inner.paged_out()

    def recount(self) -> None:
        """The list has loaded messages, or found some lost."""
        self.inner.recount()
        self._count()
