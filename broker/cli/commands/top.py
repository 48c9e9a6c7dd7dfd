"""brokerctl top: queues by rate, messages or consumers, live. Must not: change anything."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

import click

from broker.cli.arguments import complete_vhost
from broker.cli.context import Context
from broker.cli.exits import USAGE, CtlError
from broker.cli.group import command
from broker.cli.paths import part
from broker.cli.top_rows import COLUMNS, ORDERS, Order, Row, Sample, headline, queue_rows, sample

INTERVAL_S: Final = 2.0
INTERVAL_S_MAX: Final = 3600.0
QUEUES_MAX: Final = 500
BY_COLUMN: Final = {order.column: order for order in ORDERS}


@command
@click.option("-p", "--vhost", metavar="VHOST", shell_complete=complete_vhost, help="Only queues of this virtual host.")
@click.option("--sort", type=click.Choice(tuple(BY_COLUMN)), default="in_per_s", show_default=True, help="The order.")
@click.option(
    "-d",
    "--interval",
    type=click.FloatRange(0.2, INTERVAL_S_MAX),
    default=INTERVAL_S,
    show_default=True,
    metavar="SECONDS",
    help="How often to look.",
)
@click.option("--once", is_flag=True, help="Look once, write that, and end; for programs.")
@click.option(
    "-c",
    "--count",
    type=click.IntRange(1, QUEUES_MAX),
    default=100,
    show_default=True,
    metavar="N",
    help="Show so many queues at most.",
)
def top(context: Context, vhost: str | None, sort: str, interval: float, once: bool, count: int) -> None:
    """Show queues by rate, messages or consumers, live; keys choose the order, q ends it."""
    read = _reader(context, vhost, count)
    if once:
        head, rows = read(BY_COLUMN[sort])
        _write(context, head, rows)
        return
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise CtlError("top needs a terminal; --once writes what it would show and ends", USAGE)
    from broker.cli.top_live import run  # noqa: PLC0415 - draws on a terminal, which takes time to load

    run(read, BY_COLUMN[sort], interval)


def _reader(context: Context, vhost: str | None, count: int) -> Callable[[Order], tuple[str, Sequence[Row]]]:
    """What asks the broker each time, and keeps the sample that rates are made of."""
    path = "/api/queues" if vhost is None else f"/api/queues/{part(vhost)}"
    before: list[Sample | None] = [None]

    def read(order: Order) -> tuple[str, Sequence[Row]]:
        client = context.client
        items = client.get(
            path, page=1, page_size=count, sort=order.path, sort_reverse="true" if order.is_reversed else "false"
        )["items"]
        now_s = time.monotonic()
        rows = queue_rows(items, order, now_s, before[0])
        before[0] = sample(items, now_s)
        return headline(client.get("/api/overview"), client.get("/api/nodes")[0]), rows

    return read


def _write(context: Context, head: str, rows: Sequence[dict[str, Any]]) -> None:
    if context.is_json:
        click.echo(json.dumps({"broker": head, "queues": rows}, indent=2))
        return
    from broker.cli.shown import cell, write_rows  # noqa: PLC0415

    if not context.is_quiet:
        click.echo(cell(head))
    write_rows("Queues", COLUMNS, rows, context.format, context.has_headers)
