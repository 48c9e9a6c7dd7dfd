"""Medians, percentiles, ratios and due times. Must not: read a clock or a file."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence


def percentile(values: Sequence[float], share: float) -> float | None:
    """The value at or below which `share` (0 to 1) of the values lie (nearest rank); None without values."""
    if not values:
        return None
    ordered = sorted(values)
    rank = -(-len(ordered) * round(share * 1_000_000) // 1_000_000)  # ceiling, without a float's error
    return ordered[max(rank, 1) - 1]


def medians(runs: Sequence[Mapping[str, float | None]]) -> dict[str, float | None]:
    """The median of every figure over the runs that have it; None where none has."""
    result: dict[str, float | None] = {}
    for name in dict.fromkeys(name for run in runs for name in run):
        known = [value for run in runs if (value := run.get(name)) is not None]
        result[name] = statistics.median(known) if known else None
    return result


def ratio(ours: float | None, other: float | None) -> float | None:
    """Ours divided by the other's; None where one of them is missing or the other's is zero."""
    return ours / other if ours is not None and other else None


def mean(values: Sequence[float]) -> float:
    """The plain mean of at least one value."""
    return statistics.fmean(values)


def per_message_bytes(before: float | None, after: float | None, messages: int, unit: float = 1.0) -> float | None:
    """Growth spread over messages, in bytes; `before` and `after` count units of `unit` bytes."""
    if before is None or after is None or not messages:
        return None
    return (after - before) * unit / messages


def share_of_bound(used: float, live: float, segment: float) -> float:
    """Space used as a share of the most there may be: twice the live data and two segments (all in one unit)."""
    return used / (2 * live + 2 * segment)


def per_message_us(cpu_s: float | None, messages: int) -> float | None:
    """CPU seconds spread over messages, in microseconds."""
    return cpu_s * 1e6 / messages if cpu_s is not None and messages else None


def due_count(elapsed_ns: int, rate_per_s: int) -> int:
    """How many messages of an open-loop load are due so far; the first is due at once."""
    return elapsed_ns * rate_per_s // 1_000_000_000 + 1


def due_ns(number: int, rate_per_s: int) -> int:
    """When message `number` (from 0) is due, in nanoseconds from the start; the reverse of `due_count`."""
    return -(-number * 1_000_000_000 // rate_per_s)
