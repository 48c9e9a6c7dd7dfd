"""brokerctl's commands about users and their passwords. Must not: check what the broker checks, print a password."""

from __future__ import annotations

from typing import Any, Final

import click

from broker.cli.arguments import password_file_help, user_argument
from broker.cli.context import Context
from broker.cli.exits import DATA, SOFTWARE, CtlError, RefusedError
from broker.cli.group import command
from broker.cli.paths import about_user, part
from broker.cli.secrets import known_password, new_password

CONFLICTS: Final = (409, 412)
RIGHTS_HINT: Final = "It may not enter any virtual host yet: brokerctl set_permissions gives it rights."
HASH_FIELDS: Final = ("password_hash", "hashing_algorithm")
SCHEMES: Final = {"sha256": "rabbit_password_hashing_sha256", "sha512": "rabbit_password_hashing_sha512"}

password_argument = click.argument("password", required=False)
file_option = click.option("--password-file", "file", metavar="FILE", help=password_file_help)


def _path(username: str) -> str:
    return f"/api/users/{part(username)}"


def _user(context: Context, username: str) -> dict[str, Any]:
    with about_user(context.client, username):
        found: dict[str, Any] = context.client.get(_path(username))
    return found


def _kept(user: dict[str, Any], *names: str) -> dict[str, Any]:
    """Those fields of a user that a change must send back, or they would be cleared."""
    return {name: user[name] for name in names if user.get(name) is not None}


@command
@click.argument("username")
@password_argument
@file_option
@click.option("--pre-hashed-password", "is_hash", is_flag=True, help="PASSWORD is a hash, as hash_password writes it.")
@click.option("--tags", default="", metavar="TAG,TAG", help="Tags to give it: administrator, monitoring, policymaker, "
                                                           "management.")  # fmt: skip
def add_user(context: Context, username: str, password: str | None, file: str | None, is_hash: bool, tags: str) -> None:
    """Create a user. Without PASSWORD it is asked for, or read from a pipe: others can see a command's arguments."""
    client = context.client
    if client.has(_path(username)):
        raise _exists(username)
    secret = new_password(password, file)
    body = {"password_hash" if is_hash or not secret else "password": secret, "tags": tags}
    try:
        client.put(_path(username), body, only_new=True)
    except RefusedError as error:
        raise _exists(username) if error.status in CONFLICTS else error from None
    context.done(f'User "{username}" is there. {RIGHTS_HINT}', user=username)


def _exists(username: str) -> CtlError:
    return CtlError(f'User "{username}" already exists; change_password gives it another password', SOFTWARE)


@command
@user_argument
def delete_user(context: Context, username: str) -> None:
    """Delete a user and its rights; its connections are closed."""
    with about_user(context.client, username):
        context.client.delete(_path(username))
    context.done(f'User "{username}" is gone.', user=username)


@command
@user_argument
@password_argument
@file_option
def change_password(context: Context, username: str, password: str | None, file: str | None) -> None:
    """Change a user's password. Without PASSWORD it is asked for, or read from a pipe."""
    user = _user(context, username)
    context.client.put(_path(username), {"password": new_password(password, file), **_kept(user, "tags")})
    context.done(f'User "{username}" has a new password.', user=username)


@command
@user_argument
def clear_password(context: Context, username: str) -> None:
    """Take a user's password away: it can log in no more, but with a certificate."""
    user = _user(context, username)
    context.client.put(_path(username), {"password_hash": "", **_kept(user, "tags")})
    context.done(f'User "{username}" has no password.', user=username)


@command
@user_argument
@password_argument
@file_option
def authenticate_user(context: Context, username: str, password: str | None, file: str | None) -> None:
    """Find out whether a user's password is right. Exit status: 0 right, 65 wrong."""
    secret = known_password(password, file)
    answer = context.client.post("/api/leveret/authenticate", {"username": username, "password": secret})
    if not answer["authenticated"]:
        raise CtlError(f'user "{username}": unknown, or the password is wrong', DATA)
    context.done(f'User "{username}" and its password are right.', user=username, authenticated=True)


@command
@user_argument
@click.argument("tags", nargs=-1, metavar="[TAG]...")
def set_user_tags(context: Context, username: str, tags: tuple[str, ...]) -> None:
    """Set a user's tags, in place of those it has: administrator, monitoring, policymaker, management, or none."""
    user = _user(context, username)
    named = [tag for word in tags for tag in word.split(",") if tag]
    context.client.put(_path(username), {"tags": ",".join(named), **_kept(user, *HASH_FIELDS)})
    context.done(f'User "{username}" has the tags: {", ".join(named) or "none"}.', user=username, tags=named)


@command
def list_users(context: Context) -> None:
    """List users and their tags."""
    items = ({"user": item["name"], "tags": _tags(item["tags"])} for item in context.client.pages("/api/users"))
    context.show("Users", ("user", "tags"), items)


def _tags(tags: str | list[str]) -> list[str]:
    return [tag for tag in tags.split(",") if tag] if isinstance(tags, str) else tags


@command
@password_argument
@file_option
@click.option("--algorithm", type=click.Choice(tuple(SCHEMES)), default="sha256", show_default=True,
              help="As RabbitMQ writes them.")  # fmt: skip
def hash_password(context: Context, password: str | None, file: str | None, algorithm: str) -> None:
    """Write a password's hash, for definitions or add_user --pre-hashed-password. Needs no broker."""
    from broker.auth.passwords import hash_password as hashed  # noqa: PLC0415 - a stranger to the other commands

    try:
        password_hash = hashed(new_password(password, file), SCHEMES[algorithm])
    except ValueError as error:
        raise CtlError(str(error), DATA) from None
    facts = {"password_hash": password_hash, "hashing_algorithm": SCHEMES[algorithm]}
    context.show_facts([("Hash", password_hash)], facts) if context.is_json else click.echo(password_hash)
