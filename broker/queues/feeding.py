"""The deliver lane of a stream: gives each reader what it has not had, from memory that all of them share.

Must not: read the log itself, or give anybody what could still be lost: after a crash its number may be another's.
"""

from __future__ import annotations

from typing import Final

from broker.model.interfaces import ConsumerPort, Tracer
from broker.model.message import Span
from broker.queues.consumers import Picker
from broker.queues.counters import QueueCounters
from broker.queues.reader import CHUNK, CREDIT, GONE, MORE, TURN, Reader
from broker.queues.stream_filter import FilterValues
from broker.queues.stream_log import StreamLog

TURN_WORK: Final = 3000  # in one turn of the loop, at most three milliseconds; in deliveries of one message
READER_WORK: Final = 8  # what a reader costs beside its messages
OFFSET_BYTES: Final = 25  # that the header adds to a message


class Readers(Picker):
    """The readers of a stream, to whoever wants to see its consumers."""

    __slots__ = ("all",)

    def __init__(self) -> None:
        super().__init__()
        self.all: dict[Reader, None] = {}

    def everyone(self) -> list[ConsumerPort]:
        """All consumers, in the order in which they started."""
        return [reader.consumer for reader in self.all if reader.consumer is not None]


class Feeder:
    """Who gets messages next. `stop` is the first number that nobody may have yet.

    Each reader stands in at most one list, as `waits_for` says; those that have ended are left out when their turn
    comes.
    """

    __slots__ = ("_loading", "_log", "_offered", "_values", "_waiting", "_work", "counters", "name", "readers", "stop",
                 "tracer")  # fmt: skip

    def __init__(self, name: str, log: StreamLog, readers: Readers, counters: QueueCounters) -> None:
        self.name = name
        self.readers = readers
        self.counters = counters
        self.stop = log.stream.next
        self.tracer: Tracer | None = None
        self._log = log
        self._values = FilterValues()
        self._work = 0  # that is left of the turn
        self._offered: list[Reader] = []
        self._waiting: list[Reader] = []  # for messages that are not there yet
        self._loading: list[Reader] = []

    # ---- who is to be asked

    def add(self, reader: Reader) -> None:
        """A reader starts; it is asked once it knows its place."""
        self.readers.all[reader] = None
        self._log.is_read = True

    def remove(self, reader: Reader) -> None:
        """A reader ends."""
        self.readers.all.pop(reader, None)
        if reader.waits_for == MORE:
            self._waiting.remove(reader)
        elif reader.waits_for == CHUNK:
            self._loading.remove(reader)
        reader.waits_for = GONE
        self._log.is_read = bool(self.readers.all)

    def offer(self, reader: Reader) -> None:
        """It may be given messages."""
        reader.waits_for = TURN
        self._offered.append(reader)

    def grown(self, stop: int) -> bool:
        """Readers may have what is below `stop`; whether one has been waiting for it."""
        self.stop = stop
        return self._offer_all(self._waiting)

    def loaded(self) -> bool:
        """More is in memory; whether a reader has been waiting for it."""
        return self._offer_all(self._loading)

    def _offer_all(self, readers: list[Reader]) -> bool:
        for reader in readers:
            reader.waits_for = TURN
        self._offered += readers
        readers.clear()
        return bool(self._offered)

    @property
    def is_awaited(self) -> bool:
        """Whether a reader waits for messages that are not there yet."""
        return bool(self._waiting)

    # ---- a turn

    def feed(self) -> bool:
        """Gives readers with room what they have not had; False where not everybody had a turn."""
        offered, self._offered = self._offered, []
        self._work = TURN_WORK
        at = 0
        try:
            while at < len(offered) and self._work > 0:
                reader = offered[at]
                at += 1
                if reader.waits_for == TURN:
                    self._feed(reader)
        finally:
            self._offered = offered[at:] + self._offered
        return not self._offered

    def _feed(self, reader: Reader) -> None:
        """Gives one reader messages, as long as there is time for it."""
        consumer = reader.consumer
        assert consumer is not None, "who is offered has a consumer"
        self._work -= READER_WORK
        while (span := self._next(reader)) is not None:
            room = consumer.room(span.batch.message_bytes + OFFSET_BYTES)
            if room <= 0:
                reader.waits_for = CREDIT
                return
            skipped = reader.next - span.number
            count = min(room, span.stop - span.start - skipped, self.stop - reader.next)
            self._deliver(reader, consumer, span, skipped, count)
            self._work -= count
            if self._work <= 0:
                self.offer(reader)
                return

    def _next(self, reader: Reader) -> Span | None:
        """The span with the reader's next message, which is in memory; otherwise the reader stands where it waits."""
        log = self._log
        while True:
            if reader.next < log.first:
                reader.skip_to(log.first)
            if reader.next >= self.stop:
                reader.waits_for = MORE
                self._waiting.append(reader)
                return None
            span = log.at(reader.next)
            if span is None:
                reader.waits_for = CHUNK
                self._loading.append(reader)
                log.fetch(reader.next)
                return None
            if reader.next < span.number:  # what was between is lost
                reader.skip_to(span.number)
            elif self._is_wanted(reader, span):
                return span
            else:
                reader.skip_to(min(self.stop, span.number + span.stop - span.start))
                self._work -= 1
                if self._work <= 0:
                    self.offer(reader)
                    return None

    def _is_wanted(self, reader: Reader, span: Span) -> bool:
        return reader.filter is None or reader.filter.wants(self._values.of(span.batch))

    def _deliver(self, reader: Reader, consumer: ConsumerPort, span: Span, skipped: int, count: int) -> None:
        number = reader.next
        start = span.start + skipped
        piece = Span(span.batch, start, start + count, number, 0, 0, number)
        reader.next = number + count
        self.counters.delivered += count
        if self.tracer is not None:
            self.tracer.delivered(reader.name, piece, consumer.tag)
        consumer.deliver(piece)

    def everyone_goes(self) -> None:
        """The stream is gone, and its consumers are told."""
        for reader in list(self.readers.all):
            if reader.consumer is not None:
                reader.consumer.cancelled()
        self.readers.all.clear()
        for reader in (*self._offered, *self._waiting, *self._loading):
            reader.waits_for = GONE
        self._offered, self._waiting, self._loading = [], [], []
