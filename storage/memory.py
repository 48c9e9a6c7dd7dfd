"""The journal that keeps its records in memory: durable at once, and gone with the process.

Must not: copy a message before somebody loads it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import cast

from mypy_extensions import mypyc_attr

from storage.journal import LOADED_RECORDS_MAX, Journal, Loaded, OnLoaded, Stream
from storage.ranges import RangeSet
from storage.status import OK, LogStatus


class MemoryStream(Stream):
    """A Stream of `MemoryJournal`."""

    __slots__ = ("_delivered", "_deliveries", "_is_reopened", "_journal", "_runs", "_settled")

    def __init__(self, stream_id: int, journal: MemoryJournal) -> None:
        super().__init__(stream_id, 1)
        self._journal = journal
        self._runs: list[Loaded] = []
        self._settled = RangeSet()
        self._deliveries: dict[int, int] = {}
        self._delivered = 0  # everything below may have been delivered
        self._is_reopened = False

    def add(self, run: Loaded) -> None:
        """Takes messages with the next numbers."""
        self._runs.append(run)
        self.next += len(run.items)

    def waiting(self) -> tuple[int, int, int]:
        """How many messages are not settled, how many bytes their items have, and the number of the first."""
        runs = [run for one in self._runs for run in self._needed(one, 0)]
        first = runs[0].first if runs else self.next
        return sum(len(run.items) for run in runs), sum(len(item) for run in runs for item in run.items), first

    def may_expire(self) -> bool:
        """Whether a message that was there at the start may have an expiry: there was none unless it was reopened."""
        return self._is_reopened

    def settle(self, first: int, stop: int, size_bytes: int) -> None:
        """These messages are not needed any more."""
        assert size_bytes >= 0
        self._settled.add(first, stop)
        runs, done = self._runs, 0
        while done < len(runs) and self._settled.next_gap(runs[done].first) >= runs[done].first + len(runs[done].items):
            done += 1
        del runs[:done]

    def mark_delivered(self, stop: int) -> None:
        """Everything below `stop` may have been delivered once, which `reopen` wants to know."""
        self._delivered = max(self._delivered, stop)

    def reopen(self) -> None:
        """A new broker takes over: what the last one had handed out and nobody settled has been delivered before."""
        self._is_reopened = True
        self.in_order = False
        for run in self._runs:
            for first, stop in self._settled.gaps(run.first, min(run.first + len(run.items), self._delivered)):
                for number in range(first, stop):
                    self._deliveries.setdefault(number, 1)

    def set_deliveries(self, first: int, stop: int, deliveries: int) -> None:
        """These messages are being delivered for the `deliveries`th time."""
        self._deliveries.update(dict.fromkeys(range(first, stop), deliveries))

    def load(self, first: int, size_bytes: int, on_loaded: OnLoaded) -> None:
        """Hands out waiting messages from number `first` on, about `size_bytes` of them."""
        found: list[Loaded] = []
        at = max(0, bisect_right(self._runs, first, key=_first) - 1)
        stop, size, records = first, 0, 0
        for run in self._runs[at:]:
            stop = run.first + len(run.items)
            if stop <= first:
                continue
            found += self._needed(run, first)
            size += sum(map(len, run.items))
            records += 1
            if size >= size_bytes or records == LOADED_RECORDS_MAX:
                break
        else:
            stop = self.next
        on_loaded(found, stop)

    def survey(self, first: int, size_bytes: int, head_bytes: int, on_loaded: OnLoaded) -> None:
        """As `load`, with empty items and the first `head_bytes` of each head."""

        def cut(runs: Sequence[Loaded], next_number: int) -> None:
            on_loaded([run._replace(items=[b""] * len(run.items), head=run.head[:head_bytes]) for run in runs],
                      next_number)  # fmt: skip

        self.load(first, size_bytes, cut)

    def _needed(self, run: Loaded, lowest: int) -> Iterator[Loaded]:
        for start, stop in self._settled.gaps(max(lowest, run.first), run.first + len(run.items)):
            for first in range(start, stop) if self._deliveries else (start,):
                items = run.items[first - run.first : (first + 1 if self._deliveries else stop) - run.first]
                yield run._replace(first=first, items=items, deliveries=self._deliveries.get(first, 0))

    def drop(self) -> None:
        """The stream ends with all that is in it."""
        self._runs.clear()
        self._journal.forget(self.id)


def _first(run: Loaded) -> int:
    return run.first


@mypyc_attr(allow_interpreted_subclasses=True)
class MemoryJournal(Journal):
    """A Journal without a disk: what is appended counts as durable from the next commit on."""

    __slots__ = ("_durable", "_is_grouping", "_last", "_streams", "_written")

    def __init__(self) -> None:
        super().__init__()
        self._streams: dict[int, MemoryStream] = {}
        self._last = 0
        self._durable = 0
        self._is_grouping = False
        self._written = 0

    @property
    def durable(self) -> int:
        """The position up to which nothing is lost any more."""
        return self._durable

    @property
    def written(self) -> int:
        """The position up to which messages can be loaded."""
        return self._written

    @property
    def state(self) -> str:
        """Always OK."""
        return OK

    def stream(self, stream_id: int) -> Stream:
        """The stream of that id, with what is in it, or a new one."""
        return self._streams.setdefault(stream_id, MemoryStream(stream_id, self))

    def stream_ids(self) -> list[int]:
        """The streams there are."""
        return list(self._streams)

    def reopen(self) -> None:
        """Is to be used by a new broker, as a log is after a restart."""
        for stream in self._streams.values():
            stream.reopen()

    def forget(self, stream_id: int) -> None:
        """A stream has ended."""
        self._streams.pop(stream_id, None)

    def append(
        self, targets: Sequence[tuple[Stream, int]], stamp_ms: int, head: bytes, items: Sequence[bytes]
    ) -> tuple[int, int]:
        """Appends messages of equal size to streams, each with its expiry (absolute, in ms; 0: never).

        Returns: the position, and the share_bytes of each message in each stream.
        """
        self._last += 1
        share_bytes = (len(head) + sum(map(len, items))) // (len(items) * len(targets))
        for stream, expires_ms in targets:
            run = Loaded(stream.next, list(items), head, stamp_ms, expires_ms, 0, share_bytes)
            cast("MemoryStream", stream).add(run)
        return self._last, share_bytes

    def begin(self) -> None:
        """What follows, up to `end`, stands or falls together, as everything does here."""
        assert not self._is_grouping, "groups do not nest"
        self._is_grouping = True

    def end(self) -> int:
        """Ends what `begin` began; returns its position, 0 where nothing was done."""
        assert self._is_grouping, "a group was begun"
        self._is_grouping = False
        return self._last

    def is_grouping(self) -> bool:
        """Whether `begin` was called, and `end` not yet."""
        return self._is_grouping

    def commit(self, is_awaited: bool) -> None:
        """Makes everything appended so far durable and says so."""
        assert is_awaited in (True, False)
        self._written = self._last
        if self._durable < self._last:
            self._durable = self._last
            self.on_durable(self._last)

    def backlog_bytes(self) -> int:
        """What was appended and is not written yet: nothing waits here."""
        return 0

    def is_committing(self) -> bool:
        """Whether a commit is under way: they end at once here."""
        return False

    def has_uncommitted(self) -> bool:
        """Whether a commit would hand anything on."""
        return self.durable < self._last

    def make_room(self) -> None:
        """Takes no room on a disk."""

    def status(self) -> LogStatus:
        """How it does: it has no disk to tell of."""
        return LogStatus(self.state, written=self.written, durable=self.durable)

    def close(self) -> None:
        """Commits what is left."""
        self.commit(True)
