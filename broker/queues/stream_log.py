"""What of a stream is in memory, shared by all its readers: its newest messages, and chunks read for somebody.

Must not: know readers, or hold more than the budget lets it.

Invariants
1. Chunks stand in order and do not overlap; a chunk answers for every number from its first to its stop, and where it
   has no message of a number, that one is gone.
2. What is not written yet is in a chunk.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import Final

from broker.model.message import Batch, Span
from broker.queues.paging import MemoryBudget, memory_bytes
from broker.queues.stored import HeadReader
from storage.journal import Journal, Loaded, Stream

LOADS_MAX: Final = 8  # chunks that are read at a time; whoever wants more asks again when one is there
CHUNK_SPANS_MAX: Final = 1024  # however small they are
SPARED_TURNS: Final = 2  # of the deliver lane, for which a chunk that was read for somebody is kept for him


class Chunk:
    """Messages `first..stop`, as spans in order; `position` is the last one's in the log (0: read from there).

    `spared` is the turn up to which it is kept whatever there is, unless somebody has got something of it.
    """

    __slots__ = ("first", "firsts", "position", "spared", "size_bytes", "spans", "stop", "used")

    def __init__(self, first: int, stop: int) -> None:
        self.first = first
        self.stop = stop
        self.firsts: list[int] = []
        self.spans: list[Span] = []
        self.size_bytes = 0
        self.position = 0
        self.spared = -1
        self.used = 0

    def add(self, span: Span) -> int:
        """Puts a span behind the others; returns the memory it takes."""
        size = memory_bytes(span)
        self.firsts.append(span.number)
        self.spans.append(span)
        self.size_bytes += size
        return size

    def find(self, number: int) -> Span | None:
        """The span that has the message, or the next one behind it that is there."""
        at = max(0, bisect_right(self.firsts, number) - 1)
        while at < len(self.spans):
            span = self.spans[at]
            if number < span.number + span.stop - span.start:
                return span
            at += 1
        return None


class StreamLog:
    """The messages of one stream as its readers see them. `on_loaded` says that more is in memory.

    `first` is the first number that is retained; those below are gone. `is_read` says that somebody reads, so that
    more than the least is kept.
    """

    __slots__ = ("_budget", "_chunks", "_firsts", "_hot_bytes", "_journal", "_loading", "_on_loaded", "_reader",
                 "_turn", "_uses", "first", "is_read", "loads", "stream")  # fmt: skip

    def __init__(self, stream: Stream, journal: Journal, budget: MemoryBudget, on_loaded: Callable[[], None]) -> None:
        self.stream = stream
        self.first = stream.next
        self.is_read = False
        self.loads = 0  # since the start
        self._journal = journal
        self._budget = budget
        self._on_loaded = on_loaded
        self._chunks: list[Chunk] = []
        self._firsts: list[int] = []  # of the chunks
        self._hot_bytes = 0
        self._loading: set[int] = set()  # first numbers of what is being read
        self._reader = HeadReader()
        self._turn = 0
        self._uses = 0

    # ---- publish lane

    def append(self, batch: Batch, number: int) -> None:
        """Takes journalled messages, of which the first has this number: the stream's next ones."""
        count = len(batch.bodies)
        chunk = self._chunks[-1] if self._chunks else None
        if (
            chunk is None
            or chunk.stop != number
            or not chunk.position
            or chunk.size_bytes >= self._budget.limits.chunk_bytes
            or len(chunk.spans) >= CHUNK_SPANS_MAX
        ):
            chunk = Chunk(number, number)
            self._chunks.append(chunk)
            self._firsts.append(number)
            self._uses += 1
            chunk.used = self._uses
        chunk.stop = number + count
        chunk.position = batch.position
        self._heat(chunk.add(Span(batch, 0, count, number, 0, 0, number)))
        if self._hot_bytes > self._bytes_max():
            self.shrink(self._bytes_max())

    def _heat(self, size: int) -> None:
        before, least = self._hot_bytes, self._budget.limits.queue_bytes_min
        self._hot_bytes += size
        self._budget.used += size
        if before <= least < self._hot_bytes:
            self._budget.grown(self)
        elif self._budget.used > self._budget.bytes_max:
            self._budget.give_back()

    def _bytes_max(self) -> int:
        return self._budget.queue_bytes_max(True) if self.is_read else self._budget.limits.queue_bytes_min

    def shrink(self, bytes_max: int) -> bool:
        """Drops the chunk that nobody has used for longest, of those that may go; whether too much is left."""
        return self._hot_bytes > bytes_max and self._drop_one() and self._hot_bytes > bytes_max

    def end_turn(self) -> None:
        """Readers have got what there was for them: drops what is too much."""
        self._turn += 1
        bytes_max = self._bytes_max()
        while self._hot_bytes > bytes_max and self._drop_one():
            pass

    def _drop_one(self) -> bool:
        written, turn = self._journal.written, self._turn
        oldest = -1
        for at, chunk in enumerate(self._chunks):
            may_go = chunk.position <= written and chunk.spared < turn
            if may_go and (oldest < 0 or chunk.used < self._chunks[oldest].used):
                oldest = at
        if oldest >= 0:
            self._drop(oldest)
        return oldest >= 0

    def _drop(self, at: int) -> None:
        chunk = self._chunks.pop(at)
        self._firsts.pop(at)
        self._hot_bytes -= chunk.size_bytes
        self._budget.used -= chunk.size_bytes

    # ---- deliver lane

    def at(self, number: int) -> Span | None:
        """The span that has the message, or the next one that is retained; None where it has to be fetched."""
        number = max(number, self.first)
        at = bisect_right(self._firsts, number) - 1
        while 0 <= at < len(self._chunks):
            chunk = self._chunks[at]
            if not chunk.first <= number < chunk.stop:
                return None
            span = chunk.find(number)
            self._uses += 1
            chunk.used = self._uses
            chunk.spared = -1
            if span is not None:
                return span
            number = chunk.stop
            at += 1
        return None

    def fetch(self, number: int) -> None:
        """Reads a chunk that begins with this number, and says so when it is there; perhaps that of somebody else."""
        number = max(number, self.first)
        if number in self._loading or len(self._loading) >= LOADS_MAX:
            return
        self._loading.add(number)
        self.loads += 1
        self.stream.load(
            number, self._budget.limits.chunk_bytes, lambda runs, next_number: self._loaded(number, runs, next_number)
        )

    def _loaded(self, number: int, runs: Sequence[Loaded], next_number: int) -> None:
        if number not in self._loading:  # all of it is gone meanwhile
            return
        self._loading.discard(number)
        self._insert(number, runs, next_number)
        if next_number > number:
            self._on_loaded()

    def _insert(self, first: int, runs: Sequence[Loaded], stop: int) -> None:
        """A chunk of what was read and is in no other one."""
        at = bisect_right(self._firsts, first)
        if at and self._chunks[at - 1].stop > first:
            first = self._chunks[at - 1].stop
        if at < len(self._chunks):
            stop = min(stop, self._chunks[at].first)
        if first >= stop:
            return
        chunk = Chunk(first, stop)
        size = 0
        for run in runs:
            if run.first < stop and run.first + len(run.items) > first:
                span = Span(self._reader.batch(run), 0, len(run.items), run.first, 0, 0, run.first)
                size += chunk.add(span)
        self._uses += 1
        chunk.used = self._uses
        chunk.spared = self._turn + SPARED_TURNS
        self._chunks.insert(at, chunk)
        self._firsts.insert(at, first)
        self._heat(size)

    # ---- what is in memory

    def drop_below(self, first: int) -> None:
        """These messages are not retained any more."""
        self.first = first
        while self._chunks and self._chunks[0].stop <= first:
            self._drop(0)

    def clear(self) -> None:
        """The stream is gone."""
        while self._chunks:
            self._drop(len(self._chunks) - 1)
        self._loading.clear()
        self._budget.forget(self)

    def in_memory(self) -> tuple[int, int]:
        """How many retained messages are in memory, and the bytes of their bodies; the cost grows with the spans."""
        count = size = 0
        for chunk in self._chunks:
            for span in chunk.spans:
                held = span.number + span.stop - span.start - max(self.first, span.number)
                count += max(0, held)
                size += max(0, held) * span.batch.body_bytes
        return count, size

    @property
    def hot_bytes(self) -> int:
        """About the memory it takes."""
        return self._hot_bytes
