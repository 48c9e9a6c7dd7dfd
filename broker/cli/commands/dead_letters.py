"""brokerctl's list of the queues that dead letters go to. Must not: look at messages."""

from __future__ import annotations

import click

from broker.cli.arguments import vhost_option
from broker.cli.context import Context
from broker.cli.group import command
from broker.cli.paths import part

COLUMNS = ("name", "messages_ready", "consumers", "exchanges", "from", "from_count")


@command
@vhost_option
@click.argument("columns", nargs=-1, metavar="[COLUMN]...", type=click.Choice(COLUMNS))
def list_dead_letter_queues(context: Context, vhost: str, columns: tuple[str, ...]) -> None:
    """List the queues that dead letters go to, through which exchanges, and out of which queues (some are named)."""
    chosen = columns or COLUMNS
    items = context.client.pages(f"/api/leveret/dead-letter-queues/{part(vhost)}")
    found = ({name: item[name] for name in chosen} for item in items)
    context.show(f"Queues that dead letters go to in vhost {vhost}", chosen, found)
