"""The ready list of a queue whose priorities were changed: moves what waits into the new levels, in slices.

Each range of priorities has a number, and so streams, of its own; a slice is one group of the journal. What comes in
while it lasts goes behind what waits, so that the order in a priority stays. Must not: touch what is at a consumer.

Invariants
1. A position says what a message was published or moved under: generations have positions POSITIONS_APART.
2. Nothing is moved before the new number is stored: streams of a number that no definition has end at a start.
3. Once nothing waits in the sources, what comes back from consumers of an earlier generation stays in its stream and
   stands, in `_back`, before everything of its level.
4. A generation goes when nothing of it is left and what was moved away from it is on the disk, and the whole list when
   all have gone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from broker.model.message import Batch, Span
from broker.model.receipt import Receipt
from broker.queues.cold import Cold
from broker.queues.context import QueueContext
from broker.queues.definition import Former
from broker.queues.generation import Generation
from broker.queues.joined import Joined
from broker.queues.ready import ReadyList
from broker.queues.stored import encode_head
from storage.journal import Loaded, Stream

POSITIONS_APART: Final = 1 << 40  # more messages than come while others are moved
FORMERS_MAX: Final = 8
SLICE_SPANS: Final = 128  # moved in one go at least: a millisecond's work
SLICE_SPANS_MAX: Final = 256  # and at most, where so many come in meanwhile
SLICE_BYTES: Final = 256 * 1024
UNWRITTEN_BYTES_MAX: Final = 8 * 1024 * 1024  # of the log; from there on moving waits
WAIT_MS: Final = 5
TROUBLE_MS: Final = 1000  # until the disk is asked again
BACK_BYTES_MAX: Final = 16 * 1024 * 1024  # after a start, of what may have been at consumers before

OnChanged = Callable[[tuple[Former, ...]], None]


class Regrouped(Joined):
    """`new` has the new levels, from position `new_first` on; `next_new` is the next position in it."""

    __slots__ = ("_back", "_came", "_context", "_in_step", "_is_awaited", "_is_begun", "_is_journalled", "_on_changed",
                 "_on_loaded", "_on_moved", "_timer", "_told", "left", "moved_to", "new", "new_first", "next_new",
                 "sources")  # fmt: skip

    def __init__(
        self, new: ReadyList, new_first: int, sources: list[Generation], left: list[Generation], back: ReadyList,
        context: QueueContext, is_journalled: bool, on_loaded: Callable[[], None],
    ) -> None:  # fmt: skip
        """Args: sources are in the order in which they are moved; left are sorted ones; back holds spans in memory."""
        super().__init__()
        self.new = new
        self.new_first = new_first
        self.next_new = max(new_first, new.next_position())
        self.sources = sources
        self.left = left
        self._back = back
        self._context = context
        self._is_journalled = is_journalled
        self._on_loaded = on_loaded
        self._on_changed: OnChanged | None = None
        self._on_moved: Callable[[Span], None] | None = None
        self._is_begun = False
        self._in_step = False
        self._timer: object = None
        self._came = 0  # spans since the last slice
        self.moved_to = 0  # the journal's position behind the last slice
        self._told = self.formers()
        self._is_awaited = False  # that it is on the disk
        self._sum()

    # ---- moving

    def begin(self, on_changed: OnChanged, on_moved: Callable[[Span], None], is_start: bool) -> None:
        """The new number is stored; tells from now on what former ones are left.

        What is little is moved at once, unless this is the start of the broker.
        """
        self._on_changed = on_changed
        self._on_moved = on_moved
        self._is_begun = True
        if is_start:
            self._arm()
        else:
            self._step()

    def stop(self) -> None:
        """Another list takes over, or the queue is gone."""
        self._is_begun = False
        if self._timer is not None:
            self._context.timers.cancel(self._timer)
            self._timer = None

    @property
    def unsorted(self) -> int:
        """How many messages are still to be moved."""
        return sum(one.ready.count for one in self.sources)

    @property
    def is_over(self) -> bool:
        """Whether nothing is left of any former number."""
        return not self.sources and not self.left and not self._back.count

    def take_back(self) -> list[Span]:
        """Takes what has come back from consumers, for another list."""
        return self._back.clear()

    def formers(self) -> tuple[Former, ...]:
        """The numbers that still have something, in the order in which they are to be moved."""
        return tuple(one.former for one in (*self.sources, *self.left))

    def _arm(self, after_ms: int = 0) -> None:
        if self._is_begun and self._timer is None:
            self._timer = self._context.timers.add(self._context.now_ms() + after_ms, self._step)

    def _step(self) -> None:
        """One slice."""
        self._timer = None
        if not self._is_begun:
            return
        journal = self._context.journal
        if self._is_journalled and journal.backlog_bytes() > UNWRITTEN_BYTES_MAX:
            self._arm(WAIT_MS)
            return
        self._in_step = True
        if self._is_journalled:
            journal.begin()
        try:
            is_stalled = self._move_some(min(SLICE_SPANS_MAX, max(SLICE_SPANS, 2 * self._came)))
        finally:
            if self._is_journalled:
                self.moved_to = max(self.moved_to, journal.end())
        self._came = 0
        self._settle_up()
        self._on_loaded()
        self._in_step = False
        if self._has_work() and not is_stalled:
            self._arm()

    def _has_work(self) -> bool:
        return bool(self.sources) or any(one.ready.count for one in self.left)

    def _move_some(self, spans: int) -> bool:
        """Moves a slice; whether it has to wait for something to be loaded."""
        size = SLICE_BYTES
        for one in self.left:
            while one.ready.count and spans and size > 0:
                span = one.ready.pull(one.ready.count)
                if span is None:
                    return True
                self._come_back(span)
                spans -= 1
                size -= (span.stop - span.start) * span.batch.message_bytes
        for one in self.sources:
            while one.ready.count and spans and size > 0:
                span = one.ready.pull(max(1, size // max(1, one.ready.next_message_bytes())))
                if span is None:
                    return True
                self._move(one, span)
                spans -= 1
                size -= (span.stop - span.start) * span.batch.message_bytes
            if one.ready.count:
                break
        return False

    def _come_back(self, span: Span) -> None:
        """After a start: what may have been at a consumer."""
        self._back.put_back(span)
        if self._on_moved is not None:
            self._on_moved(span)

    def _move(self, source: Generation, span: Span) -> None:
        if source.is_restored and span.deliveries and self._back.body_bytes < BACK_BYTES_MAX:
            self._come_back(span)
            return
        count = span.stop - span.start
        old = span.batch
        batch = Batch(old.address, old.properties, list(span.bodies()), old.expiration_ms)
        batch.stamp_ms, batch.deliveries = old.stamp_ms, old.deliveries
        number = 0
        if span.number:
            stream = self.new.stream_for(batch)
            assert stream is not None, "a journalled message in a list that is not"
            batch.position, batch.share_bytes = self._context.journal.append(
                [(stream, span.expires_ms)], old.stamp_ms, encode_head(batch), batch.bodies
            )
            number = stream.next - count
            origin = source.ready.stream_for(old)
            stream.in_order = stream.in_order and origin is not None and origin.in_order
            if span.deliveries:
                stream.set_deliveries(number, number + count, span.deliveries)
            source.ready.settle(span)
        moved = Span(batch, 0, count, self.next_new, span.expires_ms, span.deliveries, number)
        self.next_new += count
        self.new.append(moved)
        if self._on_moved is not None:
            self._on_moved(moved)

    def _settle_up(self) -> None:
        """What has nothing waiting any more is sorted; what has nothing at all goes."""
        is_safe = not self._is_journalled or self._context.journal.durable >= self.moved_to
        while self.sources and not self.sources[0].ready.count:
            self.left.append(self.sources.pop(0).sorted())
        if not self.sources and is_safe:
            gone = [one for one in self.left if not one.lent and not one.ready.count]
            self.left = [one for one in self.left if one not in gone]
        else:
            gone = []
        if is_safe:  # a former number is not forgotten before what was moved away from it is on the disk
            self._told = self.formers()
        elif not self.sources and not self._is_awaited:
            self._is_awaited = True
            receipt = Receipt(1, 1, self._durable)
            self._context.when_durable(self.moved_to, receipt)
            receipt.taken()
        if self._on_changed is not None:
            self._on_changed(self._told)
        for one in gone:
            for stream in one.ready.streams():
                self._context.when_stored(stream.drop)

    def _durable(self, receipt: Receipt) -> None:
        """What was moved is on the disk, or the disk is in trouble."""
        self._is_awaited = False
        self._arm(TROUBLE_MS if receipt.rejected else 0)

    # ---- what a queue asks

    def _lists(self) -> list[ReadyList]:
        return [self.new, self._back, *[one.ready for one in self.sources], *[one.ready for one in self.left]]

    def recount(self) -> None:
        """One of the lists has loaded messages, or found some lost."""
        for ready in self._lists():
            ready.recount()
        self._sum()
        if not self._in_step and self._has_work():
            self._arm()

    def _of(self, position: int) -> Generation | None:
        """The generation that a position is of; None for the new one."""
        if position >= self.new_first:
            return None
        found: Generation | None = None
        for one in (*self.sources, *self.left):
            if one.first <= position and (found is None or found.first < one.first):
                found = one
        return found

    def _next(self) -> ReadyList:
        """Whose turn it is."""
        if not self._is_begun and self.sources:
            return next((one.ready for one in self.sources if one.ready.count), self.sources[0].ready)
        back = self._back
        return back if back.count and back.level() >= self.new.level() else self.new

    def append(self, span: Span) -> None:
        """Puts newly published messages behind all that waits."""
        if self.sources:
            self._came += 1
            self.sources[-1].ready.append(span)
            self._arm()
        else:
            self.new.append(span)
        self._sum()

    def stream_for(self, batch: Batch) -> Stream | None:
        """Where the batch's messages are journalled."""
        return self.sources[-1].ready.stream_for(batch) if self.sources else self.new.stream_for(batch)

    def take(self, count: int) -> Span | None:
        """Takes up to `count` messages of one batch from the front; None where nothing is ready in memory yet."""
        ready = self._next()
        span = ready.take(count)
        self._sum()
        if span is not None and ready is self._back:
            stream = self.stream_of(span) if span.number else None
            if stream is not None:
                stream.set_deliveries(span.number, span.number + span.stop - span.start, span.deliveries + 1)
        return span

    def _sum(self) -> None:
        super()._sum()
        if not self._in_step:
            self._may_be_over()

    def _may_be_over(self) -> None:
        if not self.sources and not any(one.lent > 0 for one in self.left) and not self._back.count:
            self._arm()

    def pull(self, count: int) -> Span | None:  # noqa: ARG002
        """Never asked for: whoever regroups again takes the parts."""
        raise AssertionError("whoever regroups again takes the parts")

    def level(self) -> int:
        """The priority level whose turn it is; -1 where nothing is ready."""
        return self._next().level()

    def next_position(self) -> int:
        """The position behind what was there at first, in the list that grows."""
        if not self.sources:
            return self.next_new
        last = self.sources[-1]
        return max(last.first, last.ready.next_position())

    def next_message_bytes(self) -> int:
        """The size of the next message with its properties; 0 where none is ready in memory yet."""
        return self._next().next_message_bytes()

    def put_back(self, span: Span) -> None:
        """Returns taken messages: to their place, or before everything of their level."""
        one = self._of(span.position)
        if one is None:
            self.new.put_back(span)
        elif not self._is_begun and one in self.sources:
            one.ready.put_back(span)
        else:
            self._back.put_back(span)
        self._sum()

    def settle(self, span: Span) -> None:
        """Taken messages are not needed any more."""
        one = self._of(span.position)
        if one is None:
            self.new.settle(span)
            return
        one.ready.settle(span)
        if one.lent:
            one.lent -= span.stop - span.start
            self._may_be_over()

    def take_expired(self, now_ms: int, spans_max: int) -> list[Span]:
        """Takes what stands in front of any list and expired before or at `now_ms`, at most so many spans."""
        expired: list[Span] = []
        for ready in self._lists():
            expired += ready.take_expired(now_ms, spans_max - len(expired))
        self._sum()
        return expired

    def clear(self) -> list[Span]:
        """Drops everything; returns, in order, what is still to be settled."""
        spans = [span for ready in self._lists() for span in ready.clear()]
        self._sum()
        self._arm()
        return spans

    def _holding(self, position: int) -> list[ReadyList]:
        one = self._of(position)
        return [self.new] if one is None else [self._back, one.ready]

    def level_of(self, batch: Batch) -> int:
        """The level that messages stand in which come in now."""
        return self.sources[-1].ready.level_of(batch) if self.sources else self.new.level_of(batch)

    def level_of_span(self, span: Span) -> int:
        """The level that messages stand in, or are about to."""
        one = self._of(span.position)
        is_new = one is None or one not in self.sources or (self._is_begun and span.deliveries > 0)
        return self.new.level_of(span.batch) if one is None or is_new else one.ready.level_of(span.batch)

    def stream_of(self, span: Span) -> Stream | None:
        """Where the messages of a span that was taken from here are journalled."""
        one = self._of(span.position)
        return self.new.stream_for(span.batch) if one is None else one.ready.stream_for(span.batch)

    def present(self, level: int, cold: Cold, runs: Sequence[Loaded]) -> Sequence[Loaded]:
        """What of messages of a level that were loaded to be looked at has not been taken out."""
        one = self._of(cold.first + cold.shift)
        return self.new.present(level, cold, runs) if one is None else one.ready.present(level, cold, runs)

    def withdraw(self, level: int, wanted: Span) -> list[Span]:
        """Takes the messages of a span that was found here out of a level, those that still wait."""
        one = self._of(wanted.position)
        if one is None:
            taken = self.new.withdraw(level, wanted)
        else:
            stop = wanted.position + wanted.stop - wanted.start
            back = self._back.cut(level, wanted.position, stop)
            taken = back or one.ready.withdraw(level, wanted)
        self._sum()
        return taken

    def end_position(self) -> int:
        """The position behind everything that waits, once it has been moved."""
        return self.next_new + self.unsorted

    def remove(self, level: int, position: int, loaded: Span | None) -> Span | None:
        """Takes one message out, wherever it stands; None where it does not wait here (any more)."""
        one: Span | None = None
        for ready in self._holding(position):
            one = one or ready.remove(level, position, loaded)
        self._sum()
        return one
