"""brokerctl's commands about parameters and the cluster's name. Must not: know what a parameter means."""

from __future__ import annotations

from typing import Any

import click

from broker.cli.arguments import json_value, vhost_option
from broker.cli.context import Context
from broker.cli.group import command
from broker.cli.paths import part


@command
@vhost_option
@click.argument("component")
@click.argument("name")
@click.argument("value")
def set_parameter(context: Context, vhost: str, component: str, name: str, value: str) -> None:
    """Set a parameter of a component in a virtual host; VALUE is JSON."""
    body: dict[str, Any] = {
        "component": component, "vhost": vhost, "name": name, "value": json_value(value, "the value"),
    }  # fmt: skip
    context.client.put(f"/api/parameters/{part(component)}/{part(vhost)}/{part(name)}", body)
    context.done(f'Parameter "{name}" of "{component}" is set in vhost "{vhost}".', **body)


@command
@vhost_option
@click.argument("component")
@click.argument("name")
def clear_parameter(context: Context, vhost: str, component: str, name: str) -> None:
    """Take a parameter of a component away."""
    context.client.delete(f"/api/parameters/{part(component)}/{part(vhost)}/{part(name)}")
    text = f'Parameter "{name}" of "{component}" is gone from vhost "{vhost}".'
    context.done(text, component=component, vhost=vhost, name=name)


@command
@vhost_option
def list_parameters(context: Context, vhost: str) -> None:
    """List the parameters of a virtual host."""
    items = (item for item in context.client.pages("/api/parameters") if item["vhost"] == vhost)
    context.show(f"Parameters in vhost {vhost}", ("component", "name", "value"), items)


@command
@click.argument("name")
@click.argument("value")
def set_global_parameter(context: Context, name: str, value: str) -> None:
    """Set a parameter of the whole broker; VALUE is JSON."""
    body: dict[str, Any] = {"name": name, "value": json_value(value, "the value")}
    context.client.put(f"/api/global-parameters/{part(name)}", body)
    context.done(f'Global parameter "{name}" is set.', **body)


@command
@click.argument("name")
def clear_global_parameter(context: Context, name: str) -> None:
    """Take a parameter of the whole broker away."""
    context.client.delete(f"/api/global-parameters/{part(name)}")
    context.done(f'Global parameter "{name}" is gone.', name=name)


@command
def list_global_parameters(context: Context) -> None:
    """List the parameters of the whole broker."""
    context.show("Global parameters", ("name", "value"), context.client.pages("/api/global-parameters"))


@command
@click.argument("name")
def set_cluster_name(context: Context, name: str) -> None:
    """Set the name that clients and tools are shown for this broker."""
    context.client.put("/api/cluster-name", {"name": name})
    context.done(f'The broker is called "{name}".', name=name)
