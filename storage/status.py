"""How a log does, for people: its state, its size and what has happened to it, copied at one moment.

Must not: change anything, or know the time; who measures is handed a clock.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import Final

OK: Final = "ok"
FULL: Final = "full"  # the disk has no room: nothing is confirmed until it has
FAILED: Final = "failed"  # a write or sync failed: nothing is confirmed any more, for good

SYNC_NS_BOUNDS: Final = tuple(us * 1000 for us in (
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000,
    10_000_000,
))  # fmt: skip
COMMIT_BYTES_BOUNDS: Final = tuple(4**power for power in range(4, 14))  # 256 bytes to 64 MiB


@dataclass(frozen=True, slots=True)
class Distribution:
    """How many values were at most each bound and above the one before; one more count for those above all."""

    bounds: tuple[int, ...]
    counts: tuple[int, ...]
    total: int

    @property
    def count(self) -> int:
        """How many values there were."""
        return sum(self.counts)


NO_VALUES: Final = Distribution((), (0,), 0)


class Histogram:
    """Counts values by size; one thread adds, any may copy."""

    __slots__ = ("_bounds", "_counts", "_total")

    def __init__(self, bounds: tuple[int, ...]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._total = 0

    def add(self, value: int, times: int = 1) -> None:
        """Counts a value."""
        self._counts[bisect_left(self._bounds, value)] += times
        self._total += value * times

    def copy(self) -> Distribution:
        """What has been counted so far."""
        return Distribution(self._bounds, tuple(self._counts), self._total)


@dataclass(frozen=True, slots=True)
class LogStatus:
    """A log at one moment; counts are since the start, sizes in bytes, `sync_ns` in nanoseconds."""

    state: str  # ok, full or failed
    reason: str = ""  # of a state that is not ok, for people
    fsync: str = ""  # when it is synced: always, interval or never; empty where there is no disk
    log_bytes: int = 0
    live_bytes: int = 0  # about what of that is still needed
    segments: int = 0
    written: int = 0  # the position up to which the system has it
    durable: int = 0  # the position up to which the disk has it, as far as confirms ask
    backlog_bytes: int = 0  # appended and not written yet
    commits: int = 0
    written_bytes: int = 0
    appended_entries: int = 0
    loads: int = 0
    loaded_messages: int = 0
    loaded_bytes: int = 0
    deleted_segments: int = 0
    compacted_segments: int = 0
    compacted_bytes: int = 0
    damaged_records: int = 0
    damaged_bytes: int = 0
    kept_segments: int = 0  # in which nothing waits
    kept_bytes: int = 0
    sync_ns: Distribution = NO_VALUES
    commit_bytes: Distribution = NO_VALUES
