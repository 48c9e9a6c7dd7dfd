"""The ready list of a queue: a hot head in memory, a cold middle that is only numbers, a hot tail.

What is cold is in the log: paging persistent messages out writes nothing, others go to the spool where there are many.
Paging in reads the log in order. Must not: know consumers or time sources.

Invariants
1. `count` and `body_bytes` are the sums over all that is held, in memory or not.
2. Positions rise from front to back: returned (kept with the lowest last), head, middle, tail. Whatever comes back was
   taken from the front. `tail` is empty while `middle` is and nothing is being spooled.
3. A cold run names only messages that are written, waiting and never were in the head since.
4. At most one load is under way; what it brings belongs to the front of `middle`, or is dropped.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from broker.model.message import Batch, Span
from broker.queues.cold import Cold, handed_out, push, push_front, take_cold, without
from broker.queues.cutting import cut_out
from broker.queues.fifo import give_back
from broker.queues.paging import STEP_SPANS, MemoryBudget, memory_bytes
from broker.queues.spool import Spool, Spooled
from broker.queues.standing import Standing
from broker.queues.stored import HeadReader
from storage.journal import Journal, Loaded, Stream


class PagedFifo(Standing):
    """The plain ready list; a durable queue's is in one stream of the journal. `on_loaded` says that more is ready."""

    __slots__ = ("_budget", "_bytes_min", "_generation", "_gone", "_hot_bytes", "_is_loading", "_journal", "_limits",
                 "_on_loaded", "_page_at_bytes", "_reader", "_spool", "_spooled", "stream")  # fmt: skip

    def __init__(
        self, stream: Stream | None, journal: Journal, spool: Spool, budget: MemoryBudget,
        on_loaded: Callable[[], None], shift: int = 0,
    ) -> None:  # fmt: skip
        """Takes over what waits in the stream, positions being numbers plus `shift`; None: nothing is durable."""
        super().__init__()
        self.stream = stream
        self._first_position = shift + (stream.next if stream is not None else 1)
        self._journal = journal
        self._spool = spool
        self._spooled: Stream | None = None  # this list's, once it has needed one
        self._budget = budget
        self._limits = budget.limits
        self._bytes_min = budget.limits.queue_bytes_min
        self._on_loaded = on_loaded
        self._reader: HeadReader | None = None
        self._hot_bytes = 0  # of head and tail
        self._page_at_bytes = self._bytes_max()
        self._is_loading = False
        self._generation = 0
        self._gone: set[int] | None = None  # numbers that were taken out while on disk only, and are not settled yet
        if stream is not None:
            self.count, self.body_bytes, first = stream.waiting()
            if self.count:
                self._middle = deque([Cold(stream, first, stream.next, shift, self.count, self.body_bytes)])

    def _bytes_max(self) -> int:
        return self._budget.queue_bytes_max(self.stream is not None)

    # ---- publish lane

    def append(self, span: Span) -> None:
        """Puts newly published messages at the back."""
        count = span.stop - span.start
        self.count += count
        self.body_bytes += count * span.batch.body_bytes
        if self._middle or self._tail:
            self._open_tail().append(span if span.number else self._spooling(span))
            self._heat(span)
            self._chill_tail()
            return
        self._head.append(span)
        self._heat(span)
        if self._hot_bytes > self._page_at_bytes:
            self._page_out(self._bytes_max())

    def _heat(self, span: Span) -> None:
        """The span is in memory."""
        size = memory_bytes(span)
        before = self._hot_bytes
        self._hot_bytes += size
        self._budget.used += size
        if before <= self._bytes_min < self._hot_bytes:
            self._budget.grown(self)
        elif self._budget.used > self._budget.bytes_max:
            self._budget.give_back()

    def _cool(self, span: Span) -> None:
        """The span is not in head or tail any more."""
        self._hot_bytes -= (size := memory_bytes(span))
        self._budget.used -= size

    def _spooling(self, span: Span) -> Span | Spooled:
        """A transient span for the tail: in the spool too, where there is room."""
        if self._spooled is None:
            self._spooled = self._spool.stream()
        return self._spool.add(self._spooled, span) or span

    def _page_out(self, keep_bytes: int) -> None:
        """Makes what is behind the first `keep_bytes` cold, as far as it is written; nothing is cold yet.

        Of many spans only the last are taken: what comes next goes behind them.
        """
        head = self._head
        size = self._hot_bytes
        moved: list[Span] = []
        while len(head) > 1 and size > keep_bytes and len(moved) < STEP_SPANS:
            span = head.last()
            head.drop_last()
            moved.append(span)
            size -= memory_bytes(span)
        self._open_tail().extend(span if span.number else self._spooling(span) for span in reversed(moved))
        self._chill_tail()
        self._page_at_bytes = max(self._bytes_max(), self._hot_bytes + self._limits.step_bytes)

    def _open_tail(self) -> deque[Span | Spooled]:
        if self._tail is None:
            self._tail = deque()
        return self._tail

    def _chill_tail(self) -> None:
        """Moves what is written from the front of the tail to the back of the middle, a step at a time."""
        tail = self._tail
        if self._spooled is not None:
            self._spool.commit()
        for _ in range(STEP_SPANS):
            if not tail or not self._is_written(tail[0]):
                return
            item = tail.popleft()
            span = item.span if isinstance(item, Spooled) else item
            number = item.number
            stream = self._spooled if isinstance(item, Spooled) else self.stream
            self._cool(span)
            if self._middle is None:
                self._middle = deque()
            push(self._middle, stream, number, span)

    def _is_written(self, item: Span | Spooled) -> bool:
        if isinstance(item, Spooled):
            return item.position <= self._spool.written
        return item.batch.position <= self._journal.written if item.number else True

    def shrink(self, bytes_max: int) -> bool:
        """Takes a step towards keeping no more than this in memory; whether it still keeps more."""
        if self._tail:
            self._chill_tail()
        elif not self._middle:
            self._page_out(bytes_max)
        if self._middle and len(self._head) > 1 and self._hot_bytes > bytes_max:
            self._chill_head(bytes_max)
        return self._hot_bytes > bytes_max

    def _chill_head(self, bytes_max: int) -> None:
        """Moves what is written from the back of the head to the front of the middle; whoever waits for a load goes on
        waiting for it."""
        head, middle = self._head, self._middle
        assert middle, "nothing is chilled where nothing is cold"
        self._generation += 1  # what is being loaded would stand behind what is chilled here
        self._is_loading = False
        for _ in range(STEP_SPANS):
            if len(head) < 2 or self._hot_bytes <= bytes_max:
                return
            span = head.last()
            if not span.number or self.stream is None or not self._is_written(span):  # writing it takes time
                return
            head.drop_last()
            self._cool(span)
            push_front(middle, self.stream, span.number, span)

    # ---- deliver lane

    def _front(self) -> Span | None:
        """The next message, where it is in memory; otherwise it is sent for."""
        if self._returned:
            return self._returned[-1]
        head = self._head
        if not len(head):
            if not self.count:
                return None
            self._refill()
            if not len(head):
                return None
        return head.first()

    def _refill(self) -> None:
        """Brings the front of the middle into the head, or the tail where there is no middle."""
        middle = self._middle
        while middle and isinstance(middle[0], Span):
            span = middle.popleft()
            assert isinstance(span, Span)
            self._head.append(span)
            self._heat(span)
        if middle:
            self._load()
        else:
            self._take_tail()

    def _take_tail(self) -> None:
        """Invariant 2: without a middle the tail is the head."""
        for item in self._tail or ():
            if isinstance(item, Spooled):
                assert self._spooled is not None
                self._spooled.settle(item.number, item.number + item.span.stop - item.span.start, 0)
                self._head.append(item.span)
            else:
                self._head.append(item)
        self._tail = None

    def _load(self) -> None:
        cold = self._middle[0] if self._middle else None
        if self._is_loading or not isinstance(cold, Cold):
            return
        self._is_loading = True
        generation = self._generation

        def loaded(runs: Sequence[Loaded], next_number: int) -> None:
            if generation == self._generation:
                self._is_loading = False
                self._loaded(cold, runs, next_number)

        cold.stream.load(cold.first, self._limits.chunk_bytes, loaded)

    def _loaded(self, cold: Cold, runs: Sequence[Loaded], next_number: int) -> None:
        middle = self._middle
        assert middle is not None
        assert middle[0] is cold, "invariant 3"
        self._reader = self._reader or HeadReader()
        is_spooled = cold.stream is self._spooled
        if self._gone and not is_spooled:
            runs = without(runs, self._gone)
        spans = cold.loaded(runs, self._reader, is_spooled)
        for span in spans:
            self._head.append(span)
        if is_spooled:  # it is in memory again, and nobody asks for it after the end of the process
            cold.stream.settle(cold.first, min(next_number, cold.stop), 0)
        cold.first = next_number
        if next_number >= cold.stop:
            self.count -= cold.count  # lost, if there is a difference
            self.body_bytes -= cold.body_bytes
            middle.popleft()
            if not middle:
                self._take_tail()
        for span in spans:
            self._heat(span)
        self._on_loaded()

    def take(self, count: int) -> Span | None:
        """Takes up to `count` messages of one batch from the front; None where nothing is ready in memory."""
        span = self.pull(count)
        if span is not None and span.number and self.stream is not None:
            handed_out(self.stream, span)
        return span

    def pull(self, count: int) -> Span | None:
        """Takes like `take`, undelivered."""
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
            self._head.drop_first()
            self._cool(span)
            if self._middle and self._hot_bytes < self._limits.low_bytes:
                self._load()
        self.count -= held
        self.body_bytes -= held * span.batch.body_bytes
        return span

    def next_message_bytes(self) -> int:
        """The size of the next message with its properties; 0 where none is in memory."""
        front = self._front()
        return front.batch.message_bytes if front is not None else 0

    def put_back(self, span: Span) -> None:
        """Returns taken messages to their place."""
        assert not len(self._head) or span.position < self._head.first().position, "returned before the rest"
        give_back(self._returned, span)
        count = span.stop - span.start
        self.count += count
        self.body_bytes += count * span.batch.body_bytes

    def take_expired(self, now_ms: int, spans_max: int) -> list[Span]:
        """Takes what stands in front and expired before or at `now_ms`, at most so many spans."""
        expired: list[Span] = []
        while len(expired) < spans_max and (front := self._front()) is not None and 0 < front.expires_ms <= now_ms:
            span = self.take(front.stop - front.start)
            assert span is not None
            expired.append(span)
        return expired

    def next_expiry_ms(self) -> int:
        """When the next message in front expires; 0 where none does, or it is not in memory."""
        front = self._front()
        return front.expires_ms if front is not None else 0

    # ---- settle lane

    def stream_for(self, batch: Batch) -> Stream | None:  # noqa: ARG002
        """Where a batch's messages are journalled; None where they are not."""
        return self.stream

    def settle(self, span: Span) -> None:
        """Taken messages are not needed any more."""
        count = span.stop - span.start
        assert self.stream is not None, "a journalled message in a list that is not"
        self.stream.settle(span.number, span.number + count, count * span.batch.share_bytes)
        if self._gone:
            self._gone.difference_update(range(span.number, span.number + count))

    def clear(self) -> list[Span]:
        """Drops everything; returns, in order, what was in memory and is still to be settled."""
        spans = list(self.spans())
        for item in self._middle or ():
            if isinstance(item, Cold) and item.stream is self.stream:
                item.stream.settle(item.first, item.stop, 0)
        if self._spooled is not None:
            self._spooled.drop()
            self._spool.commit()
            self._spooled = None
        self._forget()
        return spans

    def _forget(self) -> None:
        self._generation += 1
        self._is_loading = False
        self._budget.used -= self._hot_bytes
        self._budget.forget(self)
        self._hot_bytes = self.count = self.body_bytes = 0
        self._gone = None
        self._returned.clear()
        self._head.clear()
        self._middle = None
        self._tail = None

    def streams(self) -> list[Stream]:
        """The streams its durable messages are in."""
        return [] if self.stream is None else [self.stream]

    def cut(self, level: int, first: int, stop: int) -> list[Span]:  # noqa: ARG002
        """Takes out what is in memory of the positions `first..stop`."""
        parts = self._returned, self._head, self._middle, self._tail
        found, freed_bytes = cut_out(*parts, self._spooled, first, stop)
        self._hot_bytes -= freed_bytes
        self._budget.used -= freed_bytes
        self._uncount(found)
        return found

    def _uncount(self, spans: list[Span]) -> None:
        for span in spans:
            self.count -= span.stop - span.start
            self.body_bytes -= (span.stop - span.start) * span.batch.body_bytes

    def remove(self, level: int, position: int, loaded: Span | None) -> Span | None:  # noqa: ARG002
        """Takes one message out: in memory, or cold and `loaded`; None where it does not wait here (any more)."""
        found = self.cut(0, position, position + 1)
        piece = next((piece for _, piece in self.pieces(0, position, 1)), None)
        if not found and isinstance(piece, Cold) and loaded is not None and position >= piece.first + piece.shift:
            if self._gone is None:
                self._gone = set()
            if loaded.number in self._gone:
                return None
            piece.settle_some(loaded, piece.stream is self._spooled)
            if loaded.number:
                self._gone.add(loaded.number)
            found.append(loaded)
            self._uncount(found)
        if not found:
            return None
        self._on_loaded()
        return found[0]

    def present(self, level: int, cold: Cold, runs: Sequence[Loaded]) -> Sequence[Loaded]:  # noqa: ARG002
        """What of messages that were loaded to be looked at has not been taken out."""
        return without(runs, self._gone) if self._gone and cold.stream is not self._spooled else runs

    def withdraw(self, level: int, wanted: Span) -> list[Span]:  # noqa: ARG002
        """Takes the messages of a span that was found here out, those that still wait; they are settled at once."""
        found = self.pieces(0, wanted.position, 1)
        if not found or not isinstance(found[0][1], Cold):
            taken = self.cut(0, wanted.position, wanted.position + wanted.stop - wanted.start)
        else:
            taken = take_cold(found, wanted, self._spooled)
            self._uncount(taken)
        self._on_loaded()
        return taken
