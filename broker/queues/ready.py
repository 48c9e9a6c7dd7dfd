"""The ready list of a plain queue: a FIFO of spans, with what was returned in its original place in front.

Must not: know consumers, time sources or the journal.

Invariants
1. `count` and `body_bytes` are the sums over all spans held.
2. Positions rise from front to back, `returned` (kept with the lowest last) before `fifo`: whatever comes back was
   taken from the front, so its position is below that of everything still in `fifo`.
"""

from __future__ import annotations

from bisect import insort
from collections import deque
from collections.abc import Iterator
from typing import Protocol

from broker.model.message import Batch, Span
from storage.journal import Stream


class ReadyList(Protocol):
    """Where a queue's ready messages stand; priorities replace the plain one."""

    count: int
    body_bytes: int

    def append(self, span: Span) -> None:
        """Puts newly published messages at the back."""
        ...

    def take(self, count: int) -> Span | None:
        """Takes up to `count` messages of one batch from the front; None where nothing is ready in memory."""
        ...

    def next_message_bytes(self) -> int:
        """The size of the next message with its properties; 0 where none is ready in memory."""
        ...

    def put_back(self, span: Span) -> None:
        """Returns taken messages to their place."""
        ...

    def take_expired(self, now_ms: int) -> list[Span]:
        """Takes what stands in front and expired before or at `now_ms`."""
        ...

    def next_expiry_ms(self) -> int:
        """When the next message in front expires; 0 where none does."""
        ...

    def clear(self) -> list[Span]:
        """Drops everything; returns, in order, what is still to be settled."""
        ...

    def spans(self) -> Iterator[Span]:
        """Everything that is in memory, in order, left in place."""
        ...

    def stream_for(self, batch: Batch, /) -> Stream | None:
        """Where the batch's messages are journalled; None where they are not."""
        ...

    def settle(self, span: Span) -> None:
        """Taken messages are not needed any more."""
        ...

    def streams(self) -> list[Stream]:
        """Every stream that holds something of this list."""
        ...

    def paged_out(self) -> tuple[int, int]:
        """How many messages are on disk only, and the bytes of their bodies."""
        ...

    def recount(self) -> None:
        """A part of the list has loaded messages, or found some lost."""
        ...


def _backwards(span: Span) -> int:
    return -span.position


class Fifo:
    """The plain ready list."""

    __slots__ = ("_fifo", "_returned", "body_bytes", "count")

    def __init__(self) -> None:
        self._fifo: deque[Span] = deque()
        self._returned: list[Span] = []
        self.count = 0
        self.body_bytes = 0

    def append(self, span: Span) -> None:
        """Puts newly published messages at the back."""
        count = span.stop - span.start
        self._fifo.append(span)
        self.count += count
        self.body_bytes += count * span.batch.body_bytes

    def take(self, count: int) -> Span | None:
        """Takes up to `count` messages of one batch from the front; None where nothing is ready."""
        if not self.count:
            return None
        returned = self._returned
        span = returned[-1] if returned else self._fifo[0]
        held = span.stop - span.start
        if held > count:
            span = span.cut(count)
            held = count
        elif returned:
            returned.pop()
        else:
            self._fifo.popleft()
        self.count -= held
        self.body_bytes -= held * span.batch.body_bytes
        return span

    def _front(self) -> Span | None:
        if self._returned:
            return self._returned[-1]
        return self._fifo[0] if self._fifo else None

    def next_message_bytes(self) -> int:
        """The size of the next message with its properties; 0 where none is ready."""
        front = self._front()
        return front.batch.message_bytes if front is not None else 0

    def put_back(self, span: Span) -> None:
        """Returns taken messages to their place."""
        assert not self._fifo or span.position < self._fifo[0].position, "invariant 2"
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
        """When the next message in front expires; 0 where none does."""
        front = self._front()
        return front.expires_ms if front is not None else 0

    def clear(self) -> list[Span]:
        """Takes everything, in order."""
        spans = list(self.spans())
        self._fifo.clear()
        self._returned.clear()
        self.count = self.body_bytes = 0
        return spans

    def spans(self) -> Iterator[Span]:
        """Everything in order, left in place."""
        yield from reversed(self._returned)
        yield from self._fifo

    def stream_for(self, _batch: Batch) -> Stream | None:
        """Nothing of this list is journalled."""
        return None

    def settle(self, span: Span) -> None:
        """Nothing of this list is journalled."""
        assert not span.number, "a journalled message in a list that is not"

    def streams(self) -> list[Stream]:
        """Nothing of this list is journalled."""
        return []

    def paged_out(self) -> tuple[int, int]:
        """Nothing is on disk."""
        return 0, 0

    def recount(self) -> None:
        """It has no parts that count for themselves."""
