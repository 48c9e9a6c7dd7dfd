"""The stream: a queue whose messages stay, for any number of readers, until they are too many or too old.

Stop "queue" on a message's way. Must not: know connections or frames, or copy a message for a reader.

A message's offset is its number in the journal's stream, counted from 0.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

from broker.model.arguments import Arguments
from broker.model.interfaces import QueueHandle
from broker.model.message import Batch, Span
from broker.model.names import queue_rs
from broker.model.policy import EffectivePolicy
from broker.model.receipt import Receipt
from broker.model.settings import QueueSettings
from broker.queues.browsing import Answer, Place, look
from broker.queues.context import QueueContext
from broker.queues.definition import QueueDefinition
from broker.queues.feeding import Feeder, Readers
from broker.queues.offsets import Offsets
from broker.queues.queue import Queue
from broker.queues.retained import Retained
from broker.queues.retention import Retention
from broker.queues.stored import encode_head
from broker.queues.stream_log import StreamLog
from broker.queues.stream_readers import StreamReaders
from broker.queues.stretches import Stretches
from protocol.constants import NOT_IMPLEMENTED
from protocol.errors import ConnectionException
from storage.journal import Stream

UNWRITTEN_BYTES_MAX: Final = 16 * 1024 * 1024  # of the log; from there on publishers wait
BYTES_A_MESSAGE: Final = 64  # beyond that, so many count as one message that somebody is behind
AGAIN_MS: Final = 1000  # after which it is looked again whether messages are durable, where the disk is in trouble


class StreamQueue(Queue):
    """A stream on one node.

    Invariants
    1. What is retained are the numbers `first..next` of its journal stream, but for what the disk has lost.
    2. Readers get nothing that is not durable: an offset that somebody has seen never is another message's.
    """

    __slots__ = ("_awaited", "_context", "_is_dirty", "_is_due", "_is_ended", "_is_waiting", "_retention",
                 "_stream", "_stretches", "feeder", "log", "offsets", "readers")  # fmt: skip

    def __init__(
        self, definition: QueueDefinition, policy: EffectivePolicy, settings: QueueSettings, stream: Stream,
        context: QueueContext,
    ) -> None:  # fmt: skip
        count, size_bytes, first = stream.waiting()
        log = StreamLog(stream, context.journal, context.budget, self._loaded)
        log.first = first if count else stream.next
        stretches = Stretches(log.first, stream.next, size_bytes)
        consumers = Readers()
        retained = Retained(log, stretches, stream.next - log.first - count)
        super().__init__(definition, policy, settings, retained, consumers, context.now_ms())
        self._context = context
        self._stream = stream
        self.log = log
        self._stretches = stretches
        self.feeder = Feeder(definition.name, log, consumers, self.counters)
        self._retention = Retention(context, log, stretches, self._dropped)
        self.offsets = Offsets(definition.name, context)
        self.readers = StreamReaders(
            queue_rs(definition.name, context.vhost), context, log, self.feeder, self._retention, self.offsets,
            self._mark_dirty, self._unread,
        )  # fmt: skip
        self._awaited: deque[tuple[int, int]] = deque()  # positions that are not durable yet, and the numbers below
        self._is_waiting = False  # for the journal to say so
        self._is_dirty = False
        self._is_due = False  # more readers have their turn in the next turn of the loop
        self._is_ended = False
        self._retention.limit(settings.length_bytes_max, settings.age_max_ms)

    def apply(self, policy: EffectivePolicy, settings: QueueSettings) -> None:
        """Another policy counts, and these are the settings now."""
        self.policy = policy
        self.settings = settings
        self._retention.limit(settings.length_bytes_max, settings.age_max_ms)

    def now_ms(self) -> int:
        """The time of this turn."""
        return self._context.now_ms()

    def used(self, now_ms: int) -> None:
        """A stream does not end unused."""

    # ---- publish lane

    def target(self, batch: Batch, now_ms: int) -> tuple[Stream, int]:  # noqa: ARG002
        """Where its messages are journalled; none expires by itself."""
        return self._stream, 0

    def publish(self, batch: Batch, receipt: Receipt | None, now_ms: int) -> None:
        """Takes the batch, and answers the receipt; what is not persistent has not been journalled, and is so now."""
        if not batch.position:
            batch = self._journalled(batch, receipt, now_ms)
        count = len(batch.bodies)
        number = self._stream.next - count
        self.log.append(batch, number)
        self.counters.published += count
        self._see_durable()  # so that what waits does not grow where nobody reads
        self._awaited.append((batch.position, number + count))
        self._retention.appended(count, count * batch.body_bytes, now_ms)
        self.ready.recount()
        if self.feeder.is_awaited:
            self._await()
        if receipt is not None:
            receipt.taken()

    def _journalled(self, batch: Batch, receipt: Receipt | None, now_ms: int) -> Batch:
        """The same messages as this stream alone has them in the journal."""
        own = Batch(batch.address, batch.properties, batch.bodies, batch.expiration_ms)
        own.stamp_ms = now_ms
        context = self._context
        own.position, own.share_bytes = context.journal.append(
            [(self._stream, 0)], now_ms, encode_head(own), own.bodies
        )
        if receipt is not None:
            context.when_durable(own.position, receipt)
        return own

    def backlog(self) -> int:
        """Nobody waits for the readers of a stream, but for the disk."""
        return max(0, self._context.journal.backlog_bytes() - UNWRITTEN_BYTES_MAX) // BYTES_A_MESSAGE

    def _await(self) -> None:
        """Wants to be told when what readers wait for is durable."""
        if self._awaited and not self._is_waiting:
            self._is_waiting = True
            receipt = Receipt(0, 0, self._told)
            self._context.when_durable(self._awaited[-1][0], receipt)
            receipt.taken()

    def _told(self, receipt: Receipt) -> None:
        self._is_waiting = False
        if receipt.rejected:  # the disk is in trouble; nobody says when it is over
            self._context.timers.add(self._context.now_ms() + AGAIN_MS, self._await)
        self._mark_dirty()

    def _see_durable(self) -> None:
        """Readers may have what is durable by now."""
        awaited, durable = self._awaited, self._context.journal.durable
        stop = 0
        while awaited and awaited[0][0] <= durable:
            stop = awaited.popleft()[1]
        if stop and self.feeder.grown(stop):
            self._mark_dirty()

    def durable_stop(self) -> int:
        """The first number whose message is not durable."""
        durable = self._context.journal.durable
        return next((stop for position, stop in reversed(self._awaited) if position <= durable), self.feeder.stop)

    # ---- deliver lane

    def _mark_dirty(self) -> None:
        if not self._is_dirty:
            self._is_dirty = True
            self._context.mark_dirty(self)

    def _loaded(self) -> None:
        """Messages that were not in memory are."""
        if self.feeder.loaded():
            self._mark_dirty()

    def pump(self, now_ms: int) -> None:
        """Gives readers with room what they have not had."""
        self._is_dirty = False
        if self.is_deleted:
            if self._is_ended:
                self.feeder.everyone_goes()
            return
        self._see_durable()
        self.feeder.tracer = self._context.tracer
        if not self.feeder.feed() and not self._is_due:
            self._is_due = True
            self._context.timers.add(now_ms, self._go_on)
        self.log.end_turn()
        if self.feeder.is_awaited:
            self._await()

    def _unread(self) -> None:
        self.idle_since_ms = self._context.now_ms()

    def _go_on(self) -> None:
        self._is_due = False
        self._mark_dirty()

    def reader(self, arguments: Arguments, no_ack: bool, prefetch: int, is_channel_limited: bool) -> QueueHandle:
        """What a consumer with these arguments consumes from.

        Raises: ChannelException 406; ConnectionException 540.
        """
        return self.readers.reader(arguments, no_ack, prefetch, is_channel_limited)

    def get(self, no_ack: bool, answer: Callable[[Span | None, int], None]) -> None:  # noqa: ARG002
        """A stream's messages are not got. Raises: ConnectionException 540."""
        text = f"basic.get not supported by stream queues {self.readers.resource}"
        raise ConnectionException(NOT_IMPLEMENTED, text)

    # ---- looking

    def look(self, begin: Place, answer: Answer) -> None:
        """A step through what is retained, which stays as it is; see `browsing.look`."""
        look(self.ready, begin, answer)

    def remove(self, place: Place, answer: Callable[[bool], None]) -> None:  # noqa: ARG002
        """Single messages do not leave a stream. Raises: ConnectionException 540."""
        text = f"taking single messages out is not supported by stream queues {self.readers.resource}"
        raise ConnectionException(NOT_IMPLEMENTED, text)

    # ---- the queue as a whole

    def _dropped(self, first: int) -> None:
        """What is before that number is too much, or too old."""
        if self.is_deleted or first <= self.log.first:
            return
        before = self.ready.count
        self._stream.settle(self.log.first, first, 0)
        self.log.drop_below(first)
        self._stretches.drop_below(first)
        self.ready.recount()
        self.counters.expired += before - self.ready.count

    def purge(self, answer: Callable[[int], None]) -> None:  # noqa: ARG002
        """A stream is not purged. Raises: ConnectionException 540."""
        text = f"queue.purge not supported by stream queues {self.readers.resource}"
        raise ConnectionException(NOT_IMPLEMENTED, text)

    def delete(self) -> int:
        """Ends the stream and drops what is retained; returns how many messages that was.

        Its consumers are cancelled at the end of the turn, so that whoever deleted it hears of that first.
        """
        count = self.ready.count
        self.is_deleted = True
        self.feeder.counters = self.counters  # those of all queues that are gone
        self._retention.end()
        self.offsets.end()
        self.log.clear()
        self.log.first = self._stretches.next
        self._stretches.drop_below(self._stretches.next)
        self.ready.recount()
        self._context.when_stored(self._ended)
        return count

    def _ended(self) -> None:
        """Its end is final: whoever asked for it is told in this turn, and its consumers after that."""
        self._stream.drop()
        self._is_ended = True
        self._mark_dirty()
