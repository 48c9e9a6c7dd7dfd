"""A look through all objects waits for a quiet moment, but not for ever."""

from __future__ import annotations

import gc
import subprocess
import sys

import pytest

from broker.collector import (
    ENDED_MAX,
    ENDED_MIN,
    LOOK_MS_MAX,
    LOOK_MS_MIN,
    QUIET_TURNS,
    YOUNG_OBJECTS,
    Collector,
)

BUSY = QUIET_TURNS + 1


class Looks:
    """Counts looks through everything."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> None:
        self.count += 1


@pytest.mark.parametrize(
    ("passed_ms", "ended", "turns", "looks"),
    [
        (1, ENDED_MIN - 1, QUIET_TURNS, 0),
        (1, ENDED_MIN, QUIET_TURNS, 1),
        (1, ENDED_MIN, BUSY, 0),
        (1, ENDED_MAX - 1, BUSY, 0),
        (1, ENDED_MAX, BUSY, 1),
        (LOOK_MS_MIN - 1, 0, QUIET_TURNS, 0),
        (LOOK_MS_MIN, 0, QUIET_TURNS, 1),
        (LOOK_MS_MIN, 0, BUSY, 0),
        (LOOK_MS_MAX, 0, BUSY, 1),
    ],
)
def test_when_it_is_time(passed_ms: int, ended: int, turns: int, looks: int) -> None:
    looked = Looks()
    Collector(5, looked).ask(5 + passed_ms, ended, turns)
    assert looked.count == looks


def test_after_a_look_everything_counts_anew() -> None:
    looked = Looks()
    collector = Collector(0, looked)
    collector.ask(1, ENDED_MAX, BUSY)
    collector.ask(2, ENDED_MAX + ENDED_MIN - 1, BUSY)  # no turn since: quiet
    assert looked.count == 1
    collector.ask(3, ENDED_MAX + ENDED_MIN, BUSY)
    assert looked.count == 2
    collector.ask(3 + LOOK_MS_MIN - 1, ENDED_MAX + ENDED_MIN, BUSY)
    assert looked.count == 2


def test_only_young_objects_are_looked_at_by_themselves() -> None:
    assert gc.isenabled()
    program = (
        "import gc; from broker.collector import settle; settle()\n"
        "seen = []; gc.callbacks.append(lambda phase, info: seen.append(info['generation']))\n"
        f"kept = [[] for _ in range({YOUNG_OBJECTS * 200})]\n"
        "print(len(seen), max(seen), gc.get_freeze_count() > 0)"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    looks, oldest, has_frozen = told.stdout.split()
    assert (int(looks) > 100, has_frozen) == (True, "True")
    if sys.version_info < (3, 14):
        assert oldest == "1"
