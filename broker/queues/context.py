"""What a queue needs of the world around it, handed in at its birth. Must not: hold behaviour."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from broker.model.message import Batch


class Pumped(Protocol):
    """What the tick calls once a turn: a queue."""

    def pump(self, now_ms: int) -> None:
        """Gives ready messages to consumers with room."""
        ...


class Timers(Protocol):
    """The one heap of deadlines."""

    def add(self, due_ms: int, callback: Callable[[], None]) -> object:
        """Calls back at or after a time; returns a handle."""
        ...

    def cancel(self, deadline: Any, /) -> None:
        """Forgets a deadline."""
        ...


class QueueContext:
    """The time of this turn, timers, and the three places a queue reports to."""

    __slots__ = ("delete", "mark_dirty", "now_ms", "release", "timers")

    def __init__(
        self,
        now_ms: Callable[[], int],
        timers: Timers,
        mark_dirty: Callable[[Pumped], None],
        release: Callable[[Batch, int], None],
        delete: Callable[[str], None],
    ) -> None:
        self.now_ms = now_ms
        self.timers = timers
        self.mark_dirty = mark_dirty  # it has messages to give, or consumers that may take some
        self.release = release  # journalled messages of a batch are not needed here any more
        self.delete = delete  # a queue's name: unused for too long, or its last consumer gone
