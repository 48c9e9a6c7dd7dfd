"""Commands about deduplication. Must not: do more than ask the HTTP API."""

from __future__ import annotations

from typing import Final

import click

from broker.cli.arguments import vhost_option
from broker.cli.context import Context
from broker.cli.group import command
from broker.cli.paths import part

KINDS: Final = {"queue": "queues", "exchange": "exchanges"}


@command
@vhost_option
@click.argument("kind", type=click.Choice(tuple(KINDS)))
@click.argument("name")
def clear_deduplication(context: Context, vhost: str, kind: str, name: str) -> None:
    """Forget which messages came before, so that a queue or an exchange takes them again."""
    context.client.delete(f"/api/{KINDS[kind]}/{part(vhost)}/{part(name)}/deduplication")
    context.done(f'{kind.capitalize()} "{name}" of vhost "{vhost}" takes every message once more.', name=name)
