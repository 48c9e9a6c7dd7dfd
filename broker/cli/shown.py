"""How brokerctl writes lists: a table on a terminal, lines with tabs elsewhere, or JSON. Must not: ask the broker."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import click


def show(title: str, columns: Sequence[str], items: Iterable[Mapping[str, Any]], as_json: bool) -> None:
    """Writes these columns of the items, as JSON or as suits who reads them."""
    show_list(title, columns, items, "json" if as_json else None, True)


def show_list(
    title: str, columns: Sequence[str], items: Iterable[Mapping[str, Any]], format_name: str | None, has_headers: bool
) -> None:
    """Writes these columns of the items, in the order of their first columns' texts.

    Args: `format_name` is one of options.FORMATS; None is a table with lines on a terminal and with tabs elsewhere.
    """
    rows = [{column: item.get(column) for column in columns} for item in items]
    rows.sort(key=lambda row: str(row[columns[0]]))
    write_rows(title, columns, rows, format_name, has_headers)


def write_rows(
    title: str, columns: Sequence[str], rows: Sequence[Mapping[str, Any]], format_name: str | None, has_headers: bool
) -> None:
    """Writes rows in the order they have; the rest is as in `show_list`."""
    if format_name == "json":
        click.echo(json.dumps(rows, indent=2))
    elif format_name == "csv":
        lines = csv.writer(sys.stdout, lineterminator="\n")
        lines.writerows(_lines(columns, rows, has_headers))
    elif format_name == "pretty_table" or (format_name is None and sys.stdout.isatty()):
        _table(title, columns, rows, has_headers)
    else:
        for line in _lines(columns, rows, has_headers):
            click.echo("\t".join(line))


def _lines(columns: Sequence[str], rows: Iterable[Mapping[str, Any]], has_headers: bool) -> Iterable[Sequence[str]]:
    if has_headers:
        yield columns
    for row in rows:
        yield [cell(row[column]) for column in columns]


def _table(title: str, columns: Sequence[str], rows: Sequence[Mapping[str, Any]], has_headers: bool) -> None:
    from rich.console import Console  # noqa: PLC0415 - a program that reads lines need not wait for it
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(title=Text(cell(title)), title_justify="left", title_style="bold", show_header=has_headers)
    for column in columns:
        is_number = all(isinstance(row[column], int | float) for row in rows)
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
