"""brokerctl's lists of queues, exchanges, bindings and consumers. Must not: change anything."""

from __future__ import annotations

import click

from broker.cli.arguments import vhost_option
from broker.cli.commands import columns as known
from broker.cli.context import Context
from broker.cli.group import command
from broker.cli.paths import part


def list_rows(context: Context, title: str, path: str, table: tuple[str, ...], columns: tuple[str, ...]) -> None:
    """Lists what a path of the API has, in the columns asked for."""
    chosen = columns or known.defaults(table)
    items = context.client.pages(path, columns=known.needed(table, chosen))
    context.show(title, chosen, known.rows(table, chosen, items))


@command
@vhost_option
@click.option("--all-vhosts", is_flag=True, help="The queues of every virtual host.")
@click.option("--online", is_flag=True, help="Only queues that can be reached: all of them.")
@click.option("--offline", is_flag=True, help="Only queues that cannot be reached: none.")
@click.option("--local", is_flag=True, help="Only queues on this node: all of them.")
@click.argument("columns", nargs=-1, metavar="[COLUMN]...", type=click.Choice(known.QUEUE))
def list_queues(
    context: Context, vhost: str, all_vhosts: bool, online: bool, offline: bool, local: bool, columns: tuple[str, ...]
) -> None:
    """List the queues of a virtual host: name and messages, or the columns asked for."""
    if offline and not (online or local):
        context.show("Queues that cannot be reached", columns or known.defaults(known.QUEUE), [])
        return
    if all_vhosts:
        chosen = columns or ("vhost", *known.defaults(known.QUEUE))
        list_rows(context, "Queues", "/api/queues", known.QUEUE, chosen)
        return
    list_rows(context, f"Queues in vhost {vhost}", f"/api/queues/{part(vhost)}", known.QUEUE, columns)


@command
@vhost_option
@click.argument("columns", nargs=-1, metavar="[COLUMN]...", type=click.Choice(known.EXCHANGE))
def list_exchanges(context: Context, vhost: str, columns: tuple[str, ...]) -> None:
    """List the exchanges of a virtual host: name and type, or the columns asked for."""
    list_rows(context, f"Exchanges in vhost {vhost}", f"/api/exchanges/{part(vhost)}", known.EXCHANGE, columns)


@command
@vhost_option
@click.argument("columns", nargs=-1, metavar="[COLUMN]...", type=click.Choice(known.BINDING))
def list_bindings(context: Context, vhost: str, columns: tuple[str, ...]) -> None:
    """List the bindings of a virtual host."""
    list_rows(context, f"Bindings in vhost {vhost}", f"/api/bindings/{part(vhost)}", known.BINDING, columns)


@command
@vhost_option
@click.argument("columns", nargs=-1, metavar="[COLUMN]...", type=click.Choice(known.CONSUMER))
def list_consumers(context: Context, vhost: str, columns: tuple[str, ...]) -> None:
    """List the consumers of a virtual host's queues."""
    list_rows(context, f"Consumers in vhost {vhost}", f"/api/consumers/{part(vhost)}", known.CONSUMER, columns)
