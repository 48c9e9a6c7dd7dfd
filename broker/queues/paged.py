"""The ready list of a durable queue: a hot head in memory, a cold middle that is only numbers, a hot tail.

What is cold is in the journal anyway: paging out writes nothing, paging in reads the log in order. Transient messages
stay in memory, in their place. Must not: know consumers or time sources.

Invariants, beyond those of `broker/queues/ready.py`
1. Order: returned, head, middle, tail. `tail` is empty while `middle` is.
2. A cold run names only messages that are written, waiting and never were in the head since.
3. At most one load is under way; what it brings belongs to the front of `middle`, or is dropped.
"""

from __future__ import annotations

from bisect import insort
from collections import deque
from collections.abc import Callable, Iterator, Sequence

from broker.model.message import Batch, Span
from broker.queues.paging import MemoryBudget, memory_bytes
from broker.queues.stored import HeadReader
from storage.journal import Journal, Loaded, Stream


class Cold:
    """Messages `first..stop` of the stream, of which `count` wait; a message's position is its number plus `shift`."""

    __slots__ = ("body_bytes", "count", "first", "shift", "stop")

    def __init__(self, first: int, stop: int, shift: int, count: int, body_bytes: int) -> None:
        self.first = first
        self.stop = stop
        self.shift = shift
        self.count = count
        self.body_bytes = body_bytes

    @classmethod
    def of(cls, span: Span) -> Cold:
        """A journalled span."""
        count, number = span.stop - span.start, span.number
        return cls(number, number + count, span.position - number, count, count * span.batch.body_bytes)

    def follows(self, span: Span) -> bool:
        """Whether it begins where the span ends."""
        return self.first == span.number + span.stop - span.start and self.shift == span.position - span.number

    def grow_behind(self, span: Span) -> None:
        """Takes the span that follows it."""
        count = span.stop - span.start
        self.stop += count
        self.count += count
        self.body_bytes += count * span.batch.body_bytes

    def grow_before(self, span: Span) -> None:
        """Takes the span that it follows."""
        count = span.stop - span.start
        self.first -= count
        self.count += count
        self.body_bytes += count * span.batch.body_bytes


def _backwards(span: Span) -> int:
    return -span.position


