"""brokerctl convert_rabbitmq_conf: a rabbitmq.conf as our TOML file. Must not: need a broker."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Final

import click

from broker.cli.context import Context
from broker.cli.exits import NO_INPUT, CtlError, DataError
from broker.cli.group import command
from broker.config_options import ConfigError

STANDARD: Final = "-"
FILE_BYTES_MAX: Final = 1024 * 1024


@command
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True))
def convert_rabbitmq_conf(context: Context, file: str) -> None:
    """Turn a rabbitmq.conf (or - for stdin) into a file for brokerd --config, on stdout.

    Entries that have no setting here follow as comments, each with the reason.
    """
    from broker.config_convert import convert  # noqa: PLC0415

    try:
        converted = convert(_read(file))
    except ConfigError as error:
        raise DataError(str(error)) from None
    if context.is_json:
        left_out = [{"key": key, "reason": reason} for key, reason in converted.left_out]
        click.echo(json.dumps({"settings": converted.settings, "left_out": left_out}))
        return
    click.echo(converted.toml(), nl=False)


def _read(file: str) -> str:
    """Raises: CtlError."""
    try:
        if file == STANDARD:
            data = sys.stdin.buffer.read(FILE_BYTES_MAX + 1)
        else:
            with Path(file).open("rb") as opened:
                data = opened.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise CtlError(f"{file} cannot be read: {error.strerror}", NO_INPUT) from None
    if len(data) > FILE_BYTES_MAX:
        raise DataError(f"{file} is larger than {FILE_BYTES_MAX} bytes, which no rabbitmq.conf is")
    return data.decode("utf-8", "replace")
