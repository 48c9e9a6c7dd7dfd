"""How fast the load is without a broker: `python -m bench --self-test` runs it against a stand-in that only counts.

Must not: start a broker.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from bench import report, stand_in
from bench.apart import Figures
from bench.arithmetic import medians
from bench.load import run_apart
from bench.rig import Load

MARK_PER_S = 2_000_000
REPS = 3
SHOWN = ("rate", "generator_cpu_us", "generator_rate", "cpu_us")
# `sharing`, because the stand-in numbers bodies in its own way: the order of one queue for several is not looked at.
LOADS = {
    "auto-ack, 100 B": Load(sharing=1),
    "acked one by one, prefetch 100, 100 B": Load(sharing=1, prefetch=100),
    "acked one by one, prefetch 500, 100 B": Load(sharing=1, prefetch=500),
    "confirms 500, acked one by one, prefetch 500, 100 B": Load(sharing=1, confirms=500, prefetch=500),
    "each with a message-id of its own, confirms 500, auto-ack, 100 B": Load(sharing=1, confirms=500, own_ids=True),
}


@contextmanager
def standing_in(*flags: str) -> Iterator[tuple[int, int]]:
    """A stand-in that runs: its port and its process id."""
    command = [sys.executable, "-m", "bench.stand_in", *flags]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield int(process.stdout.readline()), process.pid
        finally:
            process.kill()


def measure(load: Load, seconds: float, *flags: str) -> Figures:
    """The medians of some runs against the stand-in; `generator_rate` is what the load's CPU time would allow alone."""
    runs = []
    with standing_in(*flags) as (port, pid):
        for _ in range(REPS):
            figures = run_apart(replace(load, seconds=seconds), "127.0.0.1", port, [pid])
            own_us = figures["generator_cpu_us"]
            runs.append(figures | {"generator_rate": 1e6 / own_us if own_us else None})
    return medians(runs)


def run(seconds: float) -> bool:
    """Prints a table; returns whether every load keeps up with MARK_PER_S."""
    print(report.header(["stand-in"]), flush=True)
    keeps_up = True
    for flags, how in (((), ""), ((stand_in.SINGLE,), ", each confirmed by a frame of its own")):
        for title, load in LOADS.items():
            if flags and not load.confirms:
                continue
            figures = measure(load, seconds, *flags)
            print(report.rows(title + how, SHOWN, {"stand-in": figures}), flush=True)
            keeps_up &= (figures["generator_rate"] or 0) >= MARK_PER_S
    print(f"every load {'keeps' if keeps_up else 'does not keep'} up with {MARK_PER_S:,} messages a second")
    return keeps_up
