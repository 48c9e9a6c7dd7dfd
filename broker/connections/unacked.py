"""What a channel has delivered and not yet seen settled, as runs of consecutive delivery tags.

Must not: know queues' insides or frames.

Invariants
1. Runs stand in order of their tags and do not overlap; `count` is the sum of their lengths.
2. A run's tags and its span's messages correspond one to one, in order.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from typing import Final

from mypy_extensions import mypyc_attr

from broker.model.interfaces import ConsumerPort, QueueHandle
from broker.model.message import Span

HEAD_MIN: Final = 64  # settled runs kept at the front at least, before their room is given back


@mypyc_attr(free_list_len=1)
class Delivery:
    """A run of messages given to one consumer (or by basic.get, then `consumer` is None): tags `first..last`."""

    __slots__ = ("consumer", "first", "last", "queue", "span")

    def __init__(self, first: int, last: int, span: Span, queue: QueueHandle, consumer: ConsumerPort | None) -> None:
        self.first = first
        self.last = last
        self.span = span
        self.queue = queue
        self.consumer = consumer

    def cut(self, count: int) -> Delivery:
        """Takes the first `count` tags off this run; returns them as a run of their own."""
        head = Delivery(self.first, self.first + count - 1, self.span.cut(count), self.queue, self.consumer)
        self.first += count
        return head


class Unacked:
    """The unsettled deliveries of one channel, ordered by delivery tag.

    Both lists start at `_head`: what is settled in order leaves from the front without moving the rest, and the room
    before it is given back once it is half of the list.
    """

    __slots__ = ("_firsts", "_head", "_runs", "count")

    def __init__(self) -> None:
        self._firsts: list[int] = []
        self._runs: list[Delivery] = []
        self._head = 0
        self.count = 0

    def _at(self, tag: int) -> int:
        """The index of the last run that starts at or before a tag; one below `_head` where there is none."""
        return bisect_right(self._firsts, tag, self._head) - 1

    def _insert(self, at: int, delivery: Delivery) -> None:
        self._firsts.insert(at, delivery.first)
        self._runs.insert(at, delivery)

    def _remove_front(self, at: int) -> None:
        """Forgets the runs before `at`."""
        self._head = at
        if at > HEAD_MIN and at * 2 > len(self._runs):
            del self._firsts[:at]
            del self._runs[:at]
            self._head = 0

    def add(self, delivery: Delivery) -> None:
        """Notes a delivery with tags above all earlier ones, or one that comes back into its place."""
        self.count += delivery.last - delivery.first + 1
        if not self._runs or delivery.first > self._runs[-1].first:
            self._firsts.append(delivery.first)
            self._runs.append(delivery)
        else:
            self._insert(self._at(delivery.first) + 1, delivery)

    def take_up_to(self, tag: int) -> list[Delivery]:
        """Takes everything with a tag of at most `tag`."""
        at = self._at(tag) + 1
        taken = self._runs[self._head : at]
        if taken and taken[-1].last > tag:
            rest = taken[-1]
            taken[-1] = rest.cut(tag - rest.first + 1)
            at -= 1
            self._firsts[at] = rest.first
        self._remove_front(at)
        self.count -= sum(run.last - run.first + 1 for run in taken)
        return taken

    def has(self, tag: int) -> bool:
        """Whether this very tag is unsettled."""
        at = self._at(tag)
        return at >= self._head and tag <= self._runs[at].last

    def take(self, first: int, last: int) -> list[Delivery] | None:
        """Takes the tags `first..last`; None, with nothing taken, where one of them is not there."""
        taken: list[Delivery] = []
        tag = first
        while tag <= last:
            run = self._take_part(tag, last)
            if run is None:
                for earlier in taken:
                    self.add(earlier)
                return None
            taken.append(run)
            tag = run.last + 1
        return taken

    def _take_part(self, tag: int, last: int) -> Delivery | None:
        """Takes from `tag` on what one run has of `tag..last`."""
        at = self._head
        if at >= len(self._runs) or self._runs[at].first != tag:  # mostly it is the oldest
            at = self._at(tag)
            if at < self._head or tag > self._runs[at].last:
                return None
        run = self._runs[at]
        if run.first < tag:  # leave the tags before it where they are
            self._runs[at] = run.cut(tag - run.first)
            at += 1
            self._insert(at, run)
        if run.last > last:  # leave the tags behind it
            taken = run.cut(last - tag + 1)
            self._firsts[at] = run.first
        else:
            taken = run
            self._remove(at)
        self.count -= taken.last - taken.first + 1
        return taken

    def _remove(self, at: int) -> None:
        if at == self._head:
            self._remove_front(at + 1)
        else:
            del self._runs[at]
            del self._firsts[at]

    def take_all(self) -> list[Delivery]:
        """Takes everything."""
        runs = self._runs[self._head :]
        self._runs, self._firsts, self._head, self.count = [], [], 0, 0
        return runs

    def front(self, count: int) -> list[Delivery]:
        """The first `count` runs, left in place."""
        return self._runs[self._head : self._head + count]

    def since(self, tag: int, count: int) -> list[Delivery]:
        """The first `count` runs with a tag of at least `tag`, left in place."""
        at = max(self._head, self._at(tag))
        if at < len(self._runs) and self._runs[at].last < tag:
            at += 1
        return self._runs[at : at + count]

    def __iter__(self) -> Iterator[Delivery]:
        return iter(self._runs[self._head :])
