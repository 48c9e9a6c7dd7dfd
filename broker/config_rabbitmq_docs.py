"""Writes docs/rabbitmq-settings.md from the tables, to stdout: `python -m broker.config_rabbitmq_docs`.

Must not: say anything about a key or a variable that its row does not.
"""

from __future__ import annotations

from broker.config import Config
from broker.config_options import options_of
from broker.config_rabbitmq import KEYS, NOT_NEEDED, QUIET, VARIABLES, Key

HEAD = """# RabbitMQ's settings here

<!-- Generated from broker/config_rabbitmq.py by `python -m broker.config_rabbitmq_docs`; a test keeps it in step. -->

`brokerctl convert_rabbitmq_conf FILE` turns a rabbitmq.conf into a file for `brokerd --config`. It prints the settings
below that the file has, and every other entry as a comment with the reason. [configuration.md](configuration.md)
explains the settings.

## rabbitmq.conf

| Key | Setting here | |
|---|---|---|
"""
VARIABLES_HEAD = """
Keys that are not listed are not needed here.

## Variables that are taken

| Variable | Setting here |
|---|---|
"""
IGNORED_HEAD = """
## Variables that do nothing

Each that is given is named in the log at the start, with what to do instead. Others that begin with `RABBITMQ_` are
taken for an application's own.

| Variable | |
|---|---|
"""


def markdown() -> str:
    """The whole page."""
    keys = "".join(_row(key) for key in KEYS)
    taken = "".join(
        f"| `{alias}` | `{option.name}` |\n" for option in options_of(Config) for alias in option.aliases
    )  # fmt: skip
    ignored = "".join(f"| `{name}` | {advice}{_quiet(name)} |\n" for name, advice in VARIABLES.items())
    return HEAD + keys + VARIABLES_HEAD + taken + IGNORED_HEAD + ignored


def _row(key: Key) -> str:
    settings = ", ".join(f"`{name}`" for name in key.settings) or "none"
    return f"| `{key.name}` | {settings} | {key.note or ('' if key.settings else NOT_NEEDED)} |\n"


def _quiet(name: str) -> str:
    values = QUIET.get(name)
    return f" (`{'`, `'.join(values)}` is how it is)" if values else ""


if __name__ == "__main__":
    print(markdown(), end="")
