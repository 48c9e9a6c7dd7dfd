"""brokerctl trace: messages as they come into the broker and leave it, live. Must not: hold anything up."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, Final

import click

from broker.cli.arguments import complete_queue, complete_vhost
from broker.cli.context import Context
from broker.cli.group import command

TRACE: Final = "/api/leveret/trace"
DATA: Final = b"data:"
EVENT: Final = b"event:"
EVENT_LINES_MAX: Final = 1000
SHOWN_CHARACTERS: Final = 120


@command
@click.option("-p", "--vhost", metavar="VHOST", shell_complete=complete_vhost, help="Only in this virtual host.")
@click.option(
    "--queue", metavar="NAME", shell_complete=complete_queue, help="Only what goes into or out of this queue."
)
@click.option("--exchange", metavar="NAME", help="Only what is published to this exchange.")
@click.option("--user", "username", metavar="NAME", help="Only what this user does.")
@click.option("-c", "--count", type=click.IntRange(1), metavar="N", help="End after so many events.")
@click.option("--bodies/--no-bodies", default=False, help="Show the bodies too.")
def trace(
    context: Context, vhost: str | None, queue: str | None, exchange: str | None, username: str | None,
    count: int | None, bodies: bool,
) -> None:  # fmt: skip
    """Show messages as they are published and delivered, until Ctrl-C. With --json, a line of JSON each."""
    wanted = {"queue": queue, "exchange": exchange, "user": username}
    if context.timeout_s is None:
        context.client.timeout_s = None  # nothing may happen for hours
    shown = 0
    with context.client.stream(TRACE, vhost=vhost) as lines:
        for event in events(lines):
            if not is_wanted(event, wanted):
                continue
            _write(context, event, bodies)
            shown += 1
            if shown == count:
                return


def is_wanted(event: dict[str, Any], wanted: dict[str, str | None]) -> bool:
    """Whether an event is of this queue, exchange and user, each where one is named."""
    for name, value in wanted.items():
        known = (event.get(name), *(event.get(f"{name}s") or ()), *(event.get(f"routed_{name}s") or ()))
        if value is not None and value not in known:
            return False
    return True


def events(lines: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """Server-sent events as their JSON objects; an `event:` line is their `event`."""
    kind = ""
    data: list[bytes] = []
    for line in lines:
        stripped = line.rstrip(b"\r\n")
        if stripped.startswith(DATA) and len(data) < EVENT_LINES_MAX:
            data.append(stripped[len(DATA) :].strip())
        elif stripped.startswith(EVENT):
            kind = stripped[len(EVENT) :].strip().decode("utf-8", "replace")
        elif not stripped and data:
            value = json.loads(b"\n".join(data))
            yield {"event": kind, **value} if kind and isinstance(value, dict) else value
            kind, data = "", []


def _write(context: Context, event: dict[str, Any], has_bodies: bool) -> None:
    from broker.cli.shown import cell  # noqa: PLC0415

    if context.is_json:
        click.echo(json.dumps(event))
        return
    words = [f"{name}={cell(value)}" for name, value in event.items() if name not in ("payload", "event", "properties")]
    click.echo(f"{cell(event.get('event', ''))} {' '.join(words)}".strip())
    if has_bodies and "payload" in event:
        click.echo(f"    {cell(str(event['payload'])[:SHOWN_CHARACTERS])}")
