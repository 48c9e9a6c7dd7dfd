"""brokerctl's commands about virtual hosts. Must not: check what the broker checks."""

from __future__ import annotations

from typing import Any, Final

import click

from broker.cli.arguments import vhost_argument
from broker.cli.context import Context
from broker.cli.group import command
from broker.cli.paths import part

COLUMNS: Final = (
    "name", "description", "tags", "default_queue_type", "tracing", "messages", "messages_ready",
    "messages_unacknowledged", "cluster_state", "metadata",
)  # fmt: skip
METADATA: Final = ("description", "tags", "default_queue_type")

description_option = click.option("--description", metavar="TEXT", help="What it is for.")
tags_option = click.option("--tags", metavar="TAG,TAG", help="Words to mark it with.")
type_option = click.option(
    "--default-queue-type", metavar="TYPE", help="Of queues declared without x-queue-type: classic, quorum or stream."
)


def _path(vhost: str) -> str:
    return f"/api/vhosts/{part(vhost)}"


def _said(**given: str | None) -> dict[str, Any]:
    return {name: value for name, value in given.items() if value is not None}


@command
@click.argument("vhost")
@description_option
@tags_option
@type_option
def add_vhost(
    context: Context, vhost: str, description: str | None, tags: str | None, default_queue_type: str | None
) -> None:
    """Create a virtual host; one that is there already stays as it is."""
    body = _said(description=description, tags=tags, default_queue_type=default_queue_type)
    if body or not context.client.has(_path(vhost)):
        context.client.put(_path(vhost), body)
    context.done(f'Virtual host "{vhost}" is there.', vhost=vhost)


@command
@vhost_argument
def delete_vhost(context: Context, vhost: str) -> None:
    """Delete a virtual host with all its queues, exchanges and messages; connections to it are closed."""
    context.client.delete(_path(vhost))
    context.done(f'Virtual host "{vhost}" is gone.', vhost=vhost)


@command
@click.argument("columns", nargs=-1, metavar="[COLUMN]...", type=click.Choice(COLUMNS))
def list_vhosts(context: Context, columns: tuple[str, ...]) -> None:
    """List virtual hosts: their names, or the columns asked for."""
    context.show("Virtual hosts", columns or COLUMNS[:1], context.client.pages("/api/vhosts"))


@command
@vhost_argument
@click.argument("tags", nargs=-1, metavar="[TAG]...")
def set_vhost_tags(context: Context, vhost: str, tags: tuple[str, ...]) -> None:
    """Set a virtual host's tags, in place of those it has."""
    _update(context, vhost, {"tags": ",".join(tags)})
    context.done(f'Virtual host "{vhost}" has the tags: {", ".join(tags) or "none"}.', vhost=vhost, tags=list(tags))


@command
@vhost_argument
@description_option
@tags_option
@type_option
def update_vhost_metadata(
    context: Context, vhost: str, description: str | None, tags: str | None, default_queue_type: str | None
) -> None:
    """Change a virtual host's description, tags or default queue type; what is not given stays."""
    _update(context, vhost, _said(description=description, tags=tags, default_queue_type=default_queue_type))
    context.done(f'Virtual host "{vhost}" is changed.', vhost=vhost)


def _update(context: Context, vhost: str, changed: dict[str, Any]) -> None:
    found = context.client.get(_path(vhost))
    held = {**found, **(found.get("metadata") or {})}
    kept = {name: held[name] for name in METADATA if held.get(name) not in (None, "undefined")}
    if isinstance(kept.get("tags"), list):
        kept["tags"] = ",".join(kept["tags"])
    context.client.put(_path(vhost), {**kept, **changed})
