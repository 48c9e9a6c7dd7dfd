"""Delivery tags whose messages were taken back after a timeout: a late acknowledgement of them is accepted silently.

Until then the consumer's room stays taken, since the client still has the messages. Must not: remember more than
RUNS_MAX runs of tags; the oldest are forgotten first.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Final

from broker.connections.consumer import DeliveryContext
from broker.connections.unacked import Delivery
from broker.model.interfaces import ConsumerPort

RUNS_MAX: Final = 4096  # of a channel


class LateTags:
    """Those of one channel, as runs in order of their tags."""

    __slots__ = ("_consumers", "_context", "_firsts", "_lasts")

    def __init__(self, context: DeliveryContext) -> None:
        self._context = context
        self._firsts: list[int] = []
        self._lasts: list[int] = []
        self._consumers: list[ConsumerPort | None] = []

    def __len__(self) -> int:
        return len(self._firsts)

    def __bool__(self) -> bool:
        return len(self) > 0

    def add(self, first: int, last: int, consumer: ConsumerPort | None) -> None:
        """Remembers a run that is not there yet."""
        at = bisect_right(self._firsts, first)
        self._firsts.insert(at, first)
        self._lasts.insert(at, last)
        self._consumers.insert(at, consumer)
        if len(self._firsts) > RUNS_MAX:
            self._forget(0, self._lasts[0])

    def _at(self, tag: int) -> int:
        """Which run has a tag; -1 for none."""
        at = bisect_right(self._firsts, tag) - 1
        return at if at >= 0 and tag <= self._lasts[at] else -1

    def has(self, tag: int) -> bool:
        """Whether this tag is remembered."""
        return self._at(tag) >= 0

    def _forget(self, at: int, last: int) -> None:
        """Forgets a run up to a tag, and gives its consumer the room back."""
        consumer, count = self._consumers[at], last - self._firsts[at] + 1
        if last == self._lasts[at]:
            del self._firsts[at], self._lasts[at], self._consumers[at]
        else:
            self._firsts[at] = last + 1
        if consumer is not None:
            consumer.unacked -= count
            self._context.lent -= count
            consumer.fed()

    def take_up_to(self, tag: int) -> None:
        """Forgets everything with a tag of at most `tag`."""
        while self._firsts and self._firsts[0] <= tag:
            self._forget(0, min(tag, self._lasts[0]))

    def take_multiple(self, tag: int) -> list[Delivery] | None:
        """Takes everything up to a tag (0: at all) that is remembered; None where it is not, and may be unsettled.

        Returns: the unsettled ones.
        """
        unacked = self._context.unacked
        if tag and not self.has(tag):
            if unacked.has(tag):
                self.take_up_to(tag)
            return None
        self.take_up_to(tag or self._context.last_tag)
        return unacked.take_up_to(tag) if tag else unacked.take_all()

    def take_run(self, first: int, last: int) -> list[Delivery] | None:
        """Takes the tags `first..last`, each remembered or unsettled; None, with nothing taken, where one is neither.

        Returns: the unsettled ones.
        """
        unacked = self._context.unacked
        if not all(unacked.has(tag) or self.has(tag) for tag in range(first, last + 1)):
            return None
        taken: list[Delivery] = []
        for tag in range(first, last + 1):
            if not self.has(tag):
                taken += unacked.take(tag, tag) or []
                continue
            at = self._at(tag)
            if self._firsts[at] < tag:  # what is before it stays remembered
                self._firsts.insert(at + 1, tag)
                self._lasts.insert(at, tag - 1)
                self._consumers.insert(at, self._consumers[at])
                at += 1
            self._forget(at, tag)
        return taken
