"""brokerctl log: the commands that read a data folder, loaded when one is run. Must not: read it itself."""

from __future__ import annotations

import click

from broker.cli.group import HELP_NAMES


class _LogGroup(click.Group):
    """Its commands need much of the broker's storage, which `brokerctl --help` does without."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return ["verify", "dump", "stats"]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        from broker.cli import log_commands  # noqa: PLC0415

        commands: tuple[click.Command, ...] = (log_commands.verify_command, log_commands.dump, log_commands.stats)
        return next((one for one in commands if one.name == cmd_name), None)


@click.group(cls=_LogGroup, context_settings=dict(HELP_NAMES))
def log() -> None:
    """Read the log in a data folder, whether a broker runs there or not. Nothing is ever written.

    docs/log-format.md describes what is in it.
    """
