"""brokerctl's commands that declare and delete exchanges and bindings. Must not: check what the broker checks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from broker.cli.arguments import arguments_option, exchange_argument, vhost_option
from broker.cli.commands.queues import given_arguments
from broker.cli.context import Context
from broker.cli.exits import DataError
from broker.cli.group import command
from broker.cli.paths import part

KINDS = {"queue": "q", "exchange": "e"}


def _path(vhost: str, exchange: str) -> str:
    return f"/api/exchanges/{part(vhost)}/{part(exchange)}"


@command
@vhost_option
@click.argument("exchange")
@click.option("--type", "exchange_type", default="direct", show_default=True, metavar="TYPE",
              help="direct, fanout, topic or headers.")  # fmt: skip
@click.option("--durable/--transient", default=True, show_default=True, help="Whether it outlives a restart.")
@click.option("--auto-delete", is_flag=True, help="It goes when its last binding does.")
@click.option("--internal", is_flag=True, help="Clients may not publish to it; other exchanges do.")
@arguments_option
@click.option("--arguments", "whole", metavar="JSON", help="Arguments as a JSON object.")
def declare_exchange(
    context: Context, vhost: str, exchange: str, exchange_type: str, durable: bool, auto_delete: bool, internal: bool,
    arguments: tuple[str, ...], whole: str | None,
) -> None:  # fmt: skip
    """Declare an exchange; one that is there must be alike."""
    body = {
        "type": exchange_type, "durable": durable, "auto_delete": auto_delete, "internal": internal,
        "arguments": given_arguments(arguments, whole),
    }  # fmt: skip
    context.client.put(_path(vhost, exchange), body)
    context.done(f'Exchange "{exchange}" is there in vhost "{vhost}".', exchange=exchange, vhost=vhost)


@command
@vhost_option
@exchange_argument
@click.option("--if-unused", is_flag=True, help="Only if it has no bindings.")
def delete_exchange(context: Context, vhost: str, exchange: str, if_unused: bool) -> None:
    """Delete an exchange and its bindings."""
    context.client.delete(_path(vhost, exchange), if_unused="true" if if_unused else None)
    context.done(f'Exchange "{exchange}" is gone from vhost "{vhost}".', exchange=exchange, vhost=vhost)


def _ends(command_function: Callable[..., Any]) -> Callable[..., Any]:
    """What a binding is named by."""
    parts = (
        vhost_option,
        click.argument("source"),
        click.argument("destination"),
        click.option("-k", "--routing-key", default="", metavar="KEY", help="The binding's key; by default empty."),
        click.option(
            "--to", "kind", type=click.Choice(tuple(KINDS)), default="queue", show_default=True,
            help="What DESTINATION is.",
        ),
        arguments_option,
        click.option("--arguments", "whole", metavar="JSON", help="Arguments as a JSON object."),
    )  # fmt: skip
    for add in reversed(parts):
        command_function = add(command_function)
    return command_function


def _between(vhost: str, source: str, kind: str, destination: str) -> str:
    return f"/api/bindings/{part(vhost)}/e/{part(source)}/{KINDS[kind]}/{part(destination)}"


@command
@_ends
def bind(
    context: Context, vhost: str, source: str, destination: str, routing_key: str, kind: str,
    arguments: tuple[str, ...], whole: str | None,
) -> None:  # fmt: skip
    """Bind a queue, or with --to exchange an exchange, to the exchange SOURCE."""
    body = {"routing_key": routing_key, "arguments": given_arguments(arguments, whole)}
    context.client.post(_between(vhost, source, kind, destination), body)
    facts = {"source": source, "destination": destination, "routing_key": routing_key}
    context.done(f'{kind.capitalize()} "{destination}" is bound to "{source}" with "{routing_key}".', **facts)


@command
@_ends
def unbind(
    context: Context, vhost: str, source: str, destination: str, routing_key: str, kind: str,
    arguments: tuple[str, ...], whole: str | None,
) -> None:  # fmt: skip
    """Take a binding away: the one with this key and these arguments."""
    path, wanted = _between(vhost, source, kind, destination), given_arguments(arguments, whole)
    for binding in context.client.get(path):
        if binding["routing_key"] == routing_key and binding["arguments"] == wanted:
            context.client.delete(f"{path}/{part(binding['properties_key'])}")
            break
    else:
        raise DataError(
            f'there is no binding from "{source}" to {kind} "{destination}" with the key "{routing_key}" and these '
            "arguments; brokerctl list_bindings shows those that there are"
        )
    facts = {"source": source, "destination": destination, "routing_key": routing_key}
    context.done(f'{kind.capitalize()} "{destination}" is not bound to "{source}" with "{routing_key}".', **facts)
