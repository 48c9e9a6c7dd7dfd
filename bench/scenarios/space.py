"""What stays on disk when most messages are gone and a few in every segment are not; then a purge, then a deletion."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from bench import disk
from bench.apart import Figures
from bench.arithmetic import ratio, share_of_bound
from bench.brokers import Broker, has_flag, own_broker
from bench.connection import Control
from bench.rig import BLOCK_MESSAGES
from bench.scenarios import filling
from bench.scenarios.scenario import Measure, Scenario
from bench.settings import MIB, Settings

SEGMENT_FLAG = "--segment-bytes"
SEGMENT_DEFAULT_BYTES = 64 * MIB
SIZE_BYTES = 1024
ROUNDS = 3  # of publishing and consuming
ROUND_SEGMENTS = 4
POLL_S = 0.1
QUIET_S = 1.5  # without a change it has settled, once it is below the bound
SETTLE_S_MAX = 30.0
SHOWN = (
    "written_mb", "segment_mb", "live_mb", "disk_mb", "disk_live", "disk_segments", "disk_bound", "settle_s",
    "memory_full_mb", "purged_mb", "refilled_mb", "deleted_mb",
)  # fmt: skip


class Settling:
    """Whether the space in use has come to rest: below its bound and unchanged for a while, or out of time."""

    def __init__(self, bound_bytes: float, now_s: float, used_bytes: int) -> None:
        self.used_bytes = used_bytes
        self._bound_bytes = bound_bytes
        self._start_s = self._changed_s = now_s

    @property
    def took_s(self) -> float:
        """Seconds until the last change."""
        return self._changed_s - self._start_s

    def is_over(self, now_s: float, used_bytes: int) -> bool:
        """Takes one look at the space in use; whether it was the last that is needed."""
        if used_bytes != self.used_bytes:
            self.used_bytes, self._changed_s = used_bytes, now_s
        if now_s - self._start_s >= SETTLE_S_MAX:
            return True
        return used_bytes < self._bound_bytes and now_s - self._changed_s >= QUIET_S


def _settle(read: Callable[[], int], bound_bytes: float) -> Settling:
    settling = Settling(bound_bytes, time.monotonic(), read())
    while not settling.is_over(time.monotonic(), read()):
        time.sleep(POLL_S)
    return settling


def _measure(every: int) -> Measure:
    def run(broker: Broker, settings: Settings) -> Figures:
        if broker.daemon is None:
            return {}  # its segments are not known
        if not has_flag(SEGMENT_FLAG):
            print(f"bench: space: brokerd has no {SEGMENT_FLAG}, taken as {SEGMENT_DEFAULT_BYTES}", file=sys.stderr)
            with own_broker(settings) as fresh:
                return _space(fresh, every, SEGMENT_DEFAULT_BYTES)
        with own_broker(settings, SEGMENT_FLAG, str(settings.segment_bytes)) as fresh:
            return _space(fresh, every, settings.segment_bytes)

    return run


def round_messages(segment_bytes: int) -> int:
    """Messages of one round: whole blocks that fill its segments."""
    blocks = -(-segment_bytes * ROUND_SEGMENTS // (SIZE_BYTES * BLOCK_MESSAGES))
    return blocks * BLOCK_MESSAGES


def _space(broker: Broker, every: int, segment_bytes: int) -> Figures:
    folder, count = broker.folder, round_messages(segment_bytes)
    assert folder is not None

    def used() -> int:
        return disk.used_bytes(folder)

    filling.declare(broker, filling.QUEUE, filling.STRAGGLERS)
    for _ in range(ROUNDS):
        filling.fill(broker, count, size_bytes=SIZE_BYTES, straggler_every=every)
        filling.drain(broker, count - count // every, True, size_bytes=SIZE_BYTES, straggler_every=every)
    live = ROUNDS * count // every * SIZE_BYTES
    settling = _settle(used, 2 * live + 2 * segment_bytes)
    bytes_used = settling.used_bytes
    figures: Figures = {
        "written_mb": ROUNDS * count * SIZE_BYTES / 1e6,
        "segment_mb": segment_bytes / 1e6,
        "live_mb": live / 1e6,
        "disk_mb": bytes_used / 1e6,
        "disk_live": ratio(bytes_used, live),
        "disk_segments": bytes_used / segment_bytes,
        "disk_bound": share_of_bound(bytes_used, live, segment_bytes),
        "settle_s": settling.took_s,
        "memory_full_mb": filling.resident_mb(broker),
    }
    return figures | _given_back(broker, used, count, segment_bytes)


def _given_back(broker: Broker, used: Callable[[], int], count: int, segment_bytes: int) -> Figures:
    """Purges what is left, fills a queue again, and deletes both."""
    control = Control(broker.host, broker.port)
    control.purge(filling.STRAGGLERS)
    control.close()
    purged = _settle(used, 2 * segment_bytes).used_bytes
    filling.fill(broker, count, size_bytes=SIZE_BYTES)
    refilled = used()
    filling.delete(broker, filling.QUEUE, filling.STRAGGLERS)
    deleted = _settle(used, 2 * segment_bytes).used_bytes
    return {"purged_mb": purged / 1e6, "refilled_mb": refilled / 1e6, "deleted_mb": deleted / 1e6}


SCENARIOS = [
    Scenario(
        f"space-{every}", f"1 message of {every:,} stays, 1 KB", shown=SHOWN, measure=_measure(every), reps=1,
        uses_disk=True, is_usual=False,
    )
    for every in (1000, 5)
]  # fmt: skip
