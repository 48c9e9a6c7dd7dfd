"""brokerctl log_tail: the broker's recent log lines. Must not: read a file."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import Any, Final

import click

from broker.cli.context import Context
from broker.cli.group import command

LOGS: Final = "/api/leveret/logs"
LINES: Final = 50
LINES_MAX: Final = 1000
ASK_EVERY_S: Final = 0.5


@command
@click.option("-N", "--number", type=click.IntRange(1, LINES_MAX), default=LINES, show_default=True, metavar="LINES",
              help="How many of the last lines.")  # fmt: skip
@click.option("-f", "--follow", is_flag=True, help="Go on with the lines that come, until Ctrl-C.")
def log_tail(context: Context, number: int, follow: bool) -> None:
    """Show the last lines of the broker's log."""
    seen = _lines(context, number)
    _write(context, seen)
    while follow:
        time.sleep(ASK_EVERY_S)
        lines = _lines(context, LINES_MAX)
        _write(context, _behind(seen, lines))
        seen = lines


def _lines(context: Context, number: int) -> list[dict[str, Any]]:
    answer = context.client.get(LOGS, lines=number)
    lines: list[dict[str, Any]] = answer["lines"] if isinstance(answer, dict) else answer
    return lines


def _behind(seen: Sequence[dict[str, Any]], lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The lines that come after the last one seen; all where it is not among them any more."""
    for index in range(len(lines) - 1, -1, -1):
        if seen and lines[index] == seen[-1]:
            return lines[index + 1 :]
    return lines


def _write(context: Context, lines: Sequence[dict[str, Any]]) -> None:
    from broker.cli.shown import cell  # noqa: PLC0415

    for line in lines:
        click.echo(json.dumps(line) if context.is_json else cell(_as_text(line)))


def _as_text(line: dict[str, Any]) -> str:
    if "text" in line:
        return str(line["text"])
    stamp = str(line.get("time", "")).replace("T", " ").removesuffix("Z")
    words = (stamp, str(line.get("level", "")).upper(), f"{line.get('logger', '')}:", str(line.get("message", "")))
    return " ".join(word for word in words if word)
