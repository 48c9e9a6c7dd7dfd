"""Figures as a table in Markdown. Must not: compute any but the ratio."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bench.arithmetic import ratio
from bench.load import Figures

LABELS = {
    "rate": "rate per s",
    "cpu_us": "broker CPU µs",
    "generator_cpu_us": "generator CPU µs",
    "memory_peak_mb": "memory peak MB",
    "p50_us": "p50 µs",
    "p99_us": "p99 µs",
    "p999_us": "p99.9 µs",
    "sent_p50_us": "p50 µs since sent",
    "sent_p99_us": "p99 µs since sent",
    "beside_rate": "rate beside, per s",
    "start_ms": "start to first handshake ms",
    "idle_mb": "memory at rest MB",
    "connections_mb": "memory per 1,000 MB",
    "queues_mb": "memory per 10,000 MB",
}
MISSING = "n/a"


def shown(value: float | None) -> str:
    """A figure with about three digits that count."""
    if value is None:
        return MISSING
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}"


def header(names: Sequence[str]) -> str:
    """The table's first two lines; the first broker is ours."""
    columns = ["scenario", "figure", *names, *(f"{names[0]} / {name}" for name in names[1:])]
    rule = ["---", "---", *("---:" for _ in columns[2:])]
    return "\n".join("| " + " | ".join(line) + " |" for line in (columns, rule))


def rows(title: str, figures: Sequence[str], results: Mapping[str, Figures]) -> str:
    """A scenario's lines: one per figure, with every broker's median and our share of the others'."""
    lines = []
    for at, figure in enumerate(figures):
        ours, *others = [result.get(figure) for result in results.values()]
        cells = [shown(ours), *map(shown, others), *(shown(ratio(ours, other)) for other in others)]
        lines.append("| " + " | ".join([title if at == 0 else "", LABELS[figure], *cells]) + " |")
    return "\n".join(lines)
