"""What brokerctl top shows: queues in an order, their rates, and the broker in a line. Must not: ask, or draw."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

MIB: Final = 1024 * 1024
COLUMNS: Final = (
    "queue", "vhost", "ready", "unacked", "total", "consumers", "in_per_s", "out_per_s", "ack_per_s", "state",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Order:
    """A way to sort: the key that chooses it, the column, and what the API sorts by."""

    key: str
    column: str
    path: str
    is_reversed: bool = True


ORDERS: Final = (
    Order("i", "in_per_s", "message_stats.publish_details.rate"),
    Order("o", "out_per_s", "message_stats.deliver_get_details.rate"),
    Order("t", "total", "messages"),
    Order("r", "ready", "messages_ready"),
    Order("u", "unacked", "messages_unacknowledged"),
    Order("c", "consumers", "consumers"),
    Order("n", "queue", "name", False),
)
COUNTERS: Final = {"in_per_s": "publish", "out_per_s": "deliver_get", "ack_per_s": "ack"}
Row = dict[str, Any]


@dataclass(slots=True)
class Sample:
    """Counters of each queue at a moment."""

    at_s: float
    counts: dict[tuple[str, str], Mapping[str, Any]]


def sample(items: Iterable[Mapping[str, Any]], at_s: float) -> Sample:
    """What rates are made of with the next sample."""
    counts = {(str(item["vhost"]), str(item["name"])): item.get("message_stats") or {} for item in items}
    return Sample(at_s, counts)


def queue_rows(items: Iterable[Mapping[str, Any]], order: Order, now_s: float, before: Sample | None) -> list[Row]:
    """One row a queue, in this order; rates are those since the sample before, or else the API's own."""
    rows = [_row(item, now_s, before) for item in items]
    rows.sort(key=lambda row: (str(row["vhost"]), str(row["queue"])))
    rows.sort(key=lambda row: row[order.column], reverse=order.is_reversed)
    return rows


def _row(item: Mapping[str, Any], now_s: float, before: Sample | None) -> Row:
    stats = item.get("message_stats") or {}
    old = before.counts.get((item["vhost"], item["name"])) if before is not None else None
    passed_s = now_s - before.at_s if before is not None else 0.0
    return {
        "queue": item["name"], "vhost": item["vhost"], "ready": item.get("messages_ready", 0),
        "unacked": item.get("messages_unacknowledged", 0), "total": item.get("messages", 0),
        "consumers": item.get("consumers", 0), "state": item.get("state", ""),
        **{column: _rate(stats, name, old, passed_s) for column, name in COUNTERS.items()},
    }  # fmt: skip


def _rate(stats: Mapping[str, Any], name: str, old: Mapping[str, Any] | None, passed_s: float) -> float:
    if old is not None and passed_s > 0:
        grown = int(stats.get(name, 0)) - int(old.get(name, 0))
        return round(max(0, grown) / passed_s, 1)
    return round(float((stats.get(f"{name}_details") or {}).get("rate", 0.0)), 1)


def headline(overview: Mapping[str, Any], node: Mapping[str, Any]) -> str:
    """The broker in a line."""
    totals, messages = overview["object_totals"], overview.get("queue_totals") or {}
    alarms = [word for word, key in (("memory", "mem_alarm"), ("disk", "disk_free_alarm"), ("log", "log_alarm"))
              if node.get(key)]  # fmt: skip
    return (
        f"{overview.get('cluster_name', '')}  {totals['connections']} connections, {totals['channels']} channels, "
        f"{totals['queues']} queues, {totals['consumers']} consumers  {messages.get('messages_ready', 0)} ready, "
        f"{messages.get('messages_unacknowledged', 0)} unacked  {node.get('mem_used', 0) // MIB} MiB"
        + (f"  ALARM: {', '.join(alarms)}" if alarms else "")
    )
