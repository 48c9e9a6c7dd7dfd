"""What was published into a queue under one range of priorities. Must not: move it; `regrouping` does."""

from __future__ import annotations

from dataclasses import replace

from broker.queues.definition import Former
from broker.queues.ready import ReadyList


class Generation:
    """What was published under one number; its positions begin at `first`, and `lent` counts what is left once sorted.

    `is_restored`: it was like that at the start, when what had been delivered may have been at consumers.
    """

    __slots__ = ("first", "former", "is_restored", "lent", "ready")

    def __init__(self, first: int, former: Former, ready: ReadyList, is_restored: bool = False) -> None:
        self.first = first
        self.former = former
        self.ready = ready
        self.is_restored = is_restored
        self.lent = 0

    def sorted(self) -> Generation:
        """The same with nothing waiting that has to be moved."""
        self.former = replace(self.former, is_sorted=True)
        self.lent = sum(stream.waiting()[0] for stream in self.ready.streams())
        return self
