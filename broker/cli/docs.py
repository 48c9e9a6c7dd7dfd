"""docs/brokerctl.md, written from the tree of commands. Must not: say what the commands do not say."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterable, Iterator
from typing import Final

import click

from broker.cli.brokerctl import brokerctl
from broker.cli.exits import EXITS
from broker.cli.group import BrokerCommand
from broker.cli.options import BROKER_OPTIONS, OUTPUT_OPTIONS
from broker.cli.table import SECTIONS

WIDTH: Final = 100
INTRODUCTION: Final = """\
# brokerctl

<!-- Written by `make docs` from broker/cli; do not edit. -->

`brokerctl` looks at and manages a broker. Names, arguments and meanings are those of `rabbitmqctl`,
`rabbitmq-diagnostics` and `rabbitmq-queues` where these have the command; `list_queues` and `list-queues` are the same.

```sh
brokerctl status                                             # the broker on this machine, through its unix socket
brokerctl --url https://ops@broker.example:15671 status      # another one, through its management port
BROKERCTL_URL=http://broker:15672 BROKERCTL_USER=ops BROKERCTL_PASSWORD_FILE=ops.pw brokerctl list_queues
brokerctl list_queues name messages_ready consumers --json   # for programs
brokerctl doctor --celery tasks:app                          # what is wrong, and what to do
```

On the broker's machine it uses a socket in the data folder, which only the folder's owner may open, and needs no
password. With `--url`, `--host`, `--port` or `--user` it talks to the management port, to which a user with the tag
`management` may log in; most changes need `administrator`. Passwords need not stand on the command line: they are asked
for, or read from a file or a pipe.

A list is a table on a terminal, lines with tabs in a pipe, JSON with `--json`. Everything else that a command says with
`--json` is one JSON object. Errors go to stderr, in one line that says what to do.

Of `rabbitmqctl` there is nothing about clusters, mirroring, Erlang and its cookie. `-n` is accepted for nodes of this
machine, so that scripts go on working, and refused for others: a command must not reach another broker than was meant.

Shells complete commands, options, and the names of virtual hosts, queues, users and connections:
`eval "$(brokerctl completion bash)"`.
"""


def markdown() -> str:
    """The whole page."""
    return "\n".join([INTRODUCTION, *_common(), *_exits(), *_sections()])


def _common() -> Iterator[str]:
    context = click.Context(brokerctl, info_name="brokerctl")
    for title, options in (("Which broker", BROKER_OPTIONS), ("How to write", OUTPUT_OPTIONS)):
        yield f"## {title}\n"
        yield "These options may stand before a command's name or behind it.\n"
        yield from _options(options, context)


def _options(parameters: Iterable[click.Parameter], context: click.Context) -> Iterator[str]:
    rows = [row for parameter in parameters if (row := parameter.get_help_record(context)) is not None]
    if rows:
        yield "| Option | Meaning |\n|---|---|"
        yield from (f"| `{_in_cell(name)}` | {_in_cell(text)} |" for name, text in rows)
        yield ""


def _in_cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _exits() -> Iterator[str]:
    yield "## Exit status\n"
    yield "| Status | sysexits.h | Meaning |\n|---|---|---|"
    yield from (f"| {one.code} | {one.name} | {one.meaning} |" for one in EXITS)
    yield ""


def _sections() -> Iterator[str]:
    context = click.Context(brokerctl, info_name="brokerctl")
    for section, modules in SECTIONS.items():
        yield f"## {section}\n"
        for name in (name for names in modules.values() for name in names):
            found = brokerctl.get_command(context, name)
            assert found is not None
            yield from _command(found, click.Context(found, context, name), 3)


def _command(command: click.Command, context: click.Context, level: int) -> Iterator[str]:
    own = command.params if isinstance(command, BrokerCommand) else []
    yield f"{'#' * level} {command.name}\n"
    usage = " ".join(command.collect_usage_pieces(context))
    yield f"```text\n{context.command_path} {usage}".rstrip() + "\n```\n"
    yield inspect.cleandoc(command.help or "") + "\n"
    for one in own:
        if isinstance(one, click.Argument) and isinstance(one.type, click.Choice):
            yield f"{str(one.name).capitalize()}: {', '.join(f'`{choice}`' for choice in one.type.choices)}.\n"
    yield from _options((one for one in own if isinstance(one, click.Option)), context)
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            yield from _command(inner, click.Context(inner, context, name), level + 1)


if __name__ == "__main__":
    sys.stdout.write(markdown())
