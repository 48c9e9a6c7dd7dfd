"""brokerctl completion: what a shell needs to complete its commands and the broker's names. Must not: write files."""

from __future__ import annotations

from typing import Final

import click

from broker.cli.context import Context
from broker.cli.group import command

SHELLS: Final = ("bash", "zsh", "fish")
VARIABLE: Final = "_BROKERCTL_COMPLETE"


@command
@click.argument("shell", type=click.Choice(SHELLS))
def completion(context: Context, shell: str) -> None:  # noqa: ARG001
    """Write a script that makes a shell complete commands, options, and names of vhosts, queues and users.

    bash: eval "$(brokerctl completion bash)" in ~/.bashrc; zsh the same in ~/.zshrc; fish: brokerctl completion fish >
    ~/.config/fish/completions/brokerctl.fish
    """
    from click.shell_completion import get_completion_class  # noqa: PLC0415

    kind = get_completion_class(shell)
    assert kind is not None
    root = click.get_current_context().find_root()
    click.echo(kind(root.command, {}, "brokerctl", VARIABLE).source())
