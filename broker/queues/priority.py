"""The ready list of a priority queue: one plain list a level, the highest level first.

Must not: look at priorities anywhere but where a span enters.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Iterable, Iterator, Sequence

from broker.model.message import Batch, Span
from broker.queues.cold import Cold, Piece
from broker.queues.ready import ReadyList
from storage.journal import Loaded, Stream


class PriorityReady(ReadyList):
    """Strict priorities from 0 to `priority_max`; a higher one counts as the maximum, none as 0.

    `_levels` holds the levels in use, created when first needed; `_waiting` those of them that hold something, the
    highest last.
    """

    __slots__ = ("_create_level", "_levels", "_priority_max", "_waiting")

    def __init__(self, priority_max: int, create_level: Callable[[int], ReadyList], levels: Iterable[int] = ()) -> None:
        """Args: levels are those that may hold something already; one above the highest counts as the highest."""
        super().__init__()
        self._priority_max = priority_max
        self._create_level = create_level
        self._levels = {priority: create_level(priority) for priority in levels}
        self._waiting: list[int] = []
        self.recount()

    def recount(self) -> None:
        """The levels have changed by themselves."""
        self.count = sum(level.count for level in self._levels.values())
        self.body_bytes = sum(level.body_bytes for level in self._levels.values())
        self._waiting = sorted(priority for priority, level in self._levels.items() if level.count)

    def _level_of(self, batch: Batch) -> tuple[int, ReadyList]:
        priority = self.level_of(batch)
        level = self._levels.get(priority)
        if level is None:
            level = self._levels[priority] = self._create_level(priority)
        return priority, level

    def _level(self, span: Span) -> ReadyList:
        """The list the span belongs to, which is about to hold something."""
        priority, level = self._level_of(span.batch)
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
        """Takes up to `count` messages of one batch from the highest level; None where nothing of it is in memory."""
        if not self.count:
            return None
        level = self._levels[self._waiting[-1]]
        span = level.take(count)
        if span is not None:
            self._taken(level, span)
        return span

    def pull(self, count: int) -> Span | None:
        """Takes like `take`, undelivered."""
        if not self.count:
            return None
        level = self._levels[self._waiting[-1]]
        span = level.pull(count)
        if span is not None:
            self._taken(level, span)
        return span

    def level(self) -> int:
        """The highest level that holds something; -1 where none does."""
        return self._waiting[-1] if self._waiting else -1

    def next_position(self) -> int:
        """The position behind what was there at first."""
        return max((level.next_position() for level in self._levels.values()), default=1)

    def _taken(self, level: ReadyList, span: Span) -> None:
        if not level.count:
            self._waiting.pop()
        held = span.stop - span.start
        self.count -= held
        self.body_bytes -= held * span.batch.body_bytes

    def next_message_bytes(self) -> int:
        """The size of the next message with its properties; 0 where none is ready in memory."""
        return self._levels[self._waiting[-1]].next_message_bytes() if self._waiting else 0

    def put_back(self, span: Span) -> None:
        """Returns taken messages to their place in their level."""
        self._level(span).put_back(span)

    def take_expired(self, now_ms: int, spans_max: int) -> list[Span]:
        """Takes what stands in front of any level and expired before or at `now_ms`, at most so many spans."""
        expired: list[Span] = []
        for priority in reversed(self._waiting):
            expired += self._levels[priority].take_expired(now_ms, spans_max - len(expired))
        self.recount()  # a level that loaded at once has done so in between
        return expired

    def next_expiry_ms(self) -> int:
        """When the next message in front of any level expires; 0 where none does."""
        due = [self._levels[priority].next_expiry_ms() for priority in self._waiting]
        return min((ms for ms in due if ms), default=0)

    def clear(self) -> list[Span]:
        """Drops everything; returns, in order, what is still to be settled."""
        spans = [span for priority in reversed(self._waiting) for span in self._levels[priority].clear()]
        self._waiting.clear()
        self.count = self.body_bytes = 0
        return spans

    def spans(self) -> Iterator[Span]:
        """Everything that is in memory, in order, left in place."""
        for priority in reversed(self._waiting):
            yield from self._levels[priority].spans()

    def oldest(self) -> Span | None:
        """What was published first of all that is ready, left in place; None where some of it is not in memory."""
        found: Span | None = None
        for priority in self._waiting:
            span = self._levels[priority].oldest()
            if span is None:
                return None
            if found is None or span.batch.stamp_ms < found.batch.stamp_ms:
                found = span
        return found

    def stream_for(self, batch: Batch) -> Stream | None:
        """Where the batch's messages are journalled."""
        return self._level_of(batch)[1].stream_for(batch)

    def settle(self, span: Span) -> None:
        """Taken messages are not needed any more."""
        self._level_of(span.batch)[1].settle(span)

    def paged_out(self) -> tuple[int, int]:
        """How many messages are on disk only, and the bytes of their bodies."""
        each = [level.paged_out() for level in self._levels.values()]
        return sum(count for count, _ in each), sum(size for _, size in each)

    def pieces(self, level: int, position: int, count: int) -> list[tuple[int, Piece]]:
        """Up to `count` pieces, the highest level first, from a position in a level on."""
        found: list[tuple[int, Piece]] = []
        for priority in reversed(self._waiting):
            if priority <= level and len(found) < count:
                begin = position if priority == level else 0
                some = self._levels[priority].pieces(0, begin, count - len(found))
                found += [(priority, piece) for _, piece in some]
        return found

    def cut(self, level: int, first: int, stop: int) -> list[Span]:
        """Takes out what is in memory of the positions `first..stop` of a level."""
        kept = self._levels.get(level)
        spans = kept.cut(0, first, stop) if kept is not None else []
        self.recount()
        return spans

    def may_hold(self, level: int, position: int) -> bool:
        """Whether a message may wait at a position of a level."""
        kept = self._levels.get(level)
        return kept is not None and kept.may_hold(0, position)

    def level_of(self, batch: Batch) -> int:
        """The level that the batch's messages stand in."""
        return min(batch.properties.priority, self._priority_max)

    def remove(self, level: int, position: int, loaded: Span | None) -> Span | None:
        """Takes one message out of its level."""
        kept = self._levels.get(level)
        one = kept.remove(0, position, loaded) if kept is not None else None
        if one is not None:
            self.recount()
        return one

    def present(self, level: int, cold: Cold, runs: Sequence[Loaded]) -> Sequence[Loaded]:
        """What of messages that were loaded to be looked at has not been taken out of their level."""
        kept = self._levels.get(level)
        return kept.present(0, cold, runs) if kept is not None else ()

    def withdraw(self, level: int, wanted: Span) -> list[Span]:
        """Takes messages out of their level."""
        kept = self._levels.get(level)
        taken = kept.withdraw(0, wanted) if kept is not None else []
        self.recount()
        return taken

    def streams(self) -> list[Stream]:
        """Every stream that holds something of a level."""
        return [stream for level in self._levels.values() for stream in level.streams()]
