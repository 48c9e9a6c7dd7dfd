"""What every brokerctl command shares: the data folder, the client, the flags. Must not: run a command."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from broker.cli.socket_client import SocketClient
from broker.config import ConfigError, load_config

json_option = click.option("--json", "as_json", is_flag=True, help="Write JSON.")


class Context:
    """The data folder is asked for only when a command needs it."""

    def __init__(self) -> None:
        self.data_dir_flag: str | None = None

    @property
    def data_dir(self) -> Path:
        """The data folder that was given, or that brokerd would use."""
        flags = [] if self.data_dir_flag is None else ["--data-dir", self.data_dir_flag]
        try:
            return load_config(flags, os.environ).data_dir
        except ConfigError as error:
            raise click.UsageError(str(error)) from None

    @property
    def client(self) -> SocketClient:
        """A client for the broker of that data folder."""
        return SocketClient(self.data_dir)


def _note(context: click.Context, _parameter: click.Parameter, value: str | None) -> None:
    if value is not None:
        context.ensure_object(Context).data_dir_flag = value


def data_dir_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--data-dir`, before the command's name or behind it."""
    return click.option(
        "--data-dir", metavar="FOLDER", expose_value=False, callback=_note,
        help="The broker's data folder; by default the one brokerd would use (BROKER_DATA_DIR).",
    )(command)  # fmt: skip
