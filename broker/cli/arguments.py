"""Arguments and options that several commands take, with the names that complete them. Must not: change anything."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

import click
from click.shell_completion import CompletionItem

from broker.cli.context import Context
from broker.cli.exits import DataError

COMPLETION_TIMEOUT_S: Final = 2.0
COMPLETIONS_MAX: Final = 200
SHOWN_CHARACTERS: Final = 80
Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def _names(path: str, key: str = "name") -> Complete:
    """Completes with the names at a path of the API; with nothing where the broker cannot be asked."""

    def complete(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
        held = context.find_object(Context)
        if held is None:
            return []
        held.timeout_s = COMPLETION_TIMEOUT_S
        try:
            from broker.cli.paths import part  # noqa: PLC0415

            vhost = part(str(context.params.get("vhost") or "/"))
            items = held.client.get(path.format(vhost=vhost))
            names = sorted({str(item[key]) for item in items if str(item[key]).startswith(incomplete)})
        except Exception:  # whatever is wrong, a half-typed line is no place to tell
            return []
        return [CompletionItem(name) for name in names[:COMPLETIONS_MAX]]

    return complete


complete_vhost = _names("/api/vhosts")
complete_user = _names("/api/users")
complete_queue = _names("/api/queues/{vhost}")
complete_exchange = _names("/api/exchanges/{vhost}")
complete_connection = _names("/api/connections")
complete_policy = _names("/api/policies/{vhost}")

vhost_option = click.option(
    "-p", "--vhost", default="/", show_default=True, metavar="VHOST", shell_complete=complete_vhost,
    help="The virtual host.", is_eager=True,
)  # fmt: skip
user_argument = click.argument("username", shell_complete=complete_user)
vhost_argument = click.argument("vhost", shell_complete=complete_vhost)
queue_argument = click.argument("queue", shell_complete=complete_queue)
exchange_argument = click.argument("exchange", shell_complete=complete_exchange)
password_file_help: Final = "Read it from the first line of this file; - is standard input."


def json_value(text: str, what: str) -> Any:
    """A value given as JSON. Raises: DataError."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        hint = "quote it for the shell, as '{\"max-length\": 100}'"
        raise DataError(f"not JSON: {_cut(text)} ({what}); {hint}") from None


def json_object(text: str, what: str) -> dict[str, Any]:
    """An object given as JSON. Raises: DataError."""
    value = json_value(text, what)
    if not isinstance(value, dict):
        raise DataError(f"no JSON object: {_cut(text)} ({what})")
    return value


def _cut(text: str) -> str:
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}…"


def pairs(given: tuple[str, ...], what: str) -> dict[str, Any]:
    """NAME=VALUE options as an object: a value that is a JSON number, list, object, true or false is that.

    Raises: DataError.
    """
    found: dict[str, Any] = {}
    for one in given:
        name, equals, text = one.partition("=")
        if not equals or not name:
            raise DataError(f"{what} is given as NAME=VALUE, not {one}")
        found[name] = _plain_or_json(text)
    return found


def _plain_or_json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def arguments_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--argument NAME=VALUE`, as often as needed."""
    return click.option(
        "-a", "--argument", "arguments", multiple=True, metavar="NAME=VALUE",
        help="An argument, as x-max-priority=10; it may be given several times.",
    )(command)  # fmt: skip
