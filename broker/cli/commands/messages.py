"""brokerctl get and peek: looks at messages that wait in a queue. Must not: settle what it was not told to."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Any, Final

import click

from broker.cli.arguments import queue_argument, vhost_option
from broker.cli.context import Context
from broker.cli.group import command
from broker.cli.paths import part

COUNT_MAX: Final = 10_000
TRUNCATE_BYTES: Final = 50_000
MODES: Final = ("ack_requeue_true", "ack_requeue_false", "reject_requeue_true", "reject_requeue_false")
REQUEUE, ACK, REJECT = MODES[0], MODES[1], MODES[3]
SHOWN_BYTES: Final = 300
COLUMNS: Final = ("exchange", "routing_key", "redelivered", "properties", "payload_bytes", "payload")

count_option = click.option("-c", "--count", type=click.IntRange(1, COUNT_MAX), default=1, show_default=True,
                            metavar="N", help="How many at most.")  # fmt: skip
body_option = click.option("--payload-file", metavar="FILE", type=click.Path(dir_okay=False, writable=True),
                           help="Write the first message's body there, byte by byte.")  # fmt: skip
truncate_option = click.option("--truncate", type=click.IntRange(1), default=TRUNCATE_BYTES, show_default=True,
                               metavar="BYTES", help="Longer bodies are cut.")  # fmt: skip


@command
@vhost_option
@queue_argument
@count_option
@truncate_option
@click.option("--ack", "mode", flag_value=ACK, help="Take the messages out of the queue.")
@click.option(
    "--requeue", "mode", flag_value=REQUEUE, default=True, help="Put them back, marked redelivered (default)."
)
@click.option("--reject", "mode", flag_value=REJECT, help="Reject them: they are dropped, or dead-lettered.")
@click.option("--ackmode", type=click.Choice(MODES), help="The same in the words of rabbitmqadmin.")
@body_option
def get(
    context: Context, vhost: str, queue: str, count: int, truncate: int, mode: str, ackmode: str | None,
    payload_file: str | None,
) -> None:  # fmt: skip
    """Get messages from a queue as a consumer would. They come back marked redelivered; peek leaves them alone."""
    body = {"count": count, "ackmode": ackmode or mode, "encoding": "auto"}
    if payload_file is None:
        body["truncate"] = truncate
    messages = context.client.post(f"/api/queues/{part(vhost)}/{part(queue)}/get", body)
    _show(context, queue, messages, payload_file)


@command
@vhost_option
@queue_argument
@click.argument("position", type=click.IntRange(1), default=1)
@count_option
@truncate_option
@click.option("--search", metavar="TEXT", help="Only messages with this text in body, properties, exchange or key.")
@body_option
def peek(
    context: Context, vhost: str, queue: str, position: int, count: int, truncate: int, search: str | None,
    payload_file: str | None,
) -> None:  # fmt: skip
    """Look at waiting messages, from POSITION (1 is the oldest) on, without touching their order or marks."""
    path = f"/api/queues/{part(vhost)}/{part(queue)}/messages"
    query = {"search": search, "truncate": None if payload_file else truncate}
    answer = context.client.get(path, offset=position - 1, count=count, **query)
    messages = answer["items"]
    while len(messages) < count and answer["next"]:
        answer = context.client.get(path, after=answer["next"], count=count - len(messages), **query)
        messages += answer["items"]
    _show(context, queue, messages, payload_file)


def _show(context: Context, queue: str, messages: Sequence[dict[str, Any]], payload_file: str | None) -> None:
    if payload_file is not None and messages:
        from pathlib import Path  # noqa: PLC0415

        Path(payload_file).write_bytes(payload_of(messages[0]))
    if context.is_json:
        click.echo(json.dumps(messages, indent=2))
    elif context.format is not None:
        context.show(f"Messages in queue {queue}", COLUMNS, messages)
    elif not messages:
        context.done(f'No message waits in queue "{queue}".')
    else:
        for message in messages:
            _tell(message)


def payload_of(message: dict[str, Any]) -> bytes:
    """The body of a message of the API, as it was published."""
    payload: str = message["payload"]
    return base64.b64decode(payload) if message["payload_encoding"] == "base64" else payload.encode()


def _tell(message: dict[str, Any]) -> None:
    from broker.cli.shown import cell  # noqa: PLC0415

    mark = ", redelivered" if message.get("redelivered") else ""
    key, exchange = cell(message["routing_key"]), cell(message["exchange"])
    click.echo(f'{message["payload_bytes"]} bytes to "{key}" through exchange "{exchange}"{mark}')
    properties = dict(message.get("properties") or {})
    headers = properties.pop("headers", {})
    for name, value in [*properties.items(), *headers.items()]:
        click.echo(f"    {cell(name)}: {cell(value)}")
    click.echo(f"    {_shown(message)}\n")


def _shown(message: dict[str, Any]) -> str:
    from broker.cli.shown import cell  # noqa: PLC0415

    payload: str = message["payload"]
    rest = len(payload) - SHOWN_BYTES
    encoded = " (base64)" if message["payload_encoding"] == "base64" else ""
    return f"{cell(payload[:SHOWN_BYTES])}{f' … and {rest} more characters' if rest > 0 else ''}{encoded}"
