"""Which identities are in a queue, ready or unacknowledged. Must not: keep anything out; the gate does.

What is there already is learned by looking through the queue, a step at a time; until then the queue takes what it may
have. An identity that is missing lets a message in twice; one too many would lose messages, so whatever is not certain
counts as gone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from broker.deduplication.identity import Reader
from broker.model.message import Batch, Span
from broker.queues.browsing import FRONT, Place, Waiting
from broker.queues.classic import ClassicQueue
from broker.queues.context import Timers
from broker.queues.parts import Contents

STEPS_AT_ONCE: Final = 2  # what is short enough is known at once


class Presence(Contents):
    """Counts the messages of each identity; `position` is that of the last message that came."""

    __slots__ = ("_counts", "_is_over", "_on_learned", "_queue", "_reader", "_steps", "_timers", "is_learning",
                 "position")  # fmt: skip

    def __init__(self, queue: ClassicQueue, timers: Timers, on_learned: Callable[[], None]) -> None:
        self._queue = queue
        self._timers = timers
        self._on_learned = on_learned
        self._counts: dict[bytes, int] = {}
        self._reader = Reader()
        self._is_over = False
        self._steps = 0
        self.is_learning = True
        self.position = 0

    def __len__(self) -> int:
        return len(self._counts)

    def __bool__(self) -> bool:
        return len(self) > 0

    def has(self, identity: bytes) -> bool:
        """Whether a message of that identity is there, as far as that is known."""
        return not self.is_learning and identity in self._counts

    def came(self, batch: Batch) -> None:
        """These messages are in the queue."""
        identity = self._reader.identity(batch.properties)
        if identity is not None and not self.is_learning:  # what comes meanwhile is seen when the look gets there
            self._counts[identity] = self._counts.get(identity, 0) + len(batch.bodies)
            self.position = max(self.position, batch.position)

    def gone(self, span: Span) -> None:
        """These messages have left the queue for good."""
        identity = self._reader.identity(span.batch.properties)
        if identity is None:
            return
        left = self._counts.get(identity, 0) - (span.stop - span.start)
        if left > 0 or (left and self.is_learning):
            self._counts[identity] = left
        else:
            self._counts.pop(identity, None)

    def clear(self) -> int:
        """Forgets everything; returns how many identities that was."""
        count = len(self._counts)
        self._counts.clear()
        return count

    def end(self) -> None:
        """It is not used any more."""
        self._is_over = True
        self._counts.clear()
        if self.is_learning:
            self.is_learning = False
            self._on_learned()

    # ---- learning what is there

    def learn(self) -> None:
        """Looks through the queue."""
        self._step(FRONT)

    def _step(self, place: Place) -> None:
        if not self._is_over:
            self._queue.look(place, self._seen)

    def _seen(self, waiting: Sequence[Waiting], next_place: Place | None) -> None:
        if self._is_over:
            return
        for one in waiting:
            identity = self._reader.identity(one.batch.properties)
            if identity is not None:
                self._counts[identity] = self._counts.get(identity, 0) + 1
        if next_place is None:
            self._counts = {identity: count for identity, count in self._counts.items() if count > 0}
            self.is_learning = False
            self._on_learned()
            return
        self._steps += 1
        if self._steps < STEPS_AT_ONCE:
            self._step(next_place)
        else:
            self._timers.add(self._queue.now_ms(), lambda: self._step(next_place))
