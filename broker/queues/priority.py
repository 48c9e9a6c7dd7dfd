"""The ready list of a priority queue: one plain list a level, the highest level first.

Must not: look at priorities anywhere but where a span enters.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterator

from broker.model.message import Span
from broker.queues.ready import Fifo


class PriorityReady:
    """Strict priorities from 0 to `priority_max`; a higher one counts as the maximum, none as 0.

    `_levels` holds the levels in use, created when first needed; `_waiting` those of them that hold something, the
    highest last.
    """

    __slots__ = ("_levels", "_priority_max", "_waiting", "body_bytes", "count")

    def __init__(self, priority_max: int) -> None:
        self._priority_max = priority_max
        self._levels: dict[int, Fifo] = {}
        self._waiting: list[int] = []
        self.count = 0
        self.body_bytes = 0

    def _level(self, span: Span) -> Fifo:
        """The list the span belongs to, which is about to hold something."""
        priority = min(span.batch.properties.priority, self._priority_max)
        level = self._levels.get(priority)
        if level is None:
            level = self._levels[priority] = Fifo()
        if not level.count:
            insort(self._waiting, priority)
        held = span.stop - span.start
        self.count += held
        self.body_bytes += held * span.batch.body_bytes
        return level

    def append(self, span: Span) -> None:
        """Puts newly published messages at the back of their level."""
        self._level(span).append(span)

    def take(self, count: int) -> Span | None:
        """Takes up to `count` messages of one batch from the highest level; None where nothing is ready."""
        if not self.count:
            return None
        level = self._levels[self._waiting[-1]]
        span = level.take(count)
        assert span is not None
        if not level.count:
            self._waiting.pop()
        self._taken(span)
        return span

    def _taken(self, span: Span) -> None:
        held = span.stop - span.start
        self.count -= held
        self.body_bytes -= held * span.batch.body_bytes

    def next_message_bytes(self) -> int:
        """The size of the next message with its properties; only where one is ready."""
        return self._levels[self._waiting[-1]].next_message_bytes()

    def put_back(self, span: Span) -> None:
        """Returns taken messages to their place in their level."""
        self._level(span).put_back(span)

    def take_expired(self, now_ms: int) -> list[Span]:
        """Takes what stands in front of any level and expired before or at `now_ms`."""
        expired: list[Span] = []
        for priority in reversed(self._waiting):
            expired += self._levels[priority].take_expired(now_ms)
        for span in expired:
            self._taken(span)
        self._waiting = [priority for priority in self._waiting if self._levels[priority].count]
        return expired

    def next_expiry_ms(self) -> int:
        """When the next message in front of any level expires; 0 where none does."""
        due = [self._levels[priority].next_expiry_ms() for priority in self._waiting]
        return min((ms for ms in due if ms), default=0)

    def clear(self) -> list[Span]:
        """Takes everything, in order."""
        spans = list(self.spans())
        self._levels.clear()
        self._waiting.clear()
        self.count = self.body_bytes = 0
        return spans

    def spans(self) -> Iterator[Span]:
        """Everything in order, left in place."""
        for priority in reversed(self._waiting):
            yield from self._levels[priority].spans()
