"""brokerctl's health checks, as rabbitmq-diagnostics has them: exit status 0, or 69. Must not: change anything."""

from __future__ import annotations

import socket
from typing import Any, Final

import click

from broker.cli.context import Context
from broker.cli.exits import UNAVAILABLE, CtlError, RefusedError
from broker.cli.group import command
from broker.cli.paths import part

CONNECT_S: Final = 5.0
ANY_ADDRESS: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}
CHECK_FAILED: Final = 503
UNITS: Final = ("days", "weeks", "months", "years")


def _check(context: Context, path: str, text: str) -> None:
    """Asks a health check of the API. Raises: CtlError where it fails."""
    try:
        context.client.get(f"/api/health/checks/{path}")
    except RefusedError as error:
        if error.status == CHECK_FAILED:
            raise CtlError(str(error), UNAVAILABLE) from None
        raise
    context.done(text, status="ok")


@command
def ping(context: Context) -> None:
    """Ask the broker whether it answers."""
    context.client.get("/api/overview", columns="node")
    context.done("Ping succeeded.", status="ok")


@command
def check_running(context: Context) -> None:
    """Check that the broker runs and takes clients."""
    node = context.client.get("/api/nodes")[0]
    if not node["running"]:
        raise CtlError("the broker is not running yet, or is about to stop", UNAVAILABLE)
    context.done(f"The broker {node['name']} is running.", status="ok")


@command
def check_local_alarms(context: Context) -> None:
    """Check that no alarm (memory, disk, log) holds publishers up on this node."""
    _check(context, "local-alarms", "No alarm is in force.")


@command
def check_alarms(context: Context) -> None:
    """Check that no alarm holds publishers up anywhere."""
    _check(context, "alarms", "No alarm is in force.")


@command
@click.argument("port", type=click.IntRange(1, 65_535))
def check_port_listener(context: Context, port: int) -> None:
    """Check that the broker listens on a port."""
    _check(context, f"port-listener/{port}", f"The broker listens on port {port}.")


@command
def check_virtual_hosts(context: Context) -> None:
    """Check that every virtual host works."""
    _check(context, "virtual-hosts", "Every virtual host works.")


@command
@click.option("--unit", type=click.Choice(UNITS), default="weeks", show_default=True, help="Of --within.")
@click.option("--within", type=click.IntRange(1, 1000), default=4, show_default=True, metavar="N", help="How soon.")
def check_certificate_expiration(context: Context, unit: str, within: int) -> None:
    """Check that no TLS certificate of the broker expires soon."""
    text = f"No certificate expires within {within} {unit}."
    _check(context, f"certificate-expiration/{within}/{part(unit)}", text)


@command
@click.option("--address", metavar="HOST", help="Connect there, in place of the addresses that the broker listens on.")
def check_port_connectivity(context: Context, address: str | None) -> None:
    """Check that a TCP connection can be made to every port the broker listens on, from this machine."""
    ports = [one for one in context.client.get("/api/overview")["listeners"] if one["port"]]
    failed = [text for one in ports if (text := _unreachable(one, address))]
    if failed:
        raise CtlError(f"no connection could be made to {'; '.join(failed)}", UNAVAILABLE)
    context.done(f"Connections can be made to {len(ports)} ports.", status="ok", ports=[one["port"] for one in ports])


def _unreachable(listener: dict[str, Any], address: str | None) -> str:
    """Why no connection can be made; empty where one could."""
    host = address or ANY_ADDRESS.get(listener["ip_address"], listener["ip_address"])
    try:
        socket.create_connection((host, listener["port"]), timeout=CONNECT_S).close()
    except OSError as error:
        return f"{host}:{listener['port']} ({listener['protocol']}): {error}"
    return ""
