"""Writes docs/metrics.md from the table: `python -m broker.metrics.docs > docs/metrics.md`.

Must not: say anything about a metric that its row does not.
"""

from __future__ import annotations

from broker.metrics.table import COUNTER, HISTOGRAM, HISTOGRAM_METRICS, METRICS, QUEUE_LABELS, QUEUE_METRICS

HEAD = """# Metrics

<!-- Generated from broker/metrics/table.py by `python -m broker.metrics.docs`; a test keeps it in step. -->

The broker answers Prometheus on `metrics_host`:`metrics_port` (127.0.0.1:15692). Names and labels are RabbitMQ's, so
that its dashboards and alerts work; what it has no word for begins with `leveret_`.

- `/metrics` is about the broker as a whole, as with RabbitMQ: its cost does not show in the number of lines.
- `/metrics/per-object` has a line per queue (labels `vhost` and `queue`) where the table says so, in place of the
  total under the same name.

Counters count from the start of the broker. They never fall while it runs, also when queues are deleted.

| Name | Type | Labels | Meaning |
|---|---|---|---|
"""


def markdown() -> str:
    """The whole page."""
    rows = [_row(row.name, row.kind, row.labels, row.help) for row in METRICS]
    labels = tuple(f"{label} (per-object)" for label in QUEUE_LABELS)
    rows += [_row(gauge.name, "gauge", labels, gauge.help) for gauge in QUEUE_METRICS]
    rows += [_row(row.name, HISTOGRAM, (), row.help) for row in HISTOGRAM_METRICS]
    return HEAD + "".join(rows)


def _row(name: str, kind: str, labels: tuple[str, ...], help: str) -> str:
    assert name.endswith("_total") == (kind == COUNTER)
    return f"| `{name}` | {kind} | {', '.join(labels)} | {help} |\n"


if __name__ == "__main__":
    print(markdown(), end="")
