"""How the log commands write what was found, for people and as JSON. Must not: read the log."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import click

from broker.cli.shown import cell, show
from broker.offline.names import QueueNames
from broker.queues.levels import LEVEL_BITS
from storage.usage import SegmentUse, StreamUse, Usage
from storage.verify import DAMAGED, SEGMENT, UNFINISHED, UNREADABLE, WHOLE, FileReport, Finding, Lost

QUEUE_COLUMNS: Final = (
    "queue", "vhost", "level", "messages", "bytes", "first", "last", "delivered", "redelivered", "deliveries",
)  # fmt: skip
SHOWN_COLUMNS: Final = ("segment", "bytes", "live", "settled", "dead", "other", "messages", "records")
SEGMENT_COLUMNS: Final = (
    "segment", "bytes", "live_bytes", "settled_bytes", "dead_bytes", "other_bytes", "messages", "records",
)  # fmt: skip

# ---- verify


def show_file(report: FileReport, names: QueueNames) -> None:
    """One file in a line, and what is wrong with it in more."""
    facts = [f"{report.size} bytes"]
    if report.kind == SEGMENT:
        facts.append(f"{sum(report.records.values())} records")
    if report.note:
        facts.append(report.note)
    click.echo(f"{cell(report.name)}  {report.state}  ({'; '.join(facts)})")
    for finding in report.findings:
        click.echo(f"    bytes {finding.start} to {finding.stop}, {finding.state}: {cell(finding.why)}")
        for lost in finding.lost:
            click.echo(f"        {_lost_text(lost, names)}")


def _lost_text(lost: Lost, names: QueueNames) -> str:
    described = names.describe(lost.stream)
    label, level = cell(names.label(lost.stream)), described["level"]
    where = "" if described["vhost"] is None else f' in vhost "{cell(described["vhost"])}"'
    priority = f", priority {level}" if level else ""
    return f'lost: queue "{label}"{where}{priority}, messages {lost.first} to {lost.stop - 1}'


def show_summary(reports: list[FileReport]) -> None:
    """The last line."""
    damaged = sum(report.state == DAMAGED for report in reports)
    unfinished = sum(report.state == UNFINISHED for report in reports)
    size = sum(report.size for report in reports)
    text = f"{damaged} of {len(reports)} files are damaged" if damaged else f"{len(reports)} files are without damage"
    if unreadable := sum(report.state == UNREADABLE for report in reports):
        text += f", {unreadable} unreadable by this version"
    if unfinished:
        text += f", {unfinished} with an unfinished end"
    if lost := sum(one.stop - one.first for one in _all_lost(reports)):
        text += f"; {lost} messages stood there"
    click.echo(f"{text}. {size} bytes were read.")


def _all_lost(reports: Iterable[FileReport]) -> Iterable[Lost]:
    return (lost for report in reports for finding in report.findings for lost in finding.lost)


def verify_facts(data_dir: Path, in_use: bool, reports: list[FileReport], names: QueueNames) -> dict[str, Any]:
    """All of it for JSON."""
    return {
        "data_dir": str(data_dir),
        "in_use": in_use,
        "is_whole": all(report.state in (WHOLE, UNFINISHED) for report in reports),
        "lost_messages": sum(lost.stop - lost.first for lost in _all_lost(reports)),
        "files": [_file_facts(report, names) for report in reports],
    }


def _file_facts(report: FileReport, names: QueueNames) -> dict[str, Any]:
    return {
        "name": report.name, "kind": report.kind, "bytes": report.size, "state": report.state, "note": report.note,
        "records": report.records, "findings": [_finding_facts(finding, names) for finding in report.findings],
    }  # fmt: skip


def _finding_facts(finding: Finding, names: QueueNames) -> dict[str, Any]:
    lost = [
        {**names.describe(one.stream), "first": one.first, "last": one.stop - 1, "count": one.stop - one.first}
        for one in finding.lost
    ]
    return {
        "start": finding.start, "stop": finding.stop, "why": finding.why, "state": finding.state, "lost": lost,
    }  # fmt: skip


# ---- stats


def usage_facts(found: Usage, names: QueueNames) -> dict[str, Any]:
    """What a log holds, for JSON and for tables."""
    segments = [_segment_facts(segment) for segment in found.segments]
    totals: dict[str, Any] = {
        "segments": len(segments),
        "queues": len({stream.stream >> LEVEL_BITS for stream in found.streams if stream.messages}),
        **{column: sum(row[column] for row in segments) for column in SEGMENT_COLUMNS[1:-1]},
        "records": _sum_of(segment.records for segment in found.segments),
    }
    queues = [_queue_facts(stream, names) for stream in found.streams]
    return {"is_clean": found.is_clean, "queues": queues, "segments": segments, "totals": totals}


def _queue_facts(stream: StreamUse, names: QueueNames) -> dict[str, Any]:
    return {
        **names.describe(stream.stream), "messages": stream.messages, "bytes": stream.bytes, "first": stream.first,
        "last": stream.next - 1, "delivered_before": stream.delivered_before,
        "delivered_messages": stream.delivered_messages, "redelivered_messages": stream.redelivered_messages,
        "deliveries": stream.deliveries,
    }  # fmt: skip


def _segment_facts(segment: SegmentUse) -> dict[str, Any]:
    return {
        "segment": segment.name, "bytes": segment.size, "live_bytes": segment.live_bytes,
        "settled_bytes": segment.settled_bytes, "dead_bytes": segment.dead_bytes, "other_bytes": segment.other_bytes,
        "messages": segment.messages, "records": segment.records, "damaged_bytes": segment.damaged_bytes,
    }  # fmt: skip


def _sum_of(counts: Iterable[dict[str, int]]) -> dict[str, int]:
    total: dict[str, int] = {}
    for one in counts:
        for kind, count in one.items():
            total[kind] = total.get(kind, 0) + count
    return total


def show_usage(facts: dict[str, Any]) -> None:
    """Two lists, queues and segments, and a line with all together."""
    queues = [
        {
            **row, "queue": f"#{row['queue_number']}" if row["queue"] is None else row["queue"],
            "delivered": row["delivered_messages"], "redelivered": row["redelivered_messages"],
        }
        for row in facts["queues"]
    ]  # fmt: skip
    show("Queues", QUEUE_COLUMNS, queues, False)
    click.echo()
    show("Segments", SHOWN_COLUMNS, [_shown_segment(row) for row in facts["segments"]], False)
    click.echo()
    totals = facts["totals"]
    shares = ", ".join(f"{totals[f'{name}_bytes']} {name}" for name in SHOWN_COLUMNS[2:6])
    click.echo(
        f"{totals['messages']} messages waiting in {totals['queues']} queues; {totals['segments']} segments of "
        f"{totals['bytes']} bytes: {shares}"
    )


def _shown_segment(row: dict[str, Any]) -> dict[str, Any]:
    records = ", ".join(f"{count} {kind}" for kind, count in row["records"].items())
    return {**row, **{name: row[f"{name}_bytes"] for name in SHOWN_COLUMNS[2:6]}, "records": records}
