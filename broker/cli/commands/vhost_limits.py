"""brokerctl's commands about how many queues and connections a virtual host may have. Must not: know which exist."""

from __future__ import annotations

import click

from broker.cli.arguments import complete_vhost, vhost_option
from broker.cli.commands.user_limits import delete_limits, limits_of, put_limits, show_limits
from broker.cli.context import Context
from broker.cli.group import command
from broker.cli.paths import part

PATH = "/api/vhost-limits"


@command
@vhost_option
@click.argument("definition")
def set_vhost_limits(context: Context, vhost: str, definition: str) -> None:
    """Limit a virtual host's connections and queues: '{"max-connections": 100, "max-queues": 50}'."""
    limits = put_limits(context, f"{PATH}/{part(vhost)}", definition)
    context.done(f'Virtual host "{vhost}" has these limits.', vhost=vhost, limits=limits)


@command
@vhost_option
def clear_vhost_limits(context: Context, vhost: str) -> None:
    """Lift all limits of a virtual host."""
    context.client.get(f"/api/vhosts/{part(vhost)}")
    delete_limits(context, list(limits_of(context, PATH, "vhost", vhost)), f"{PATH}/{part(vhost)}")
    context.done(f'Virtual host "{vhost}" has no limits.', vhost=vhost)


@command
@click.option("-p", "--vhost", metavar="VHOST", shell_complete=complete_vhost, help="Only this virtual host.")
@click.option("--global", "_is_global", is_flag=True, help="All virtual hosts, as without --vhost.")
def list_vhost_limits(context: Context, vhost: str | None, _is_global: bool) -> None:
    """List the limits of virtual hosts."""
    show_limits(context, "Limits of virtual hosts", PATH, "vhost", lambda name: vhost in (None, name))
