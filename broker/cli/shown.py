"""How brokerctl writes lists: a table on a terminal, lines with tabs elsewhere, or JSON. Must not: ask the broker."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text


def show(title: str, columns: Sequence[str], items: Iterable[Mapping[str, Any]], as_json: bool) -> None:
    """Writes these columns of the items, in the order of their first columns' texts."""
    rows = [{column: item.get(column) for column in columns} for item in items]
    rows.sort(key=lambda row: str(row[columns[0]]))
    if as_json:
        click.echo(json.dumps(rows, indent=2))
    elif sys.stdout.isatty():
        _table(title, columns, rows)
    else:
        for line in (columns, *([cell(row[column]) for column in columns] for row in rows)):
            click.echo("\t".join(line))


def _table(title: str, columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
    table = Table(title=title, title_justify="left", title_style="bold")
    for column in columns:
        is_number = all(isinstance(row[column], int) for row in rows)
        table.add_column(column, justify="right" if is_number else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell(row[column])) for column in columns))
    Console().print(table)


def cell(value: object) -> str:
    """A value as one field of a line: no tabs, no line breaks, nothing a terminal could take as a command."""
    if value is None:
        text = ""
    elif isinstance(value, bool):
        text = str(value).lower()
    elif isinstance(value, list):
        text = "[" + ", ".join(map(str, value)) + "]"
    else:
        text = json.dumps(value) if isinstance(value, dict) else str(value)
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)
