"""brokerctl's commands that declare, delete and purge queues. Must not: check what the broker checks."""

from __future__ import annotations

from typing import Any

import click

from broker.cli.arguments import arguments_option, json_object, pairs, queue_argument, vhost_option
from broker.cli.context import Context
from broker.cli.exits import DataError
from broker.cli.group import command
from broker.cli.paths import part


def given_arguments(single: tuple[str, ...], whole: str | None) -> dict[str, Any]:
    """Arguments from NAME=VALUE options and from a JSON object. Raises: DataError."""
    return {**(json_object(whole, "--arguments") if whole else {}), **pairs(single, "--argument")}


def _path(vhost: str, queue: str) -> str:
    return f"/api/queues/{part(vhost)}/{part(queue)}"


@command
@vhost_option
@click.argument("queue")
@click.option("--durable/--transient", default=True, show_default=True, help="Whether it outlives a restart.")
@click.option("--auto-delete", is_flag=True, help="It goes when its last consumer does.")
@click.option("--type", "queue_type", metavar="TYPE", help="x-queue-type: classic, quorum or stream.")
@arguments_option
@click.option("--arguments", "whole", metavar="JSON", help="Arguments as a JSON object.")
def declare_queue(
    context: Context, vhost: str, queue: str, durable: bool, auto_delete: bool, queue_type: str | None,
    arguments: tuple[str, ...], whole: str | None,
) -> None:  # fmt: skip
    """Declare a queue; one that is there must be alike."""
    held = given_arguments(arguments, whole)
    if queue_type is not None:
        held["x-queue-type"] = queue_type
    context.client.put(_path(vhost, queue), {"durable": durable, "auto_delete": auto_delete, "arguments": held})
    context.done(f'Queue "{queue}" is there in vhost "{vhost}".', queue=queue, vhost=vhost)


@command
@vhost_option
@queue_argument
@arguments_option
@click.option("-r", "--remove", "removed", multiple=True, metavar="NAME", help="An argument to take away.")
@click.option("--dry-run", is_flag=True, help="Check and show the change, and change nothing.")
def change_queue(
    context: Context, vhost: str, queue: str, arguments: tuple[str, ...], removed: tuple[str, ...], dry_run: bool
) -> None:
    """Change arguments of a queue that is there; its messages and consumers stay."""
    wanted = {**pairs(arguments, "--argument"), **dict.fromkeys(removed)}
    if not wanted:
        raise DataError("nothing to change: give --argument NAME=VALUE or --remove NAME")
    answer = context.client.put(f"{_path(vhost, queue)}/arguments", {"arguments": wanted, "dry_run": dry_run})
    columns = ("argument", "before", "after")
    title = f'Changes of queue "{queue}" in vhost "{vhost}"'
    context.show(f"{title}, not made" if dry_run else title, columns, answer["changes"])


@command
@vhost_option
@queue_argument
@click.option("-e", "--if-empty", is_flag=True, help="Only if no message waits in it.")
@click.option("-u", "--if-unused", is_flag=True, help="Only if nobody consumes from it.")
def delete_queue(context: Context, vhost: str, queue: str, if_empty: bool, if_unused: bool) -> None:
    """Delete a queue with its messages."""
    context.client.delete(_path(vhost, queue), if_empty=_flag(if_empty), if_unused=_flag(if_unused))
    context.done(f'Queue "{queue}" is gone from vhost "{vhost}".', queue=queue, vhost=vhost)


def _flag(is_set: bool) -> str | None:
    return "true" if is_set else None


@command
@vhost_option
@queue_argument
def purge_queue(context: Context, vhost: str, queue: str) -> None:
    """Drop every message that waits in a queue; what consumers hold stays with them."""
    context.client.delete(f"{_path(vhost, queue)}/contents")
    context.done(f'No message waits in queue "{queue}" of vhost "{vhost}" any more.', queue=queue, vhost=vhost)
