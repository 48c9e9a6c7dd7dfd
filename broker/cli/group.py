"""The brokerctl group: one table of commands, help in its sections, each command loaded when it is needed.

Must not: know what a command does.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from copy import copy
from difflib import get_close_matches
from typing import Any, Final

import click

from broker.cli.exits import EXITS, USAGE
from broker.cli.options import BROKER_OPTIONS, COMMON_OPTIONS, OUTPUT_OPTIONS
from broker.cli.table import MODULES, SECTIONS

COMMON_NAMES: Final = frozenset(option.name for option in COMMON_OPTIONS)
HELP_NAMES: Final = {"help_option_names": ["-h", "--help"]}
SHORT_HELP_CHARACTERS: Final = 200  # rows are folded, not cut


class BrokerCommand(click.Command):
    """A command that takes the common options too, and whose help names only its own."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Its own parameters, the common options but those whose name it uses itself, and --help."""
        own = {name for parameter in self.params for name in (*parameter.opts, *parameter.secondary_opts)}
        common = [_without(option, own) for option in COMMON_OPTIONS if not own.issuperset(option.opts)]
        whole = super().get_params(ctx)
        return [*self.params, *common, *whole[len(self.params) :]]

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The columns it can show, and the options of this command alone."""
        for parameter in self.params:
            if isinstance(parameter, click.Argument) and isinstance(parameter.type, click.Choice):
                with formatter.section(str(parameter.name).capitalize()):
                    formatter.write_text(", ".join(parameter.type.choices))
        _write_options("Options", [*self.params, *super().get_params(ctx)[len(self.params) :]], ctx, formatter)
        formatter.write_paragraph()
        formatter.write_text("Options for every command (which broker, how to write): brokerctl --help")


def _without(option: click.Option, names: set[str]) -> click.Option:
    """The option without those of its names that a command uses itself."""
    if names.isdisjoint(option.opts):
        return option
    left = copy(option)
    left.opts = [name for name in option.opts if name not in names]
    return left


def command(function: Callable[..., Any]) -> BrokerCommand:
    """A function as the command of the same name; its docstring is the help."""
    made = click.command(
        function.__name__.removesuffix("_command"), cls=BrokerCommand, context_settings=dict(HELP_NAMES)
    )(click.pass_obj(function))
    assert isinstance(made, BrokerCommand)
    return made


class BrokerGroup(click.Group):
    """Finds commands in the table; both list_queues and list-queues are the same."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Every name, in the order of the table."""
        return [name for rows in SECTIONS.values() for names in rows.values() for name in names]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The command of this name, or None."""
        name = cmd_name.replace("-", "_")
        if name not in MODULES:
            return None
        module = importlib.import_module(MODULES[name])
        found: click.Command = getattr(module, name, None) or getattr(module, f"{name}_command")
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click's, with a hint where there is no such command."""
        if self.get_command(ctx, args[0]) is None and not args[0].startswith("-") and not ctx.resilient_parsing:
            near = get_close_matches(args[0].replace("-", "_"), self.list_commands(ctx), 1)
            hint = f"did you mean {near[0]}?" if near else "brokerctl --help lists all"
            raise click.UsageError(f"there is no command {args[0]}; {hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The commands by section, then the common options."""
        self.format_commands(ctx, formatter)
        _write_options("Which broker", BROKER_OPTIONS, ctx, formatter)
        own = [parameter for parameter in super().get_params(ctx) if parameter.name not in COMMON_NAMES]
        _write_options("How to write", [*OUTPUT_OPTIONS, *own], ctx, formatter)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """One list per section."""
        for section, modules in SECTIONS.items():
            names = [name for names in modules.values() for name in names]
            rows = [(name, self._short_help(ctx, name)) for name in names]
            with formatter.section(section):
                formatter.write_dl(rows)

    def _short_help(self, ctx: click.Context, name: str) -> str:
        found = self.get_command(ctx, name)
        assert found is not None
        return found.get_short_help_str(SHORT_HELP_CHARACTERS)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """The exit statuses."""
        with formatter.section("Exit status"):
            formatter.write_dl([(str(one.code), one.meaning) for one in EXITS])


def _write_options(
    title: str, parameters: list[click.Parameter] | tuple[click.Option, ...], ctx: click.Context,
    formatter: click.HelpFormatter,
) -> None:  # fmt: skip
    rows = [row for one in parameters if isinstance(one, click.Option) and (row := one.get_help_record(ctx))]
    if rows:
        with formatter.section(title):
            formatter.write_dl(rows)


click.UsageError.exit_code = USAGE
