"""brokerctl's commands about the broker's process: what it is, waiting for it, stopping it.

Must not: end the process itself; it asks the broker to.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import click

from broker.cli.commands.status_facts import status_facts
from broker.cli.context import Context
from broker.cli.exits import TEMPORARY, CtlError, NotRunningError
from broker.cli.group import command
from broker.cli.target import LOCK_FILE, SocketTarget

if TYPE_CHECKING:
    from broker.cli.client import Client

STOP_S_MAX: Final = 120.0
STARTUP_S: Final = 300.0
LOOK_EVERY_S: Final = 0.02
EFFECTIVE_CONFIG: Final = "/api/config/effective"


@command
def status(context: Context) -> None:
    """Show what the broker is, where it listens and what it holds."""
    overview, node = context.client.get("/api/overview"), context.client.get("/api/nodes")[0]
    context.show_facts(status_facts(overview, node), {**overview, "node_details": node})


@command
def version(context: Context) -> None:
    """Show the version of this command. Needs no broker."""
    from broker import __version__  # noqa: PLC0415

    context.show_facts([("Leveret", __version__)], {"version": __version__})


@command
def server_version(context: Context) -> None:
    """Show the version that the broker announces to clients, and its own."""
    overview = context.client.get("/api/overview")
    announced, ours = overview["rabbitmq_version"], overview.get("leveret_version", "")
    facts = [("Announced", announced), ("Leveret", ours)]
    context.show_facts(facts, {"rabbitmq_version": announced, "leveret_version": ours})


@command
def environment(context: Context) -> None:
    """Show the settings that are in force, however they were given; secrets are not shown."""
    settings = context.client.get(EFFECTIVE_CONFIG)
    context.show_facts(sorted(settings.items()), settings)


@command
def listeners(context: Context) -> None:
    """List the addresses that the broker listens on."""
    columns = ("protocol", "ip_address", "port")
    context.show("Listeners", columns, context.client.get("/api/overview")["listeners"])


@command
def await_startup(context: Context) -> None:
    """Wait until the broker answers, for 300 s or as --timeout says. Exit status: 75 where it does not come."""
    limit_s = STARTUP_S if context.timeout_s is None else context.timeout_s
    if not _until(lambda: _is_up(context.client), limit_s):
        raise CtlError(f"the broker has not come up within {limit_s:g} s; its log says why", TEMPORARY)
    context.done("The broker is up.", running=True)


def _is_up(client: Client) -> bool:
    try:
        client.get("/api/overview", columns="node")
    except NotRunningError:
        return False
    except CtlError as error:
        if error.exit_code == TEMPORARY:
            return False
        raise
    return True


def _until(condition: Callable[[], bool], limit_s: float) -> bool:
    deadline_s = time.monotonic() + limit_s
    while not condition():
        if time.monotonic() > deadline_s:
            return False
        time.sleep(LOOK_EVERY_S)
    return True


@command
def stop(context: Context) -> None:
    """Stop the broker and wait until its process has gone."""
    _stop(context)


@command
@click.option("--wait/--no-wait", default=True, show_default=True, help="Return when the process has gone.")
def shutdown(context: Context, wait: bool) -> None:
    """Stop the broker, as stop does."""
    _stop(context, wait)


def _stop(context: Context, is_awaited: bool = True) -> None:
    client = context.client
    answer = client.post("/api/leveret/stop")
    if is_awaited and not _until(lambda: _has_gone(client), STOP_S_MAX):
        raise CtlError(f"the broker has not stopped within {STOP_S_MAX:.0f} s; see its log", TEMPORARY)
    word = "has stopped" if is_awaited else "is stopping"
    context.done(f"The broker (process {answer['os_pid']}) {word}.", **answer)


def _has_gone(client: Client) -> bool:
    """Whether the lock on the data folder is free, which the system takes from the process only at its end."""
    if not isinstance(client.target, SocketTarget):
        return not _is_up(client)
    lock = os.open(client.target.data_dir / LOCK_FILE, os.O_RDWR)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(lock)
    return True
