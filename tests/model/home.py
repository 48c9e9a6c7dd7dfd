"""Where the real broker of a model test lives: in memory, or on a test disk that it can be started on again.

Must not: know what should be there; the naive broker does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Final, NamedTuple

from broker.queues.paging import Limits, MemoryBudget
from storage.commit import NEVER, Timers
from storage.definitions_disk import MemoryDisk
from storage.journal import Journal, Loaded, Stream
from storage.local import LocalJournal, LogSettings
from storage.status import FAILED
from storage.worker import InlineWorker
from tests.support.faulty_files import SYNC, FaultyFiles
from tests.support.manual_worker import ManualWorker
from tests.support.sansio import START_MS, SansBroker

SETTINGS: Final = LogSettings(segment_bytes=2048, index_bytes=600)
SPOOL_SETTINGS: Final = replace(SETTINGS, fsync=NEVER)
LIMITS: Final = Limits(
    queue_bytes_max=4000, transient_bytes_max=4000, queue_bytes_min=1800, chunk_bytes=300, low_bytes=1600,
    step_bytes=700,
)  # fmt: skip
BUDGET_BYTES: Final = 7000  # for all queues: some nine batches
WORK_MAX: Final = 10_000
KILL: Final = "kill"
POWER_CUT: Final = "power cut"
STOP: Final = "stop"


class MemoryHome:
    """A broker that keeps nothing; everything it does is done at once."""

    is_late = False
    is_at_rest = True
    is_all_noted = True
    end = 0

    def __init__(self) -> None:
        self.broker = SansBroker()

    def work(self, _pieces: int) -> None:
        """Nothing waits for a disk."""

    def finish(self) -> None:
        """Nothing waits for a disk."""

    def mark(self) -> int:
        """How far the disk is."""
        return 0

    def is_synced_since(self, _mark: int) -> bool:
        """Whether the log was synced since."""
        return True


class Found(NamedTuple):
    """A message in the log: in which level, its body, when it expires, how often it may have been delivered."""

    level: int
    body: bytes
    expires_ms: int
    deliveries: int


class DurableHome:
    """A broker on a disk in memory, with segments and limits so small that little is enough to reach everything.

    Its workers do their work at once, or (`is_late`) when `work` and `finish` let them.
    """

    def __init__(self, is_late: bool, seed: int, reached: Counter[str]) -> None:
        self.is_late = is_late
        self.files = FaultyFiles()
        self.reached = reached  # what happened in all runs together
        self._random = Random(seed)
        self._boot = 1
        self._start(MemoryDisk(), START_MS)

    def _start(self, disk: MemoryDisk, now_ms: int) -> None:
        self._late = [ManualWorker() for _ in range(4)] if self.is_late else []
        self._disk = disk
        self.broker = SansBroker(
            disk=disk, journal=self._open, budget=MemoryBudget(BUDGET_BYTES, LIMITS), now_ms=now_ms,
            spool=self._open_spool,
        )  # fmt: skip

    def _open(self, timers: Timers, clock_ms: Callable[[], int]) -> Journal:
        workers = self._late[:2] or [InlineWorker(), InlineWorker()]
        self.journal = LocalJournal(self.files, *workers, timers, clock_ms, SETTINGS, boot=self._boot)
        return self.journal

    def _open_spool(self, timers: Timers, clock_ms: Callable[[], int]) -> Journal:
        workers = self._late[2:] or [InlineWorker(), InlineWorker()]
        self.reached["spools"] += 1
        return LocalJournal(FaultyFiles(), *workers, timers, clock_ms, SPOOL_SETTINGS, boot=self._boot)

    # ---- the disk

    @property
    def is_at_rest(self) -> bool:
        """Whether nothing waits for the disk."""
        return not any(self._late)

    def work(self, pieces: int) -> None:
        """Lets the workers do so many pieces, and the broker what follows from each."""
        loaded = self.journal.keeping.counters.loaded
        for _ in range(pieces):
            ready = [worker for worker in self._late if len(worker)]
            if not ready:
                break
            self._random.choice(ready).run_one()
            self.broker.turn()
        self.reached["late loads"] += self.is_late and self.journal.keeping.counters.loaded > loaded

    def finish(self) -> None:
        """Lets the workers do everything."""
        self.work(WORK_MAX)
        assert self.is_at_rest, "the workers never come to rest"

    @property
    def end(self) -> int:
        """Where the log ends, as far as was asked for."""
        return self.journal.appender.end

    @property
    def is_all_noted(self) -> bool:
        """Whether everything settled has a record in the log."""
        return not self.journal._touched and not self.journal._dropped

    def mark(self) -> int:
        """How far the disk is, for `is_synced_since`."""
        return len(self.files.trace)

    def is_synced_since(self, mark: int) -> bool:
        """Whether the log was synced since."""
        calls = self.files.trace[mark:]
        return any(call.kind == SYNC and call.name.endswith(".log") for call in calls)

    @property
    def is_all_durable(self) -> bool:
        """Whether nothing is left to be written."""
        return self.is_all_noted and self.journal.durable == self.end

    # ---- the end of one life, and the next one

    def count(self) -> None:
        """Notes what the log of this life has come to."""
        counters = self.journal.keeping.counters
        self.reached["loaded"] += counters.loaded
        self.reached["deleted segments"] += counters.deleted_segments
        self.reached["compacted segments"] += counters.compacted_segments

    def crash(self, how: str, seed: int) -> float:
        """Ends the broker; returns the position up to which nothing may be missing."""
        self.count()
        has_lost_pages = self.journal.state == FAILED
        limit: float = self.journal.durable if how == POWER_CUT or has_lost_pages else self.journal.written
        if how == STOP:
            self.broker.node.journal.close()
            limit = float("inf")
        self.files = self.files.after_power_cut(seed) if how == POWER_CUT else self.files.after_kill()
        self._boot += how == POWER_CUT
        self.reached[how] += 1
        return limit

    def find(self) -> dict[str, list[Found]]:
        """What a start on a copy of the folder finds, by queue, in the order of each level."""
        now_ms = self.broker.clock.now_ms()
        files = self.files.after_kill()

        def open_copy(timers: Timers, clock_ms: Callable[[], int]) -> Journal:
            workers = InlineWorker(), InlineWorker()
            return LocalJournal(files, *workers, timers, clock_ms, SETTINGS, boot=self._boot)

        vhost = SansBroker(disk=self._copied(), journal=open_copy, now_ms=now_ms).vhost
        return {
            name: [found for stream in queue.ready.streams() for found in _everything(stream)]
            for name, queue in vhost.queues.items()
        }

    def _copied(self) -> MemoryDisk:
        disk = MemoryDisk()
        disk.entries = dict(self._disk.entries)
        return disk

    def restart(self) -> None:
        """A new broker on the folder."""
        self._start(self._copied(), self.broker.clock.now_ms())


def _everything(stream: Stream) -> list[Found]:
    found: list[Found] = []
    at = 1

    def loaded(runs: list[Loaded], following: int) -> None:
        nonlocal at
        for run in runs:
            found.extend(Found(stream.id & 0xFF, body, run.expires_ms, run.deliveries) for body in run.items)
        at = following

    while at < stream.next:
        before = at
        stream.load(at, 1 << 20, loaded)  # type: ignore[arg-type]
        assert at > before, "a load that leads nowhere"
    return found
