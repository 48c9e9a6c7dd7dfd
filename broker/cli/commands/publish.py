"""brokerctl publish: puts messages into the broker through its HTTP API. Must not: route them."""

from __future__ import annotations

import base64
import sys
from pathlib import Path
from typing import Any, Final

import click

from broker.cli.arguments import complete_exchange, pairs, vhost_option
from broker.cli.context import Context
from broker.cli.exits import FOUND, NO_INPUT, OK, CtlError, DataError
from broker.cli.group import command
from broker.cli.paths import part
from broker.cli.progress import counting

STANDARD: Final = "-"
DEFAULT_EXCHANGE: Final = "amq.default"  # its name in paths of the HTTP API
BODY_BYTES_MAX: Final = 128 * 1024 * 1024
REPEAT_MAX: Final = 1_000_000
PROPERTIES: Final = (
    "content_type", "content_encoding", "delivery_mode", "priority", "correlation_id", "reply_to", "expiration",
    "message_id", "timestamp", "type", "user_id", "app_id", "cluster_id",
)  # fmt: skip
TEXTS: Final = frozenset(PROPERTIES) - {"delivery_mode", "priority", "timestamp"}


@command
@vhost_option
@click.argument("routing_key")
@click.argument("body", required=False)
@click.option("-x", "--exchange", default="", metavar="NAME", shell_complete=complete_exchange,
              help="Where to publish; by default straight to the queue that ROUTING_KEY names.")  # fmt: skip
@click.option("-F", "--file", "file", metavar="FILE", help="The body is in this file; - is standard input.")
@click.option("--property", "properties", multiple=True, metavar="NAME=VALUE",
              help=f"One of {', '.join(PROPERTIES)}; several times.")  # fmt: skip
@click.option("--header", "headers", multiple=True, metavar="NAME=VALUE", help="A header; several times.")
@click.option("--persistent/--transient", default=True, show_default=True, help="Whether it outlives a restart.")
@click.option("--repeat", type=click.IntRange(1, REPEAT_MAX), default=1, show_default=True, metavar="N",
              help="Publish it so often.")  # fmt: skip
def publish(
    context: Context, vhost: str, routing_key: str, body: str | None, exchange: str, file: str | None,
    properties: tuple[str, ...], headers: tuple[str, ...], persistent: bool, repeat: int,
) -> int:  # fmt: skip
    """Publish a message. BODY is text; without it, it is read from --file or a pipe.

    Exit status: 1 where no queue took it.
    """
    request = {
        "routing_key": routing_key, "properties": _properties(properties, headers, persistent),
        **_payload(_body(body, file)),
    }  # fmt: skip
    path = f"/api/exchanges/{part(vhost)}/{part(exchange or DEFAULT_EXCHANGE)}/publish"
    routed = 0
    for _ in counting("Publishing", range(repeat)):
        routed += bool(context.client.post(path, request)["routed"])
    context.done(_told(routed, repeat), published=repeat, routed=routed)
    return OK if routed == repeat else FOUND


def _told(routed: int, count: int) -> str:
    if routed == count:
        return f"{count} messages are published." if count > 1 else "The message is published."
    if count == 1:
        return "The message went to no queue: nothing is bound there with that routing key."
    return f"{count - routed} of {count} messages went to no queue: nothing is bound there with that routing key."


def _properties(given: tuple[str, ...], headers: tuple[str, ...], persistent: bool) -> dict[str, Any]:
    found: dict[str, Any] = {"delivery_mode": 2 if persistent else 1}
    for name, value in pairs(given, "--property").items():
        key = name.replace("-", "_")
        if key not in PROPERTIES:
            raise DataError(f"{name} is no property; there are {', '.join(PROPERTIES)}, and --header for headers")
        found[key] = value if key not in TEXTS or isinstance(value, str) else _as_given(given, name)
    if headers:
        found["headers"] = pairs(headers, "--header")
    return found


def _as_given(given: tuple[str, ...], name: str) -> str:
    """A property that is a text, though what was given looks like a number."""
    return next(text for word in reversed(given) for key, _, text in [word.partition("=")] if key == name)


def _body(body: str | None, file: str | None) -> bytes:
    if body is not None and file is not None:
        raise DataError("the body is given twice: as an argument and as a file")
    if body is not None:
        return body.encode("utf-8", "surrogateescape")
    if file is None and sys.stdin.isatty():
        raise DataError("there is no body: give it as an argument, with --file, or through a pipe")
    try:
        content = sys.stdin.buffer.read(BODY_BYTES_MAX + 1) if file in (None, STANDARD) else _read(str(file))
    except OSError as error:
        raise CtlError(f"{file} cannot be read: {error.strerror}", NO_INPUT) from None
    if len(content) > BODY_BYTES_MAX:
        raise DataError(f"the body has more than {BODY_BYTES_MAX} bytes")
    return content


def _read(file: str) -> bytes:
    with Path(file).open("rb") as opened:
        return opened.read(BODY_BYTES_MAX + 1)


def _payload(body: bytes) -> dict[str, str]:
    try:
        return {"payload": body.decode(), "payload_encoding": "string"}
    except UnicodeDecodeError:
        return {"payload": base64.b64encode(body).decode("ascii"), "payload_encoding": "base64"}
