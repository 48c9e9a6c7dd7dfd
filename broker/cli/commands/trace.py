"""brokerctl trace: messages as they come into the broker and leave it, live. Must not: hold anything up."""

from __future__ import annotations

import json
import time
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
LEFT_OUT: Final = "left_out"
MS_PER_S: Final = 1000


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
    chosen = {"vhost": vhost, "queue": queue, "exchange": exchange, "user": username}
    if context.timeout_s is None:
        context.client.timeout_s = None  # nothing may happen for hours
    shown = 0
    with context.client.stream(TRACE, **chosen, body="true" if bodies else "false") as lines:
        for event in events(lines):
            _write(context, event)
            shown += 1
            if shown == count:
                return


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


def _write(context: Context, event: dict[str, Any]) -> None:
    from broker.cli.shown import cell  # noqa: PLC0415

    if context.is_json:
        click.echo(json.dumps(event))
        return
    click.echo(" ".join(cell(word) for word in _words(event) if word))
    if "payload" in event:
        click.echo(f"    {cell(str(event['payload'])[:SHOWN_CHARACTERS])}")


def _words(event: dict[str, Any]) -> Iterator[str]:
    """An event as a line."""
    kind = str(event.get("event", ""))
    if kind == LEFT_OUT:
        yield f"({event.get('count')} more were left out: there was too much to show)"
        return
    at_s, at_ms = divmod(int(event.get("timestamp", 0)), MS_PER_S)
    yield f"{time.strftime('%H:%M:%S', time.localtime(at_s))}.{at_ms:03}"
    yield f"{kind:<9}"
    yield f'exchange "{event.get("exchange", "")}" key "{event.get("routing_key", "")}"'
    yield f"→ {', '.join(event.get('queues') or ()) or 'no queue'}"
    yield f"{event.get('payload_bytes', 0)} bytes"
    yield f"by {event['user']}" if event.get("user") else ""
    yield f"to {event['consumer']}" if event.get("consumer") else ""
    yield "redelivered" if event.get("redelivered") else ""
