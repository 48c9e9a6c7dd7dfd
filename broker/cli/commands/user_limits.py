"""brokerctl's commands about how many connections and channels a user may have. Must not: know which limits exist."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import click

from broker.cli.arguments import complete_user, json_object, user_argument
from broker.cli.context import Context
from broker.cli.exits import DataError, RefusedError
from broker.cli.group import command
from broker.cli.paths import about_user, part

EVERY: Final = "all"
NOT_FOUND: Final = 404


def put_limits(context: Context, path: str, definition: str) -> dict[str, Any]:
    """PUTs each limit of a JSON object below a path; returns the object. Raises: DataError, RefusedError."""
    limits = json_object(definition, "the limits")
    if not limits:
        raise DataError("no limit is given; as in '{\"max-connections\": 100}'")
    for name, value in limits.items():
        if isinstance(value, bool) or not isinstance(value, int):
            raise DataError(f"the limit {name} is a whole number, -1 for none, not {value!r}")
    for name, value in limits.items():
        context.client.put(f"{path}/{part(name)}", {"value": value})
    return limits


def delete_limits(context: Context, names: list[str], path: str) -> None:
    """DELETEs these limits below a path; one that has gone meanwhile is no error."""
    for name in names:
        try:
            context.client.delete(f"{path}/{part(name)}")
        except RefusedError as error:
            if error.status != NOT_FOUND:
                raise


def limits_of(context: Context, path: str, key: str, name: str) -> dict[str, Any]:
    """The limits of one user or vhost, empty where it has none."""
    items = context.client.get(f"{path}/{part(name)}")
    return next((dict(item["value"]) for item in items if item[key] == name), {})


def show_limits(context: Context, title: str, path: str, key: str, keep: Callable[[str], bool]) -> None:
    """Lists users or vhosts with their limits."""
    items = ({key: item[key], "limits": item["value"]} for item in context.client.get(path) if keep(item[key]))
    context.show(title, (key, "limits"), items)


@command
@user_argument
@click.argument("definition")
def set_user_limits(context: Context, username: str, definition: str) -> None:
    """Limit a user's connections and channels: '{"max-connections": 10, "max-channels": 100}'."""
    with about_user(context.client, username):
        limits = put_limits(context, f"/api/user-limits/{part(username)}", definition)
    context.done(f'User "{username}" has these limits.', user=username, limits=limits)


@command
@user_argument
@click.argument("limit")
def clear_user_limits(context: Context, username: str, limit: str) -> None:
    """Lift one of a user's limits, or all with the word all."""
    with about_user(context.client, username):
        context.client.get(f"/api/users/{part(username)}")
        held = limits_of(context, "/api/user-limits", "user", username)
        delete_limits(context, list(held) if limit == EVERY else [limit], f"/api/user-limits/{part(username)}")
    context.done(f'User "{username}" has no such limit.', user=username, limit=limit)


@command
@click.option("--user", "username", metavar="NAME", shell_complete=complete_user, help="Only this user.")
@click.option("--global", "_is_global", is_flag=True, help="All users, as without --user.")
def list_user_limits(context: Context, username: str | None, _is_global: bool) -> None:
    """List the limits of users."""
    show_limits(context, "Limits of users", "/api/user-limits", "user", lambda name: username in (None, name))
