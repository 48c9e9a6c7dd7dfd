"""A stream with everything around it in this process: a clock, a journal in memory, consumers that only take.

Must not: know frames, or decide what is right.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pamqp.commands import Basic

from broker.clock import Deadlines
from broker.model.arguments import Arguments
from broker.model.interfaces import ConsumerPort
from broker.model.message import Batch, Span
from broker.model.policy import NO_POLICY
from broker.model.receipt import Receipt
from broker.model.settings import queue_settings
from broker.queues.context import QueueContext
from broker.queues.definition import QueueDefinition
from broker.queues.factory import equip, stream_id
from broker.queues.offsets import Kept
from broker.queues.paging import Limits, MemoryBudget
from broker.queues.reader import Reader
from broker.queues.spool import Spool
from broker.queues.stream import StreamQueue
from protocol.commands import Address
from protocol.properties import PERSISTENT, Properties
from storage.memory import MemoryJournal
from tests.support.raw_frames import properties_bytes

NUMBER = 7
TO_STREAM = Address("", "s", False, False, b"\0\1s")


class TakingConsumer(ConsumerPort):
    """Takes up to `prefetch` messages, and acknowledges when told to; `taken` are offsets and bodies."""

    def __init__(self, reader: Reader, prefetch: int, tag: str = "c") -> None:
        super().__init__(tag, False, False, 0)
        self.reader = reader
        self.prefetch = prefetch
        self.taken: list[tuple[int, bytes]] = []
        self.spans: list[Span] = []
        self.is_cancelled = False
        reader.attach(self)

    @property
    def offsets(self) -> list[int]:
        """The offsets of all it was given."""
        return [offset for offset, _ in self.taken]

    def room(self, message_bytes: int) -> int:  # noqa: ARG002
        return self.prefetch - self.unacked

    def deliver(self, span: Span) -> None:
        self.unacked += span.stop - span.start
        self.taken += [(span.number - 1 + at, body) for at, body in enumerate(span.bodies())]
        self.spans.append(span)

    def cancelled(self) -> None:
        self.is_cancelled = True

    def ack(self, count: int | None = None) -> None:
        """Acknowledges the oldest so many spans, or all."""
        spans = self.spans[:count]
        del self.spans[: len(spans)]
        for span in spans:
            self.reader.settle(span)
            self.unacked -= span.stop - span.start
        self.reader.credit(self)

    def ack_last(self) -> None:
        """Acknowledges the newest span only."""
        span = self.spans.pop()
        self.reader.settle(span)
        self.unacked -= span.stop - span.start
        self.reader.credit(self)

    def leave(self) -> None:
        """Ends, with what it has not acknowledged."""
        self.reader.detach(self)


class StreamBench:
    """One stream; a test calls `turn` for what a turn of the loop does."""

    def __init__(self, arguments: Mapping[str, Any] | None = None, limits: Limits | None = None,
                 journal: MemoryJournal | None = None) -> None:  # fmt: skip
        self.time_ms = 1_000_000
        self.deadlines = Deadlines()
        self.journal = journal or MemoryJournal()
        self.journal.on_durable = self._durable
        self.budget = MemoryBudget(10**9, limits)
        self.stored: dict[str, Kept | None] = {}
        self.ended: list[Callable[[], None]] = []
        self._dirty: list[Any] = []
        self._waiting: list[tuple[int, Receipt]] = []
        self.arguments = {"x-queue-type": "stream", **(arguments or {})}
        self.queue = self.open()

    def open(self) -> StreamQueue:
        """The stream as the journal has it."""
        arguments = Arguments(self.arguments, {})
        context = QueueContext(
            lambda: self.time_ms, self.deadlines, self._dirty.append, _never, self.journal,
            Spool(MemoryJournal, lambda: self.time_ms), self.budget, lambda _: (), lambda stored: stored(), equip,
        )  # fmt: skip
        context.when_durable = self._when_durable
        context.keep_offset = lambda _queue, label, kept: self.stored.update({label: kept})
        stream = self.journal.stream(stream_id(NUMBER, 0))
        definition = QueueDefinition("s", True, False, False, arguments, None, NUMBER)
        self.queue = StreamQueue(definition, NO_POLICY, queue_settings(arguments), stream, context)
        for label, kept in self.stored.items():
            if kept is not None:
                self.queue.offsets.restore(label, kept)
        return self.queue

    def _when_durable(self, position: int, receipt: Receipt) -> None:
        receipt.expect()
        self._waiting.append((position, receipt))

    def _durable(self, watermark: int) -> None:
        done = [receipt for position, receipt in self._waiting if position <= watermark]
        self._waiting = [one for one in self._waiting if one[0] > watermark]
        for receipt in done:
            receipt.taken()

    def publish(self, *bodies: bytes, headers: Mapping[str, Any] | None = None, persistent: bool = True) -> None:
        """Publishes a run of bodies of one size."""
        properties = Basic.Properties(
            headers=dict(headers or {}) or None, delivery_mode=PERSISTENT if persistent else 1
        )
        batch = Batch(TO_STREAM, Properties(properties_bytes(properties)), list(bodies), -1)
        batch.stamp_ms = self.time_ms
        if persistent:
            target = self.queue.target(batch, self.time_ms)
            head = TO_STREAM.tail + batch.properties.raw
            batch.position, batch.share_bytes = self.journal.append([target], self.time_ms, head, batch.bodies)
        self.queue.publish(batch, None, self.time_ms)

    def consumer(self, prefetch: int = 1000, **arguments: Any) -> TakingConsumer:
        """A consumer; `offset`, `filter`, `match_unfiltered` and `consumer_name` are its arguments."""
        given = {f"x-stream-{name.replace('_', '-')}": value for name, value in arguments.items()}
        reader = self.queue.reader(Arguments(given, {}), False, prefetch, False)
        assert isinstance(reader, Reader)
        return TakingConsumer(reader, prefetch)

    def turn(self, later_ms: int = 0, commit: bool = True) -> None:
        """Time passes, what is due is done, and everybody gets what there is."""
        self.time_ms += later_ms
        for _ in range(1000):
            self.deadlines.run_due(self.time_ms)
            if commit:
                self.journal.commit(True)
            if not self._dirty and not self._is_due():
                return
            dirty, self._dirty[:] = list(self._dirty), []
            for queue in dirty:
                queue.pump(self.time_ms)
        raise AssertionError("the stream does not come to rest")

    def _is_due(self) -> bool:
        due_ms = self.deadlines.next_due_ms()
        return due_ms is not None and due_ms <= self.time_ms


def _never(*_: object) -> Any:
    raise AssertionError("not asked for here")
