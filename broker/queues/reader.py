"""One consumer of a stream: where it stands, what it wants and how far it has acknowledged.

Must not: choose messages, or know the other readers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from mypy_extensions import mypyc_attr

from broker.model.interfaces import ConsumerPort, QueueHandle
from broker.model.message import Span
from broker.queues.offset import Start
from broker.queues.stream_filter import Filter
from storage.ranges import RangeSet

# What a reader waits for.
TURN: Final = 0  # its turn
MORE: Final = 1  # messages that are not there yet
CHUNK: Final = 2  # messages that are being read
CREDIT: Final = 3  # room at its consumer
PLACE: Final = 4  # the place where it is to begin, which is being looked for
GONE: Final = 5  # nothing: its consumer has ended

GAPS_MAX: Final = 4096  # between what is settled; beyond that the oldest is given up


@mypyc_attr(allow_interpreted_subclasses=True)
class ReaderHost:
    """The stream, as its readers see it."""

    __slots__ = ()

    def begin(self, reader: Reader) -> None:
        """It has a consumer."""
        raise NotImplementedError

    def end(self, reader: Reader) -> None:
        """Its consumer has ended."""
        raise NotImplementedError

    def offer(self, reader: Reader) -> None:
        """Its consumer may have room again."""
        raise NotImplementedError

    def settled(self, reader: Reader, span: Span) -> None:
        """Its consumer has acknowledged messages."""
        raise NotImplementedError

    def rejected(self, reader: Reader, span: Span) -> None:
        """Its consumer has refused messages for good."""
        raise NotImplementedError

    def requeued(self, span: Span) -> None:
        """A consumer has given messages back."""
        raise NotImplementedError


class Progress:
    """Up to where everything is settled, whatever the order in which it was."""

    __slots__ = ("_ahead", "next")

    def __init__(self, first: int) -> None:
        self.next = first  # everything before is settled
        self._ahead = RangeSet()

    def settle(self, first: int, stop: int) -> bool:
        """These numbers are done with; whether `next` has moved."""
        before = self.next
        if first <= before:
            self.next = max(before, stop)
        else:
            self._ahead.add(first, stop)
        if len(self._ahead):
            self._catch_up()
        return self.next > before

    def _catch_up(self) -> None:
        ahead = self._ahead
        if len(ahead) > GAPS_MAX:
            self.next = max(self.next, next(iter(ahead))[0])
        self.next = ahead.next_gap(self.next)
        ahead.forget_below(self.next)


class Reader(QueueHandle):
    """What one consumer consumes from; `next` is the number of the message it gets next.

    Its messages stay in the stream whatever becomes of their delivery, so there is nothing to put back.
    """

    __slots__ = ("_host", "consumer", "filter", "label", "next", "progress", "start", "waits_for")

    def __init__(self, name: str, host: ReaderHost, start: Start, wanted: Filter | None, label: str) -> None:
        """Args: name is the stream's; start where it begins; label what its offset is kept under ('': nothing)."""
        super().__init__(name, True)
        self.start = start
        self.next = 0
        self.filter = wanted
        self.label = label
        self.progress: Progress | None = None
        self.consumer: ConsumerPort | None = None
        self.waits_for = PLACE
        self._host = host

    def seek(self, number: int) -> None:
        """It begins with this number."""
        self.next = number
        if self.label:
            self.progress = Progress(number)

    def skip_to(self, number: int) -> None:
        """What is before is not for it, or gone."""
        if self.progress is not None:
            self.progress.settle(self.next, number)
        self.next = number

    def attach(self, consumer: ConsumerPort) -> None:
        """Its consumer starts."""
        self.consumer = consumer
        self._host.begin(self)

    def detach(self, consumer: ConsumerPort) -> None:
        """Its consumer ends."""
        assert consumer is self.consumer, "a reader has one consumer"
        self._host.end(self)

    def credit(self, consumer: ConsumerPort) -> None:  # noqa: ARG002
        """Its consumer may have room again."""
        if self.waits_for == CREDIT:
            self._host.offer(self)

    def settle(self, span: Span) -> None:
        """These messages are done with."""
        self._host.settled(self, span)

    def reject(self, span: Span) -> None:
        """These messages are done with, too; they stay in the stream."""
        self._host.rejected(self, span)

    def requeue(self, span: Span) -> None:
        """They are where they were; a consumer of that name gets them again when it comes back."""
        self._host.requeued(span)

    def is_numbered(self) -> bool:
        """Its deliveries carry their offsets."""
        return True

    def purge(self, answer: Callable[[int], None]) -> None:
        """A stream is not purged."""
        raise NotImplementedError
