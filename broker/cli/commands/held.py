"""brokerctl's commands about messages that are held until a time. Must not: decide what is held."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import click

from broker.cli.arguments import vhost_option
from broker.cli.context import Context
from broker.cli.group import command
from broker.cli.paths import part

COLUMNS: Final = ("id", "due", "queue", "exchange", "routing_key", "reason", "task", "bytes")
COUNT_DEFAULT: Final = 100
MS_PER_S: Final = 1000

id_argument = click.argument("held_id", metavar="ID")


def _path(vhost: str, held_id: str) -> str:
    return f"/api/leveret/held/{part(vhost)}/{part(held_id)}"


@command
@vhost_option
@click.option("-c", "--count", type=click.IntRange(1), default=COUNT_DEFAULT, show_default=True, metavar="N",
              help="How many at most.")  # fmt: skip
def list_held(context: Context, vhost: str, count: int) -> None:
    """List messages that are held until a time, those that are due first in front; `due` is in ms since 1970."""
    found = []
    for item in context.client.pages(f"/api/leveret/held/{part(vhost)}"):
        found.append({column: item[column] for column in COLUMNS})
        if len(found) == count:
            break
    context.show(f"Held messages in vhost {vhost}", COLUMNS, found)


@command
@vhost_option
@id_argument
def cancel_held(context: Context, vhost: str, held_id: str) -> None:
    """Drop a held message for good; list_held shows its id."""
    context.client.delete(_path(vhost, held_id))
    context.done(f'Held message "{held_id}" is gone from vhost "{vhost}".', id=held_id, vhost=vhost)


@command
@vhost_option
@id_argument
@click.argument("due", metavar="TIME")
def reschedule_held(context: Context, vhost: str, held_id: str, due: str) -> None:
    """Hold a message until another time: ISO 8601 (UTC without an offset) or ms since 1970. Its id changes."""
    answer = context.client.put(_path(vhost, held_id), {"due": due_ms(due)})
    context.done(f'It is held message "{answer["id"]}" now.', **answer)


def due_ms(text: str) -> int:
    """A time in milliseconds since 1970. Raises: click.BadParameter."""
    if text.isascii() and text.isdigit():
        return int(text)
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} is neither a time in ISO 8601 nor a number of milliseconds") from None
    return int((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp() * MS_PER_S)


@command
@vhost_option
@id_argument
def release_held(context: Context, vhost: str, held_id: str) -> None:
    """Let a held message go now, to where it would go when it is due."""
    context.client.post(f"{_path(vhost, held_id)}/release", {})
    context.done(f'Held message "{held_id}" is on its way.', id=held_id, vhost=vhost)
