"""The exchange class, and the obsolete access class. Must not: check permissions; operations does."""

from __future__ import annotations

from pamqp import commands

from broker.connections.channel import Channel
from broker.connections.handlers.registry import arguments_of, handles
from broker.model.names import clean
from broker.operations import ExchangeRequest
from protocol.commands import AccessRequest, AccessRequestOk, Method


@handles(AccessRequest.index)
def access_request(channel: Channel, _frame: AccessRequest, _command: Method) -> None:
    """Grants a ticket that nothing looks at."""
    channel.send(AccessRequestOk(1))


@handles(commands.Exchange.Declare.index)
def declare(channel: Channel, frame: commands.Exchange.Declare, command: Method) -> None:
    """Spec: 1.6.2.1."""
    name = clean(frame.exchange)
    if frame.passive:
        channel.operations.exchange_passive(channel.actor, name)
    else:
        request = ExchangeRequest(
            name, frame.exchange_type, frame.durable, frame.auto_delete, frame.internal, arguments_of(command)
        )
        channel.operations.declare_exchange(channel.actor, request)
    if not frame.nowait:
        channel.send(commands.Exchange.DeclareOk())


@handles(commands.Exchange.Delete.index)
def delete(channel: Channel, frame: commands.Exchange.Delete, _command: Method) -> None:
    """Spec: 1.6.2.3."""
    channel.operations.delete_exchange(channel.actor, clean(frame.exchange), frame.if_unused)
    if not frame.nowait:
        channel.send(commands.Exchange.DeleteOk())


@handles(commands.Exchange.Bind.index)
def bind(channel: Channel, frame: commands.Exchange.Bind, command: Method) -> None:
    """Spec: RabbitMQ's exchange.bind."""
    channel.operations.bind_exchange(
        channel.actor, clean(frame.destination), clean(frame.source), frame.routing_key, arguments_of(command)
    )
    if not frame.nowait:
        channel.send(commands.Exchange.BindOk())


@handles(commands.Exchange.Unbind.index)
def unbind(channel: Channel, frame: commands.Exchange.Unbind, command: Method) -> None:
    """Spec: RabbitMQ's exchange.unbind."""
    channel.operations.unbind_exchange(
        channel.actor, clean(frame.destination), clean(frame.source), frame.routing_key, arguments_of(command)
    )
    if not frame.nowait:
        channel.send(commands.Exchange.UnbindOk())
