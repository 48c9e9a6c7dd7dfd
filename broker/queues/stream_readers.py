"""Beginnings, ends and acknowledgements of a stream's readers. Must not: deliver; the feeder does."""

from __future__ import annotations

from collections.abc import Callable

from broker.model.arguments import Arguments
from broker.model.message import Span
from broker.queues.context import QueueContext
from broker.queues.feeding import Feeder
from broker.queues.offset import FIRST, LAST, NEXT, TIME, Start, filter_of, label_of, start_of
from broker.queues.offsets import Offsets
from broker.queues.reader import GONE, Reader, ReaderHost
from broker.queues.retention import Retention
from broker.queues.stream_log import StreamLog
from protocol.constants import NOT_IMPLEMENTED, PRECONDITION_FAILED
from protocol.errors import ChannelException, ConnectionException


class StreamReaders(ReaderHost):
    """What the readers of one stream ask for. `resource` is the stream as reply texts name it."""

    __slots__ = ("_context", "_feeder", "_log", "_mark_dirty", "_offsets", "_on_unread", "_retention", "resource")

    def __init__(
        self, resource: str, context: QueueContext, log: StreamLog, feeder: Feeder, retention: Retention,
        offsets: Offsets, mark_dirty: Callable[[], None], on_unread: Callable[[], None],
    ) -> None:  # fmt: skip
        self.resource = resource
        self._context = context
        self._log = log
        self._feeder = feeder
        self._retention = retention
        self._offsets = offsets
        self._mark_dirty = mark_dirty
        self._on_unread = on_unread  # the last reader has ended

    def reader(self, arguments: Arguments, no_ack: bool, prefetch: int, is_channel_limited: bool) -> Reader:
        """What a consumer with these arguments consumes from.

        Raises: ChannelException 406; ConnectionException 540.
        """
        resource = self.resource
        if not prefetch:
            raise ChannelException(PRECONDITION_FAILED, f"consumer prefetch count is not set for '{resource}'")
        if no_ack:
            text = f"automatic acknowledgement not supported by stream queues {resource}"
            raise ConnectionException(NOT_IMPLEMENTED, text)
        if is_channel_limited:
            raise ConnectionException(NOT_IMPLEMENTED, f"{resource} does not support global qos")
        start = start_of(arguments, self._context.now_ms(), resource)
        label = label_of(arguments, resource)
        if label:
            self._offsets.check_new(label, resource)
        return Reader(self._feeder.name, self, start, filter_of(arguments, resource), label)

    def begin(self, reader: Reader) -> None:
        """It has a consumer: it goes on where one of its name has stopped, or begins where its arguments say."""
        self._feeder.add(reader)
        kept = self._offsets.all().get(reader.label)
        if kept is not None:
            self._place(reader, min(kept.next, self._log.stream.next))  # a disk that was not synced may have lost some
        elif reader.start.word == TIME:
            self._retention.find(reader.start.value, lambda number: self._place(reader, number))
        else:
            self._place(reader, self._number(reader.start))

    def _number(self, start: Start) -> int:
        following = self._log.stream.next
        if start.word == FIRST:
            return self._log.first
        if start.word == LAST:
            return max(self._log.first, following - 1)
        return following if start.word == NEXT else start.value + 1

    def _place(self, reader: Reader, number: int) -> None:
        if reader.waits_for == GONE:
            return
        reader.seek(number)
        self._feeder.offer(reader)
        self._mark_dirty()

    def end(self, reader: Reader) -> None:
        """Its consumer has ended; what it still acknowledges counts."""
        self._feeder.remove(reader)
        if reader.label:
            self._offsets.store(reader.label)
        if not self._feeder.readers.all:
            self._on_unread()

    def offer(self, reader: Reader) -> None:
        """Its consumer may have room again."""
        self._feeder.offer(reader)
        self._mark_dirty()

    def settled(self, reader: Reader, span: Span) -> None:
        """Its consumer has acknowledged messages."""
        self._feeder.counters.acked += span.stop - span.start
        self._passed(reader, span)

    def rejected(self, reader: Reader, span: Span) -> None:
        """Its consumer has refused messages for good."""
        self._feeder.counters.rejected += span.stop - span.start
        self._passed(reader, span)

    def requeued(self, span: Span) -> None:
        """A consumer has given messages back."""
        self._feeder.counters.requeued += span.stop - span.start

    def _passed(self, reader: Reader, span: Span) -> None:
        stop = span.number + span.stop - span.start
        progress = reader.progress
        if progress is not None and progress.settle(span.number, stop):
            self._offsets.reached(reader.label, progress.next)
