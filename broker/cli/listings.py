"""brokerctl's list commands. Must not: change anything."""

from __future__ import annotations

import click

from broker.cli.context import Context, data_dir_option, json_option
from broker.cli.shown import show
from broker.cli.socket_client import part

QUEUE_COLUMNS = (
    "name", "messages", "messages_ready", "messages_unacknowledged", "message_bytes", "message_bytes_ready",
    "message_bytes_unacknowledged", "consumers", "type", "durable", "auto_delete", "exclusive", "arguments", "state",
    "idle_since", "vhost", "exclusive_consumer_tag", "single_active_consumer_tag", "messages_ram", "message_bytes_ram",
    "messages_paged_out", "message_bytes_paged_out",
)  # fmt: skip
CONNECTION_COLUMNS = (
    "user", "peer_host", "peer_port", "state", "name", "vhost", "host", "port", "protocol", "auth_mechanism", "ssl",
    "channels", "channel_max", "frame_max", "timeout", "connected_at", "recv_oct", "send_oct", "client_properties",
)  # fmt: skip
vhost_option = click.option("-p", "--vhost", default="/", show_default=True, help="The virtual host.")


@click.command("list_queues")
@vhost_option
@click.argument("columns", nargs=-1, metavar="[COLUMN]...", type=click.Choice(QUEUE_COLUMNS))
@json_option
@data_dir_option
@click.pass_obj
def list_queues(context: Context, vhost: str, columns: tuple[str, ...], as_json: bool) -> None:
    """List the queues of a virtual host: name and messages, or the columns asked for."""
    items = context.client.pages(f"/api/queues/{part(vhost)}")
    show(f"Queues in vhost {vhost}", columns or QUEUE_COLUMNS[:2], items, as_json)


@click.command("list_connections")
@click.argument("columns", nargs=-1, metavar="[COLUMN]...", type=click.Choice(CONNECTION_COLUMNS))
@json_option
@data_dir_option
@click.pass_obj
def list_connections(context: Context, columns: tuple[str, ...], as_json: bool) -> None:
    """List connections: user, peer and state, or the columns asked for."""
    show("Connections", columns or CONNECTION_COLUMNS[:4], context.client.pages("/api/connections"), as_json)


@click.command("list_vhosts")
@json_option
@data_dir_option
@click.pass_obj
def list_vhosts(context: Context, as_json: bool) -> None:
    """List virtual hosts."""
    show("Virtual hosts", ("name",), context.client.pages("/api/vhosts"), as_json)


@click.command("list_users")
@json_option
@data_dir_option
@click.pass_obj
def list_users(context: Context, as_json: bool) -> None:
    """List users and their tags."""
    items = ({"user": item["name"], "tags": item["tags"]} for item in context.client.pages("/api/users"))
    show("Users", ("user", "tags"), items, as_json)


@click.command("list_permissions")
@vhost_option
@json_option
@data_dir_option
@click.pass_obj
def list_permissions(context: Context, vhost: str, as_json: bool) -> None:
    """List what users may do in a virtual host."""
    items = context.client.pages(f"/api/vhosts/{part(vhost)}/permissions")
    show(f"Permissions in vhost {vhost}", ("user", "configure", "write", "read"), items, as_json)
