"""brokerctl's commands that list and close connections. Must not: speak AMQP."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Final

import click

from broker.cli.arguments import complete_connection, user_argument
from broker.cli.commands import columns as known
from broker.cli.commands.listings import list_rows
from broker.cli.context import Context
from broker.cli.exits import RefusedError
from broker.cli.group import command
from broker.cli.paths import about_user, part
from broker.cli.progress import counting

NOT_FOUND: Final = 404
DELAY_MS_MAX: Final = 3_600_000
MS_PER_S: Final = 1000
DEFAULT_REASON: Final = "Closed via brokerctl"

limit_option = click.option("--limit", type=click.IntRange(1), metavar="N", help="Close at most so many.")
delay_option = click.option(
    "--per-connection-delay", "delay_ms", type=click.IntRange(0, DELAY_MS_MAX), default=0, metavar="MS",
    help="Wait so long after each, so that clients do not come back all at once.",
)  # fmt: skip
reason_argument = click.argument("explanation", default=DEFAULT_REASON)


@command
@click.argument("columns", nargs=-1, metavar="[COLUMN]...", type=click.Choice(known.CONNECTION))
def list_connections(context: Context, columns: tuple[str, ...]) -> None:
    """List connections: user, peer and state, or the columns asked for."""
    list_rows(context, "Connections", "/api/connections", known.CONNECTION, columns)


@command
@click.argument("columns", nargs=-1, metavar="[COLUMN]...", type=click.Choice(known.CHANNEL))
def list_channels(context: Context, columns: tuple[str, ...]) -> None:
    """List channels: name, user, consumers and unacknowledged messages, or the columns asked for."""
    list_rows(context, "Channels", "/api/channels", known.CHANNEL, columns)


@command
@click.argument("connection", shell_complete=complete_connection)
@reason_argument
def close_connection(context: Context, connection: str, explanation: str) -> None:
    """Close a connection, which is named as list_connections name shows it. The client is told the EXPLANATION."""
    context.client.delete(f"/api/connections/{part(connection)}", reason=explanation)
    context.done(f'Connection "{connection}" is closed.', connection=connection)


@command
@click.option("-p", "--vhost", metavar="VHOST", help="Only connections to this virtual host.")
@click.option("--global", "_is_global", is_flag=True, help="All connections, as without --vhost.")
@limit_option
@delay_option
@reason_argument
def close_all_connections(
    context: Context, vhost: str | None, _is_global: bool, limit: int | None, delay_ms: int, explanation: str
) -> None:
    """Close every connection, or those to one virtual host."""
    path = "/api/connections" if vhost is None else f"/api/vhosts/{part(vhost)}/connections"
    names = [item["name"] for item in context.client.pages(path, columns="name")]
    _close(context, names[:limit], delay_ms, explanation)


@command
@user_argument
@limit_option
@delay_option
@reason_argument
def close_all_user_connections(
    context: Context, username: str, limit: int | None, delay_ms: int, explanation: str
) -> None:
    """Close every connection of a user."""
    with about_user(context.client, username):
        context.client.get(f"/api/users/{part(username)}")
    items = context.client.pages(f"/api/connections/username/{part(username)}")
    _close(context, [item["name"] for item in items][:limit], delay_ms, explanation)


def _close(context: Context, names: Iterable[str], delay_ms: int, explanation: str) -> None:
    closed = 0
    for name in counting("Closing", list(names)):
        try:
            context.client.delete(f"/api/connections/{part(name)}", reason=explanation)
            closed += 1
        except RefusedError as error:
            if error.status != NOT_FOUND:  # it has gone by itself
                raise
        time.sleep(delay_ms / MS_PER_S)
    context.done(f"{closed} connections are closed.", closed=closed)
