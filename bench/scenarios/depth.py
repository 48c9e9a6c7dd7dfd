"""A durable queue with very many waiting messages: what they take in memory and on disk, and how fast they leave.

A quarter each leaves acked and auto-acked from the process that was filled; then the broker is restarted (ours only)
and the files' cache dropped, so that the next two quarters come from the disk for certain. The same consumers on a
queue that was filled a moment before give the rates from memory.
"""

from __future__ import annotations

import sys

from bench import disk
from bench.apart import Figures
from bench.arithmetic import medians, per_message_bytes, ratio
from bench.brokers import Broker, Daemon, rested
from bench.scenarios import filling
from bench.scenarios.scenario import Measure, Scenario
from bench.settings import Settings

SHORT_MESSAGES = 200_000
SHORT_ROUNDS = 3
PARTS = 4
SHOWN = (
    "fill_rate", "memory_rest_mb", "memory_full_mb", "memory_message_bytes", "disk_message_bytes",
    "memory_acked", "memory_auto", "deep_acked", "deep_auto", "cold_acked", "cold_auto",
    "deep_acked_ratio", "deep_auto_ratio", "cold_acked_ratio", "cold_auto_ratio",
)  # fmt: skip


def _drain_two(broker: Broker, part: int, until: int, taken: int, unlike: bool, name: str) -> Figures:
    """Drains `part` acked and the rest up to message `until` auto-acked; `{name}_taken` is how far it came."""
    acked = filling.drain(broker, part, True, taken, unlike)
    taken += int(acked["messages"] or 0)
    if taken >= until:  # what was on its way filled the other part as well
        return {f"{name}_acked": acked["rate"], f"{name}_taken": taken}
    auto = filling.drain(broker, until - taken, False, taken, unlike)
    taken += int(auto["messages"] or 0)
    return {f"{name}_acked": acked["rate"], f"{name}_auto": auto["rate"], f"{name}_taken": taken}


def _full(broker: Broker, messages: int, unlike: bool, rest_mb: float | None) -> Figures:
    """Fills the queue and tells what that takes."""
    disk_before = disk.used_bytes(broker.folder) if broker.folder else None
    filled = filling.fill(broker, messages, unlike)
    full_mb = filling.resident_mb(broker)
    disk_after = disk.used_bytes(broker.folder) if broker.folder else None
    return {
        "fill_rate": filled["rate"],
        "memory_rest_mb": rest_mb,
        "memory_full_mb": full_mb,
        "memory_message_bytes": per_message_bytes(rest_mb, full_mb, messages, 1e6),
        "disk_message_bytes": per_message_bytes(disk_before, disk_after, messages),
    }


def _cold(daemon: Daemon, left: int, taken: int, unlike: bool) -> Figures:
    """Restarts the broker, drops the files' cache and drains the rest; nothing where not all of it came back."""
    daemon.stop()
    disk.forget(daemon.data)
    fresh = daemon.start()
    there = filling.depth(fresh) or 0
    if there != left:
        print(f"bench: depth: {there} of {left} there after a restart, none drained from disk", file=sys.stderr)
        return {}
    return _drain_two(fresh, left // 2, taken + left, taken, unlike, "cold")


def _deep(broker: Broker, messages: int, unlike: bool) -> Figures:
    rest_mb = filling.resident_mb(broker)
    filling.declare(broker, filling.QUEUE)
    try:
        figures = _full(broker, messages, unlike, rest_mb)
        figures |= _drain_two(broker, messages // PARTS, 2 * messages // PARTS, 0, unlike, "deep")
        taken = int(figures["deep_taken"] or 0)
        if broker.daemon and taken < messages:
            figures |= _cold(broker.daemon, messages - taken, taken, unlike)
    finally:
        filling.delete(broker, filling.QUEUE)
    return figures


def _from_memory(broker: Broker, messages: int, unlike: bool) -> Figures:
    """Rates of a queue that is short and was filled a moment before: medians of some rounds."""
    rounds = []
    for _ in range(SHORT_ROUNDS):
        filling.declare(broker, filling.QUEUE)
        filling.fill(broker, messages, unlike)
        rounds.append(_drain_two(broker, messages // 2, messages, 0, unlike, "memory"))
    filling.delete(broker, filling.QUEUE)
    return medians(rounds)


def with_ratios(figures: Figures) -> Figures:
    """Adds each rate's share of the same consumer's rate from memory."""
    ratios = {
        f"{where}_{kind}_ratio": ratio(figures.get(f"{where}_{kind}"), figures.get(f"memory_{kind}"))
        for where in ("deep", "cold")
        for kind in ("acked", "auto")
    }
    return figures | ratios


def _measure(unlike: bool) -> Measure:
    def run(broker: Broker, settings: Settings) -> Figures:
        with rested(broker, settings) as fresh:
            figures = _deep(fresh, settings.depth, unlike)
        with rested(broker, settings) as fresh:
            return with_ratios(figures | _from_memory(fresh, min(settings.depth, SHORT_MESSAGES), unlike))

    return run


SCENARIOS = [
    Scenario(
        f"depth-{name}", f"full durable queue, 100 B, {what}", shown=SHOWN, measure=_measure(unlike), reps=1,
        uses_disk=True, is_usual=False,
    )
    for name, what, unlike in (
        ("equal", "all messages alike but for the body", False),
        ("unlike", "each with properties of its own as Celery's tasks have", True),
    )
]  # fmt: skip
