"""brokerctl's commands about policies and operator policies. Must not: know what a policy may set."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import click

from broker.cli.arguments import complete_policy, json_object, vhost_option
from broker.cli.context import Context
from broker.cli.group import command
from broker.cli.paths import part

POLICIES: Final = "policies"
OPERATOR_POLICIES: Final = "operator-policies"
COLUMNS: Final = ("vhost", "name", "pattern", "apply-to", "definition", "priority")
TARGETS: Final = ("queues", "classic_queues", "quorum_queues", "streams", "exchanges", "all")

name_argument = click.argument("name", shell_complete=complete_policy)


def _set_parts(command_function: Callable[..., Any]) -> Callable[..., Any]:
    """What both kinds of policy are set with, as rabbitmqctl has them."""
    parts = (
        vhost_option,
        click.option(
            "--priority", type=int, default=0, show_default=True, help="Of several that fit, the highest counts."
        ),
        click.option("--apply-to", type=click.Choice(TARGETS), help="What it is for."),
        name_argument,
        click.argument("pattern"),
        click.argument("definition"),
    )
    for add in reversed(parts):
        command_function = add(command_function)
    return command_function


def _put(context: Context, kind: str, vhost: str, name: str, body: dict[str, Any]) -> None:
    context.client.put(f"/api/{kind}/{part(vhost)}/{part(name)}", body)
    word = "Policy" if kind == POLICIES else "Operator policy"
    context.done(f'{word} "{name}" is set in vhost "{vhost}".', policy=name, vhost=vhost, **body)


def _clear(context: Context, kind: str, vhost: str, name: str) -> None:
    context.client.delete(f"/api/{kind}/{part(vhost)}/{part(name)}")
    word = "Policy" if kind == POLICIES else "Operator policy"
    context.done(f'{word} "{name}" is gone from vhost "{vhost}".', policy=name, vhost=vhost)


@command
@_set_parts
def set_policy(
    context: Context, vhost: str, priority: int, apply_to: str | None, name: str, pattern: str, definition: str
) -> None:
    """Set a policy: arguments, as a JSON object, for the queues and exchanges whose names fit PATTERN."""
    body = {"pattern": pattern, "definition": json_object(definition, "the definition"), "priority": priority}
    _put(context, POLICIES, vhost, name, {**body, "apply-to": apply_to or "all"})


@command
@vhost_option
@name_argument
def clear_policy(context: Context, vhost: str, name: str) -> None:
    """Take a policy away."""
    _clear(context, POLICIES, vhost, name)


@command
@vhost_option
def list_policies(context: Context, vhost: str) -> None:
    """List the policies of a virtual host."""
    context.show(f"Policies in vhost {vhost}", COLUMNS, context.client.pages(f"/api/{POLICIES}/{part(vhost)}"))


@command
@_set_parts
def set_operator_policy(
    context: Context, vhost: str, priority: int, apply_to: str | None, name: str, pattern: str, definition: str
) -> None:
    """Set an operator policy: limits that policies and arguments of queues may not exceed."""
    body = {"pattern": pattern, "definition": json_object(definition, "the definition"), "priority": priority}
    _put(context, OPERATOR_POLICIES, vhost, name, {**body, "apply-to": apply_to or "queues"})


@command
@vhost_option
@click.argument("name")
def clear_operator_policy(context: Context, vhost: str, name: str) -> None:
    """Take an operator policy away."""
    _clear(context, OPERATOR_POLICIES, vhost, name)


@command
@vhost_option
def list_operator_policies(context: Context, vhost: str) -> None:
    """List the operator policies of a virtual host."""
    items = context.client.pages(f"/api/{OPERATOR_POLICIES}/{part(vhost)}")
    context.show(f"Operator policies in vhost {vhost}", COLUMNS, items)
