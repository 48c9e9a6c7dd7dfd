"""What every brokerctl command shares: the broker it talks to, and how it answers. Must not: run a command."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from broker.cli.target import TIMEOUT_S, Given, data_dir_of, target_of, with_environment

if TYPE_CHECKING:
    from broker.cli.client import Client

JSON_FORMAT = "json"
NAME_WIDTH = 16


class Context:
    """Options may stand before the command's name or behind it; what they say is collected here."""

    def __init__(self) -> None:
        self.given = Given()
        self.environment = Given()
        self.timeout_s: float | None = None
        self.format: str | None = None
        self.has_headers = True
        self.is_quiet = False
        self._client: Client | None = None

    @property
    def data_dir(self) -> Path:
        """The data folder that was given, or that brokerd would use."""
        return data_dir_of(self.given.data_dir)

    @property
    def client(self) -> Client:
        """A client for the broker that is meant."""
        if self._client is None:
            from broker.cli.client import Client  # noqa: PLC0415 - --help needs no HTTP

            target = target_of(with_environment(self.given, self.environment))
            self._client = Client(target, TIMEOUT_S if self.timeout_s is None else self.timeout_s)
        return self._client

    @property
    def is_json(self) -> bool:
        """Whether a program reads the answer."""
        return self.format == JSON_FORMAT

    def show(self, title: str, columns: Sequence[str], items: Iterable[Mapping[str, Any]]) -> None:
        """Writes these columns of a list."""
        from broker.cli.shown import show_list  # noqa: PLC0415

        show_list(title, columns, items, self.format, self.has_headers)

    def show_facts(self, facts: Iterable[tuple[str, object]], value: object) -> None:
        """Writes facts line by line for people, or `value` as JSON."""
        from broker.cli.shown import cell  # noqa: PLC0415

        if self.is_json:
            click.echo(json.dumps(value, indent=2))
            return
        lines = [(name, cell(held)) for name, held in facts]
        width = max([NAME_WIDTH, *(len(name) for name, _ in lines)])
        for name, held in lines:
            click.echo(f"{name:<{width}} {held}".rstrip())

    def done(self, text: str, **facts: object) -> None:
        """Says that it worked, with the same as JSON for programs."""
        if self.is_json:
            click.echo(json.dumps(facts))
        elif not self.is_quiet:
            from broker.cli.shown import cell  # noqa: PLC0415

            click.echo(cell(text))

    def warn(self, text: str) -> None:
        """Tells people something beside the answer."""
        click.echo(f"brokerctl: {text}", err=True)
