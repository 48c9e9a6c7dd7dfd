"""brokerctl log: what is in a data folder's log, without a broker. Must not: write there, or know the format."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from itertools import islice
from typing import Any

import click

from broker.cli.context import Context
from broker.cli.exits import FOUND, NO_INPUT, OK
from broker.cli.group import command
from broker.cli.log_folder import (
    IN_USE_NOTE,
    Progress,
    UnreadableError,
    is_in_use,
    open_log,
    queue_names,
    reading,
    unreadable,
)
from broker.cli.log_shown import show_file, show_summary, show_usage, usage_facts, verify_facts
from broker.offline.lines import Line, Lines
from broker.offline.names import QueueNames
from storage.files import Files
from storage.inspect import file_size, open_segment, records, segment_bases
from storage.recovery import NewerLogError
from storage.scan import Damage
from storage.segment import BadSegment, log_name
from storage.usage import usage
from storage.verify import DAMAGED, UNREADABLE, FileReport, verify


@command
def verify_command(context: Context) -> int:
    """Check every byte of the log, and locate what is damaged. Exit status: 0 whole, 1 damage, 66 unreadable."""
    as_json = context.is_json
    data_dir = context.data_dir
    files, names, in_use = open_log(data_dir), queue_names(data_dir), is_in_use(data_dir)
    if in_use and not as_json:
        click.echo(f"Note: {IN_USE_NOTE}.")
    progress = Progress("Checking", len(segment_bases(files)))
    reports: list[FileReport] = []
    try:
        for report in reading(verify(files, in_use, progress.next_segment)):
            reports.append(report)
            if not as_json:
                progress.clear()
                show_file(report, names)
    finally:
        progress.clear()
    if as_json:
        click.echo(json.dumps(verify_facts(data_dir, in_use, reports, names), indent=2))
    else:
        show_summary(reports)
    states = {report.state for report in reports}
    return FOUND if DAMAGED in states else NO_INPUT if UNREADABLE in states else OK


@command
@click.option("--queue", metavar="NAME", help="Only what concerns this queue; #5 is the queue with number 5.")
@click.option("-p", "--vhost", default="/", show_default=True, help="The virtual host of that queue.")
@click.option("--from", "start", type=click.IntRange(0), default=0, metavar="POSITION", help="Begin at this position.")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="Write at most so many lines.")
@click.option("--bodies", "has_bodies", is_flag=True, help="Write bodies too: as text, or base64 where they are none.")
def dump(context: Context, queue: str | None, vhost: str, start: int, limit: int | None, has_bodies: bool) -> None:
    """Write the log's records as lines of JSON, in their order; damage is a line of its own."""
    data_dir = context.data_dir
    files, names = open_log(data_dir), queue_names(data_dir)
    if is_in_use(data_dir):
        click.echo(f"brokerctl: {IN_USE_NOTE}", err=True)
    number = None if queue is None else _number_of(names, vhost, queue)
    for line in islice(reading(_lines(files, Lines(names, has_bodies, number), start)), limit):
        sys.stdout.write(f"{json.dumps(line)}\n")  # click.echo would flush each


def _number_of(names: QueueNames, vhost: str, queue: str) -> int:
    number = names.find(vhost, queue)
    if number is None:
        raise UnreadableError(
            f'there is no durable queue "{queue}" in vhost "{vhost}"; a deleted one is given by its number, as in #5'
        )
    return number


def _lines(files: Files, lines: Lines, start: int) -> Iterator[Line]:
    for base in segment_bases(files):
        try:
            size = file_size(files, log_name(base))
            if base + size <= start:
                continue
            segment = open_segment(files, base)
        except FileNotFoundError:
            continue  # the running broker has deleted it meanwhile
        except BadSegment as error:
            yield lines.damage(base, Damage(0, size, str(error)))
            continue
        for found in records(segment):
            if isinstance(found, Damage):
                line: Line | None = lines.damage(base, found)
            else:
                line = lines.record(found) if found.position >= start else None
            if line is not None and line["position"] >= start:
                yield line


@command
def stats(context: Context) -> None:
    """Show what is waiting in each queue, and how much of each segment is still needed."""
    data_dir = context.data_dir
    files, names, in_use = open_log(data_dir), queue_names(data_dir), is_in_use(data_dir)
    progress = Progress("Reading", len(segment_bases(files)))
    try:
        found = usage(files, progress.next_segment)
    except OSError as error:
        raise unreadable(error) from None
    except NewerLogError as error:
        raise UnreadableError(str(error)) from None
    finally:
        progress.clear()
    facts: dict[str, Any] = {"data_dir": str(data_dir), "in_use": in_use, **usage_facts(found, names)}
    if context.is_json:
        click.echo(json.dumps(facts, indent=2))
        return
    if in_use:
        click.echo(f"Note: {IN_USE_NOTE}.")
    show_usage(facts)
