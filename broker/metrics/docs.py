"""Writes docs/metrics.md from the table: `python -m broker.metrics.docs > docs/metrics.md`.

Must not: say anything about a metric that its row does not.
"""

from __future__ import annotations

from typing import Final

from broker.metrics.kinds import COUNTER, HISTOGRAM, ObjectKind
from broker.metrics.objects import KINDS, PER_OBJECT, WHOLE_FAMILIES
from broker.metrics.table import HISTOGRAM_METRICS, LABELLED_METRICS, METRICS

HEAD: Final = """# Metrics

<!-- Generated from broker/metrics/ (table.py, objects.py) by `python -m broker.metrics.docs`; a test checks that. -->

The broker answers Prometheus on `metrics_host`:`metrics_port` (127.0.0.1:15692). Names and labels are RabbitMQ's, so
that its dashboards and alerts work; what it has no word for begins with `leveret_`. How to point Prometheus and Grafana
at it: [monitoring.md](monitoring.md).

- `/metrics` is about the broker as a whole, as with RabbitMQ, with totals over all queues, channels and connections.
- `/metrics/per-object` has a line per queue, channel and connection in place of those totals.
- `/metrics/detailed?family=queue_coarse_metrics&family=...&vhost=...&queue=...` has only the families that are asked
  for (given again for each), of all vhosts or those named, of all queues or those named. Names begin with
  `rabbitmq_detailed_` and `leveret_detailed_` there, so that nothing counts twice where both are scraped; those that
  begin with `rabbitmq_cluster_` stay as they are.

Counters count from the start of the broker. Those of the broker as a whole never fall while it runs, also when queues
are deleted. What has to be looked for (publishers, bytes on connections, the age of unacknowledged messages) is as old
as the last round of sampling, which `statistics_interval_ms` sets.

## The broker as a whole

| Name | Type | Labels | Meaning |
|---|---|---|---|
"""
OBJECTS: Final = """
## {title}

Labels: {labels}. {where}

| Name | Type | Total in `/metrics` | Family | Meaning |
|---|---|---|---|---|
"""
FAMILIES: Final = """
## Families of /metrics/detailed about the broker as a whole

| Family | Metrics |
|---|---|
"""


def markdown() -> str:
    """The whole page."""
    rows = [_row(row.name, row.kind, row.labels, row.help) for row in METRICS]
    rows += [_row(row.name, row.kind, tuple(row.label.split()), row.help) for row in LABELLED_METRICS]
    rows += [_row(row.name, HISTOGRAM, (row.label,) if row.label else (), row.help) for row in HISTOGRAM_METRICS]
    families = [f"| `{name}` | {', '.join(f'`{one}`' for one in of)} |\n" for name, of in WHOLE_FAMILIES.items()]
    return "".join([HEAD, *rows, *map(_objects, KINDS), FAMILIES, *families])


def _row(name: str, kind: str, labels: tuple[str, ...], help: str) -> str:
    assert name.endswith("_total") == (kind == COUNTER)
    return f"| `{name}` | {kind} | {', '.join(labels)} | {help} |\n"


def _objects(kind: ObjectKind) -> str:
    where = "In `/metrics/per-object` and `/metrics/detailed`." if kind in PER_OBJECT else "In `/metrics/detailed`."
    labels = ", ".join(f"`{label}`" for label in kind.labels)
    head = OBJECTS.format(title=f"Each {kind.name}", labels=labels, where=where)
    return head + "".join(
        f"| `{row.name}` | {row.kind} | {'yes' if row.total is not None else ''} | `{row.family}` | {row.help} |\n"
        for row in kind.metrics
    )


if __name__ == "__main__":
    print(markdown(), end="")
