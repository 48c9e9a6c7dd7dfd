"""brokerctl's commands about what users may do in virtual hosts. Must not: check what the broker checks."""

from __future__ import annotations

from typing import Final

import click

from broker.cli.arguments import complete_exchange, user_argument, vhost_option
from broker.cli.context import Context
from broker.cli.group import command
from broker.cli.paths import about_user, part

RIGHTS: Final = ("configure", "write", "read")
TOPIC_RIGHTS: Final = ("exchange", "write", "read")


@command
@vhost_option
@user_argument
@click.argument("configure")
@click.argument("write")
@click.argument("read")
def set_permissions(context: Context, vhost: str, username: str, configure: str, write: str, read: str) -> None:
    """Give a user rights in a virtual host: three regular expressions over names.

    CONFIGURE is what it may declare and delete, WRITE where it may publish, READ what it may consume from.
    """
    rights = {"configure": configure, "write": write, "read": read}
    with about_user(context.client, username):
        context.client.put(f"/api/permissions/{part(vhost)}/{part(username)}", rights)
    context.done(f'User "{username}" has these rights in vhost "{vhost}".', user=username, vhost=vhost, **rights)


@command
@vhost_option
@user_argument
def clear_permissions(context: Context, vhost: str, username: str) -> None:
    """Take a user's rights in a virtual host away."""
    with about_user(context.client, username):
        context.client.delete(f"/api/permissions/{part(vhost)}/{part(username)}")
    context.done(f'User "{username}" has no rights in vhost "{vhost}".', user=username, vhost=vhost)


@command
@vhost_option
def list_permissions(context: Context, vhost: str) -> None:
    """List what users may do in a virtual host."""
    items = context.client.pages(f"/api/vhosts/{part(vhost)}/permissions")
    context.show(f"Permissions in vhost {vhost}", ("user", *RIGHTS), items)


@command
@user_argument
def list_user_permissions(context: Context, username: str) -> None:
    """List what a user may do, in every virtual host."""
    with about_user(context.client, username):
        items = list(context.client.pages(f"/api/users/{part(username)}/permissions"))
    context.show(f"Permissions of user {username}", ("vhost", *RIGHTS), items)


@command
@vhost_option
@user_argument
@click.argument("exchange", shell_complete=complete_exchange)
@click.argument("write")
@click.argument("read")
def set_topic_permissions(context: Context, vhost: str, username: str, exchange: str, write: str, read: str) -> None:
    """Limit a user's routing keys on a topic exchange: two regular expressions.

    {username} and {vhost} in them stand for the user's own.
    """
    rights = {"exchange": exchange, "write": write, "read": read}
    with about_user(context.client, username):
        context.client.put(f"/api/topic-permissions/{part(vhost)}/{part(username)}", rights)
    context.done(
        f'User "{username}" has these rights on exchange "{exchange}" in vhost "{vhost}".',
        user=username, vhost=vhost, **rights,
    )  # fmt: skip


@command
@vhost_option
@user_argument
@click.argument("exchange", required=False, shell_complete=complete_exchange)
def clear_topic_permissions(context: Context, vhost: str, username: str, exchange: str | None) -> None:
    """Lift the limits on a user's routing keys, on one exchange or on all."""
    path = f"/api/topic-permissions/{part(vhost)}/{part(username)}"
    with about_user(context.client, username):
        context.client.delete(path if exchange is None else f"{path}/{part(exchange)}")
    context.done(f'User "{username}" has no such limits in vhost "{vhost}".', user=username, vhost=vhost)


@command
@vhost_option
def list_topic_permissions(context: Context, vhost: str) -> None:
    """List the limits on routing keys in a virtual host."""
    items = context.client.pages(f"/api/vhosts/{part(vhost)}/topic-permissions")
    context.show(f"Topic permissions in vhost {vhost}", ("user", *TOPIC_RIGHTS), items)


@command
@user_argument
def list_user_topic_permissions(context: Context, username: str) -> None:
    """List the limits on a user's routing keys, in every virtual host."""
    with about_user(context.client, username):
        items = list(context.client.pages(f"/api/users/{part(username)}/topic-permissions"))
    context.show(f"Topic permissions of user {username}", ("vhost", *TOPIC_RIGHTS), items)
