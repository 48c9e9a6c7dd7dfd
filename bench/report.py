"""Figures as a table in Markdown. Must not: compute any but the ratio."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bench.apart import Figures
from bench.arithmetic import ratio

LABELS = {
    "rate": "rate per s",
    "cpu_us": "broker CPU µs",
    "generator_cpu_us": "generator CPU µs",
    "publish_rate": "published, per s",
    "publish_cpu_us": "published, broker CPU µs",
    "publish_client_us": "published, client CPU µs",
    "consume_rate": "consumed, per s",
    "consume_cpu_us": "consumed, broker CPU µs",
    "consume_client_us": "consumed, client CPU µs",
    "client_cpu_us": "worker and producer CPU µs",
    "broker_share": "broker CPU, % of worker's and producer's (mark: below 3)",
    "generator_rate": "generator alone, by its CPU, per s (mark: 2,000,000)",
    "memory_peak_mb": "memory peak MB",
    "reader_memory_kb": "memory per reader KB",
    "p50_us": "p50 µs",
    "p99_us": "p99 µs",
    "p999_us": "p99.9 µs",
    "sent_p50_us": "p50 µs since sent",
    "sent_p99_us": "p99 µs since sent",
    "sent_p999_us": "p99.9 µs since sent",
    "beside_rate": "rate beside, per s",
    "ask_stall_ms": "longest stall while asked for everything, at most ms (mark: 5)",
    "flood_stall_ms": "longest stall at full speed, at most ms",
    "heartbeat_gap_ms": "longest time between two heartbeats ms",
    "memory_after_mb": "memory afterwards MB",
    "start_ms": "start to first handshake ms",
    "idle_mb": "memory at rest MB",
    "connections_mb": "memory per 1,000 MB",
    "queues_mb": "memory per 10,000 MB",
    "disk_syncs": "the disk's own fdatasyncs per s",
    "disk_write_mb": "the disk's own sequential write MB per s",
    "per_sync": "messages confirmed per fdatasync of the disk",
    "fill_rate": "filled, per s",
    "gone_rate": "gone, per s",
    "gone_cpu_us": "gone, broker CPU µs",
    "memory_rest_mb": "memory before MB",
    "memory_full_mb": "memory full MB",
    "fill_cpu_us": "filled, broker CPU µs",
    "drain_rate": "drained, per s",
    "drain_cpu_us": "drained, broker CPU µs",
    "memory_drained_mb": "memory drained MB",
    "memory_message_bytes": "memory per waiting message B",
    "disk_message_bytes": "disk per waiting message B",
    "memory_acked": "from memory, acked, per s",
    "memory_auto": "from memory, auto-ack, per s",
    "deep_acked": "from the full queue, acked, per s",
    "deep_auto": "from the full queue, auto-ack, per s",
    "cold_acked": "from disk after a restart, acked, per s",
    "cold_auto": "from disk after a restart, auto-ack, per s",
    "deep_acked_ratio": "full queue ÷ memory, acked (mark: 0.5 or more)",
    "deep_auto_ratio": "full queue ÷ memory, auto-ack (mark: 0.5 or more)",
    "cold_acked_ratio": "disk ÷ memory, acked (mark: 0.5 or more)",
    "cold_auto_ratio": "disk ÷ memory, auto-ack (mark: 0.5 or more)",
    "waiting": "messages waiting before",
    "empty_ms": "start to first handshake, nothing stored, ms",
    "killed_handshake_ms": "after kill -9: start to first handshake ms",
    "killed_ready_ms": "after kill -9: start to all messages ready ms",
    "killed_there": "after kill -9: messages there",
    "stopped_handshake_ms": "after SIGTERM: start to first handshake ms",
    "stopped_ready_ms": "after SIGTERM: start to all messages ready ms",
    "stopped_there": "after SIGTERM: messages there",
    "memory_killed_mb": "after kill -9: memory MB",
    "memory_stopped_mb": "after SIGTERM: memory MB",
    "stop_ms": "SIGTERM to the end ms",
    "written_mb": "published MB",
    "segment_mb": "segment MB",
    "live_mb": "live MB",
    "disk_mb": "disk, settled, MB",
    "disk_live": "disk ÷ live",
    "disk_segments": "disk, in segments",
    "disk_bound": "disk ÷ (twice live + 2 segments) (mark: below 1)",
    "settle_s": "until it had settled s",
    "purged_mb": "disk after a purge MB",
    "refilled_mb": "disk with the queue full again MB",
    "deleted_mb": "disk after the queues' deletion MB",
}
MISSING = "n/a"


def shown(value: float | None) -> str:
    """A figure with about three digits that count."""
    if value is None:
        return MISSING
    if not value:
        return "0"
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
