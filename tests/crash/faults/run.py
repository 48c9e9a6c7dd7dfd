"""One life of a journal on a test disk, and the same asked of a Promise: whatever is done is done to both.

Must not: decide what is done; the workload does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from broker.clock import Deadlines, ManualClock
from storage.journal import Loaded, Stream
from storage.local import LocalJournal, LogSettings
from storage.status import OK
from tests.crash.faults.promise import Observed, Promise, Seen
from tests.support.faulty_files import FaultyFiles
from tests.support.manual_worker import ManualWorker

START_MS: Final = 1_700_000_000_000
SETTINGS: Final = LogSettings(segment_bytes=4096, index_bytes=1024)
LOADS_MAX: Final = 100_000
ROUNDS_MAX: Final = 10_000


class Life:
    """A journal that is open, with workers, timers and a clock that move when told to."""

    def __init__(
        self, files: FaultyFiles, now_ms: int = START_MS, boot: int = 1, settings: LogSettings = SETTINGS
    ) -> None:
        self.files = files
        self.clock = ManualClock(now_ms)
        self.deadlines = Deadlines()
        self.writer, self.reader = ManualWorker(), ManualWorker()
        self.states: list[tuple[str, str]] = []
        self.durable_told: list[int] = []
        self.journal = LocalJournal(
            files, self.writer, self.reader, self.deadlines, self.clock.now_ms, settings, boot=boot
        )
        self.journal.on_durable = self.durable_told.append
        self.journal.on_state = lambda state, text: self.states.append((state, text))

    def work(self) -> bool:
        """Does all that the workers have to do; whether there was anything."""
        worked = False
        for _ in range(ROUNDS_MAX):
            if not (self.writer.run_one() or self.reader.run_one()):
                return worked
            worked = True
        raise AssertionError("the workers never come to rest")

    def advance(self, by_ms: int) -> None:
        """Lets time pass, and what falls due with it happen."""
        end_ms = self.clock.now_ms() + by_ms
        while (due_ms := self.deadlines.next_due_ms()) is not None and due_ms <= end_ms:
            self.clock.advance(max(0, due_ms - self.clock.now_ms()))
            self.deadlines.run_due(self.clock.now_ms())
            self.work()
        self.clock.advance(end_ms - self.clock.now_ms())

    def commit(self) -> None:
        """Commits, and waits until that is durable."""
        self.journal.commit(True)
        self.work()

    def load(self, stream: Stream, size_bytes: int = 1 << 20) -> list[Loaded]:
        """All that waits in a stream, in order."""
        found: list[Loaded] = []
        at = 0
        for _ in range(LOADS_MAX):
            answers: list[tuple[list[Loaded], int]] = []
            stream.load(at, size_bytes, lambda runs, go_on, into=answers: into.append((list(runs), go_on)))
            self.work()
            assert len(answers) == 1, "a load is answered once"
            runs, go_on = answers[0]
            found += runs
            if go_on >= stream.next or (go_on <= at and not runs):
                return found
            assert go_on > at, "a load goes on"
            at = go_on
        raise AssertionError("loading has no end")

    def observe(self, size_bytes: int = 1 << 20) -> Observed:
        """All that is there."""
        waiting: dict[int, dict[int, Seen]] = {}
        next_numbers: dict[int, int] = {}
        for stream_id in sorted(self.journal.stream_ids()):
            stream = self.journal.stream(stream_id)
            there: dict[int, Seen] = {}
            for run in self.load(stream, size_bytes):
                for number, item in enumerate(run.items, run.first):
                    assert number > max(there, default=0), f"{stream_id}/{number} is out of order"
                    there[number] = Seen(item, run.head, run.stamp_ms, run.expires_ms, run.deliveries)
            count, _, first = stream.waiting()
            assert count == len(there), f"stream {stream_id} says {count} wait, {len(there)} do"
            assert not there or first <= min(there), f"stream {stream_id} says its first is {first}"
            waiting[stream_id] = there
            next_numbers[stream_id] = stream.next
        return Observed(waiting, next_numbers)


class Run(Life):
    """A life whose doings are noted."""

    def __init__(
        self, files: FaultyFiles, now_ms: int = START_MS, boot: int = 1, promise: Promise | None = None,
        settings: LogSettings = SETTINGS,
    ) -> None:  # fmt: skip
        self.promise = promise or Promise()
        super().__init__(files, now_ms, boot, settings)
        self.shares: dict[tuple[int, int], int] = {}
        self.journal.on_durable = self._on_durable
        self.promise.durable = self.journal.durable

    def _on_durable(self, position: int) -> None:
        assert position > self.promise.durable, "the watermark rises"
        assert position == self.journal.durable
        self.promise.durable = position
        self.durable_told.append(position)

    def append(self, targets: Sequence[tuple[int, int]], stamp_ms: int, head: bytes, items: Sequence[bytes]) -> int:
        """Appends messages to streams, given as their ids and expiries; returns the position."""
        streams = [(self.journal.stream(stream), expires_ms) for stream, expires_ms in targets]
        firsts = [stream.next for stream, _ in streams]
        change = self.promise.append(targets, stamp_ms, head, items)
        position, share_bytes = self.journal.append(streams, stamp_ms, head, list(items))
        self.promise.positioned(change, position)
        for (stream, _), first in zip(targets, firsts, strict=True):
            assert self.promise.next[stream] == self.journal.stream(stream).next == first + len(items)
            self.shares.update(
                dict.fromkeys(((stream, number) for number in range(first, first + len(items))), share_bytes)
            )
        return position

    def settle(self, stream: int, first: int, stop: int) -> None:
        """Settles messages, which all wait."""
        size_bytes = sum(self.shares.get((stream, number), 0) for number in range(first, stop))
        self.promise.settle(stream, first, stop)
        self.journal.stream(stream).settle(first, stop, size_bytes)

    def mark_delivered(self, stream: int, stop: int) -> None:
        """Marks everything below as delivered."""
        self.journal.stream(stream).mark_delivered(stop)
        self.promise.mark_delivered(stream, stop)

    def set_deliveries(self, stream: int, first: int, stop: int, deliveries: int) -> None:
        """Says how often these were delivered."""
        self.promise.set_deliveries(stream, first, stop, deliveries)
        self.journal.stream(stream).set_deliveries(first, stop, deliveries)

    def drop(self, stream: int) -> None:
        """Ends a stream."""
        self.promise.drop(stream)
        self.journal.stream(stream).drop()

    def begin(self) -> None:
        """Begins a group."""
        self.promise.begin()
        self.journal.begin()

    def end(self) -> None:
        """Ends it."""
        self.promise.end(self.journal.end())

    def ask(self, is_awaited: bool) -> None:
        """Commits, and waits for nothing."""
        self.promise.committed()
        self.journal.commit(is_awaited)

    def commit(self) -> None:
        """Commits, and waits until that is durable."""
        self.ask(True)
        self.work()

    def close(self) -> None:
        """Ends in order."""
        self.promise.committed()
        self.journal.close()
        self.promise.durable = max(self.promise.durable, self.journal.durable)
        if self.journal.state == OK:
            self.promise.closed()