class PagedFifo:
    """The plain ready list of messages that are in one stream of the journal; `on_loaded` says that more is ready."""

    __slots__ = ("_budget", "_cold_body_bytes", "_cold_count", "_generation", "_head", "_hot_bytes", "_is_loading",
                 "_journal", "_limits", "_middle", "_on_loaded", "_page_at_bytes", "_reader", "_returned", "_tail",
                 "body_bytes", "count", "stream")  # fmt: skip

    def __init__(self, stream: Stream, journal: Journal, budget: MemoryBudget, on_loaded: Callable[[], None]) -> None:
        """Takes over what waits in the stream."""
        self.stream = stream
        self._journal = journal
        self._budget = budget
        self._limits = budget.limits
        self._on_loaded = on_loaded
        self._reader = HeadReader()
        self._returned: list[Span] = []
        self._head: deque[Span] = deque()
        self._middle: deque[Cold | Span] = deque()
        self._tail: deque[Span] = deque()
        self._hot_bytes = 0  # of head and tail, as far as it can be loaded again
        self._page_at_bytes = budget.queue_bytes_max()
        self._is_loading = False
        self._generation = 0
        self.count, self.body_bytes, first = stream.waiting()
        self._cold_count, self._cold_body_bytes = self.count, self.body_bytes
        if self.count:
            self._middle.append(Cold(first, stream.next, 0, self.count, self.body_bytes))

    # ---- publish lane

    def append(self, span: Span) -> None:
        """Puts newly published messages at the back."""
        count = span.stop - span.start
        self.count += count
        self.body_bytes += count * span.batch.body_bytes
        if self._middle:
            self._tail.append(span)
            self._heat(span)
            self._chill_tail()
            return
        self._head.append(span)
        self._heat(span)
        if self._hot_bytes > self._page_at_bytes:
            self._page_out(self._budget.queue_bytes_max() // 2)

    def _heat(self, span: Span) -> None:
        """The span is in memory, and could be loaded instead."""
        if not span.number:
            return
        size = memory_bytes(span)
        before = self._hot_bytes
        self._hot_bytes += size
        self._budget.used += size
        if before <= self._limits.queue_bytes_min < self._hot_bytes:
            self._budget.grown(self)

    def _chill(self, span: Span) -> None:
        """The span is on disk only from here on."""
        self._cool(span)
        count = span.stop - span.start
        self._cold_count += count
        self._cold_body_bytes += count * span.batch.body_bytes

    def _cool(self, span: Span) -> None:
        """The span is not in head or tail any more."""
        if span.number:
            size = memory_bytes(span)
            self._hot_bytes -= size
            self._budget.used -= size

    def _page_out(self, keep_bytes: int) -> None:
        """Makes everything written behind the first `keep_bytes` cold; nothing is cold yet."""
        head, tail = self._head, self._tail
        size = self._hot_bytes
        while len(head) > 1 and size > keep_bytes:
            span = head.pop()
            tail.appendleft(span)
            size -= memory_bytes(span) if span.number else 0
        self._chill_tail()
        if not self._middle:  # nothing of it is written
            head.extend(tail)
            tail.clear()
        self._page_at_bytes = max(self._budget.queue_bytes_max(), self._hot_bytes + self._limits.step_bytes)

    def _chill_tail(self) -> None:
        """Moves what is written from the front of the tail to the back of the middle."""
        tail, written = self._tail, self._journal.written
        while tail and tail[0].batch.position <= written:
            span = tail.popleft()
            middle = self._middle
            last = middle[-1] if middle else None
            if not span.number:
                middle.append(span)
                continue
            self._chill(span)
            if isinstance(last, Cold) and last.stop == span.number and last.shift == span.position - span.number:
                last.grow_behind(span)
            else:
                middle.append(Cold.of(span))

    def shrink(self, bytes_max: int) -> None:
        """Keeps no more than this in memory, as far as the rest can be loaded again."""
        if not self._middle:
            self._page_out(bytes_max)
            return
        self._generation += 1  # what is being loaded would stand behind what is chilled here
        self._is_loading = False
        head, middle = self._head, self._middle
        while len(head) > 1 and self._hot_bytes > bytes_max:
            span = head.pop()
            first = middle[0]
            if not span.number:
                middle.appendleft(span)
                continue
            self._chill(span)
            if isinstance(first, Cold) and first.follows(span):
                first.grow_before(span)
            else:
                middle.appendleft(Cold.of(span))

    # ---- deliver lane

    def _front(self) -> Span | None:
        """The next message, where it is in memory; otherwise it is sent for."""
        if self._returned:
            return self._returned[-1]
        if not self._head:
            self._refill()
        return self._head[0] if self._head else None

    def _refill(self) -> None:
        """Brings the front of the middle into the head, or the tail where there is no middle."""
        middle = self._middle
        while middle and isinstance(middle[0], Span):
            span = middle.popleft()
            assert isinstance(span, Span)
            self._head.append(span)
        if middle:
            self._load()
        elif self._tail:
            self._head.extend(self._tail)
            self._tail.clear()

    def _load(self) -> None:
        cold = self._middle[0]
        if self._is_loading or not isinstance(cold, Cold):
            return
        self._is_loading = True
        generation = self._generation

        def loaded(runs: Sequence[Loaded], next_number: int) -> None:
            if generation == self._generation:
                self._is_loading = False
                self._loaded(cold, runs, next_number)

        self.stream.load(cold.first, self._limits.chunk_bytes, loaded)

    def _loaded(self, cold: Cold, runs: Sequence[Loaded], next_number: int) -> None:
        assert self._middle[0] is cold, "invariant 3"
        self._cold_count -= cold.count
        self._cold_body_bytes -= cold.body_bytes
        spans: list[Span] = []
        for run in runs:
            if run.first >= cold.stop:
                break
            batch = self._reader.batch(run)
            count = min(len(run.items), cold.stop - run.first)
            spans.append(Span(batch, 0, count, run.first + cold.shift, run.expires_ms, run.deliveries, run.first))
            cold.count -= count
            cold.body_bytes -= count * batch.body_bytes
        self._head.extend(spans)
        cold.first = next_number
        if next_number >= cold.stop:
            self.count -= cold.count  # lost, if there is a difference
            self.body_bytes -= cold.body_bytes
            self._middle.popleft()
            if not self._middle:  # invariant 1
                self._head.extend(self._tail)
                self._tail.clear()
        else:
            self._cold_count += cold.count
            self._cold_body_bytes += cold.body_bytes
        for span in spans:
            self._heat(span)
        self._on_loaded()

    def take(self, count: int) -> Span | None:
        """Takes up to `count` messages of one batch from the front; None where nothing is ready in memory."""
        span = self._front()
        if span is None:
            return None
        held = span.stop - span.start
        if held > count:
            if not self._returned:
                self._cool(span)
            part = span.cut(count)
            if not self._returned:
                self._heat(span)
            span, held = part, count
        elif self._returned:
            self._returned.pop()
        else:
            self._head.popleft()
            self._cool(span)
            if self._middle and self._hot_bytes < self._limits.low_bytes:
                self._load()
        self.count -= held
        self.body_bytes -= held * span.batch.body_bytes
        number = span.number
        if number:
            if span.deliveries:
                self.stream.set_deliveries(number, number + held, span.deliveries + 1)
            else:
                self.stream.mark_delivered(number + held)
        return span

    def next_message_bytes(self) -> int:
        """The size of the next message with its properties; 0 where none is in memory."""
        front = self._front()
        return front.batch.message_bytes if front is not None else 0

    def put_back(self, span: Span) -> None:
        """Returns taken messages to their place."""
        assert not self._head or span.position < self._head[0].position, "returned before the rest"
        insort(self._returned, span, key=_backwards)
        count = span.stop - span.start
        self.count += count
        self.body_bytes += count * span.batch.body_bytes

    def take_expired(self, now_ms: int) -> list[Span]:
        """Takes what stands in front and expired before or at `now_ms`."""
        expired: list[Span] = []
        while (front := self._front()) is not None and 0 < front.expires_ms <= now_ms:
            span = self.take(front.stop - front.start)
            assert span is not None
            expired.append(span)
        return expired

    def next_expiry_ms(self) -> int:
        """When the next message in front expires; 0 where none does, or it is not in memory."""
        front = self._front()
        return front.expires_ms if front is not None else 0

    # ---- settle lane

    def stream_for(self, _batch: Batch) -> Stream:
        """Where a batch's messages are journalled."""
        return self.stream

    def settle(self, span: Span) -> None:
        """Taken messages are not needed any more."""
        count = span.stop - span.start
        self.stream.settle(span.number, span.number + count, count * span.batch.share_bytes)

    # ---- as a whole

    def clear(self) -> list[Span]:
        """Drops everything; returns, in order, what was in memory and is still to be settled."""
        spans = list(self.spans())
        for item in self._middle:
            if isinstance(item, Cold):
                self.stream.settle(item.first, item.stop, 0)
        self._forget()
        return spans

    def _forget(self) -> None:
        self._generation += 1
        self._is_loading = False
        self._budget.used -= self._hot_bytes
        self._budget.forget(self)
        self._hot_bytes = self.count = self.body_bytes = self._cold_count = self._cold_body_bytes = 0
        for part in (self._returned, self._head, self._middle, self._tail):
            part.clear()

    def spans(self) -> Iterator[Span]:
        """Everything in memory in order, left in place."""
        yield from reversed(self._returned)
        yield from self._head
        yield from (item for item in self._middle if isinstance(item, Span))
        yield from self._tail

    def streams(self) -> list[Stream]:
        """The streams its messages are in."""
        return [self.stream]

    def paged_out(self) -> tuple[int, int]:
        """How many messages are on disk only, and the bytes of their bodies."""
        return self._cold_count, self._cold_body_bytes

    def recount(self) -> None:
        """It has no parts that count for themselves."""
