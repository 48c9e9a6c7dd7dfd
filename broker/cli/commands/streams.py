"""brokerctl's commands for the named consumers of streams. Must not: move one."""

from __future__ import annotations

import click

from broker.cli.arguments import queue_argument, vhost_option
from broker.cli.context import Context
from broker.cli.group import command
from broker.cli.paths import part

COLUMNS = ("consumer_name", "offset", "lag", "acknowledged_at", "consumers")


def _path(vhost: str, queue: str) -> str:
    return f"/api/queues/{part(vhost)}/{part(queue)}/offsets"


@command
@vhost_option
@queue_argument
@click.argument("columns", nargs=-1, metavar="[COLUMN]...", type=click.Choice(COLUMNS))
def list_stream_offsets(context: Context, vhost: str, queue: str, columns: tuple[str, ...]) -> None:
    """List how far the named consumers of a stream have come, and how many messages they are behind."""
    chosen = columns or COLUMNS
    items = context.client.pages(_path(vhost, queue))
    found = ({name: item[name] for name in chosen} for item in items)
    context.show(f"Offsets of stream {queue} in vhost {vhost}", chosen, found)


@command
@vhost_option
@queue_argument
@click.argument("consumer_name")
def delete_stream_offset(context: Context, vhost: str, queue: str, consumer_name: str) -> None:
    """Forget how far a named consumer of a stream has come: it begins anew when it comes back."""
    context.client.delete(f"{_path(vhost, queue)}/{part(consumer_name)}")
    context.done(
        f'The offset of "{consumer_name}" in stream "{queue}" of vhost "{vhost}" is forgotten.',
        queue=queue, vhost=vhost, consumer_name=consumer_name,
    )  # fmt: skip
