"""brokerctl's commands that write definitions to a file and read them from one. Must not: know what is in them."""

from __future__ import annotations

import gzip
import json
import sys
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import click

from broker.cli.arguments import complete_vhost, json_object
from broker.cli.context import Context
from broker.cli.exits import CANNOT_CREATE, NO_INPUT, CtlError, DataError
from broker.cli.group import command
from broker.cli.paths import part

STANDARD: Final = "-"
GZIP_MAGIC: Final = b"\x1f\x8b"
FILE_BYTES_MAX: Final = 256 * 1024 * 1024
KINDS: Final = (
    "vhosts", "users", "permissions", "topic_permissions", "parameters", "global_parameters", "policies", "exchanges",
    "queues", "bindings",
)  # fmt: skip
OWNER_ONLY: Final = 0o600
IMPORT_S: Final = 600.0  # everything is declared and stored before the answer comes

vhost_option = click.option(
    "-p", "--vhost", metavar="VHOST", shell_complete=complete_vhost, help="Only what is in this virtual host."
)


def _path(vhost: str | None) -> str:
    return "/api/definitions" if vhost is None else f"/api/definitions/{part(vhost)}"


def _counts(definitions: dict[str, Any]) -> dict[str, int]:
    return {kind: len(held) for kind in KINDS if isinstance(held := definitions.get(kind), list) and held}


def _told(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {kind.replace('_', ' ')}" for kind, count in counts.items()) or "nothing"


@command
@vhost_option
@click.argument("file", default=STANDARD, type=click.Path(dir_okay=False, allow_dash=True))
@click.option("--format", "file_format", type=click.Choice(("json",)), default="json", help="Always JSON.")
def export_definitions(context: Context, vhost: str | None, file: str, file_format: str) -> None:  # noqa: ARG001
    """Write users, virtual hosts, permissions, policies, exchanges, queues and bindings to a file, or with - to stdout.

    RabbitMQ reads this file too. Only its owner may read it: it has the hashes of passwords.
    """
    definitions = context.client.get(_path(vhost))
    text = json.dumps(definitions, indent=2)
    if file == STANDARD:
        click.echo(text)
        return
    path = Path(file)
    try:
        path.touch(mode=OWNER_ONLY)
        path.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise CtlError(f"{file} cannot be written: {error.strerror}", CANNOT_CREATE) from None
    counts = _counts(definitions)
    context.done(f"{file} has {_told(counts)}.", file=file, counts=counts)


@command
@vhost_option
@click.argument("file", default=STANDARD, type=click.Path(dir_okay=False, allow_dash=True))
@click.option("--format", "file_format", type=click.Choice(("json",)), default="json", help="Always JSON.")
@click.option("--skip-if-unchanged", is_flag=True, hidden=True)
def import_definitions(
    context: Context, vhost: str | None, file: str, file_format: str, skip_if_unchanged: bool  # noqa: ARG001
) -> None:  # fmt: skip
    """Add what a file (gzip too, or with - stdin) defines; a RabbitMQ's definitions.json is fine.

    What is there already stays: queues and exchanges that differ are not changed.
    """
    content = _content(file)
    definitions = json_object(content.decode("utf-8", "replace"), "the file of definitions")
    if context.timeout_s is None:
        context.client.timeout_s = IMPORT_S
    context.client.upload(_path(vhost), content)
    counts = _counts(definitions)
    context.done(f"The broker has taken {_told(counts)}.", file=file, counts=counts)


def _content(file: str) -> bytes:
    try:
        if file == STANDARD:
            content = sys.stdin.buffer.read(FILE_BYTES_MAX + 1)
        else:
            with Path(file).open("rb") as opened:
                content = opened.read(FILE_BYTES_MAX + 1)
        if content.startswith(GZIP_MAGIC):
            with gzip.open(BytesIO(content)) as opened:
                content = opened.read(FILE_BYTES_MAX + 1)
    except (OSError, EOFError) as error:
        raise CtlError(f"{file} cannot be read: {error}", NO_INPUT) from None
    if len(content) > FILE_BYTES_MAX:
        raise DataError(f"{file} has more than {FILE_BYTES_MAX} bytes")
    return content
