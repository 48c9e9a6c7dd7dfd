"""brokerctl's commands that change vhosts, users and permissions. Must not: check what the broker checks."""

from __future__ import annotations

import sys

import click

from broker.cli.context import Context, data_dir_option, json_option
from broker.cli.listings import vhost_option
from broker.cli.socket_client import part
from broker.cli.status import done


@click.command("add_vhost")
@click.argument("vhost")
@json_option
@data_dir_option
@click.pass_obj
def add_vhost(context: Context, vhost: str, as_json: bool) -> None:
    """Create a virtual host; one that is there already stays as it is."""
    context.client.put(f"/api/vhosts/{part(vhost)}")
    done(f'Virtual host "{vhost}" is there.', {"vhost": vhost}, as_json)


@click.command("add_user")
@click.argument("username")
@click.argument("password", required=False)
@json_option
@data_dir_option
@click.pass_obj
def add_user(context: Context, username: str, password: str | None, as_json: bool) -> None:
    """Create a user. Without PASSWORD it is asked for, or read from a pipe: others can see a command's arguments."""
    if password is None:
        password = _asked()
    context.client.put(f"/api/users/{part(username)}", {"password": password, "tags": ""}, only_new=True)
    hint = "It may not enter any vhost yet: brokerctl set_permissions gives it rights."
    done(f'User "{username}" is there. {hint}', {"user": username}, as_json)


def _asked() -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    password: str = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    return password


@click.command("set_permissions")
@vhost_option
@click.argument("username")
@click.argument("configure")
@click.argument("write")
@click.argument("read")
@json_option
@data_dir_option
@click.pass_obj
def set_permissions(
    context: Context, vhost: str, username: str, configure: str, write: str, read: str, as_json: bool
) -> None:
    """Give a user rights in a virtual host: three regular expressions over names."""
    rights: dict[str, object] = {"configure": configure, "write": write, "read": read}
    context.client.put(f"/api/permissions/{part(vhost)}/{part(username)}", rights)
    done(
        f'User "{username}" has these rights in vhost "{vhost}".', {"user": username, "vhost": vhost, **rights}, as_json
    )
