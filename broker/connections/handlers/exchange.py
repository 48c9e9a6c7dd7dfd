"""The exchange class, and the obsolete access class. Must not: check permissions; operations does."""

from __future__ import annotations

from pamqp import commands

from broker.connections.channel import Channel
from broker.connections.handlers.registry import arguments_of, handles
from broker.model.arguments import Arguments
from broker.model.names import clean
from broker.requests import ExchangeRequest
from protocol.commands import Method
from protocol.methods import AccessRequest, AccessRequestOk


@handles(AccessRequest.index)
def access_request(channel: Channel, _frame: AccessRequest, _command: Method) -> None:
    """Grants a ticket that nothing looks at."""
    channel.send(AccessRequestOk(1))


@handles(commands.Exchange.Declare.index)
def declare(channel: Channel, frame: commands.Exchange.Declare, command: Method) -> None:
    """Spec: 1.6.2.1."""
    name, is_pending = clean(frame.exchange), False
    if frame.passive:
        channel.operations.exchange_passive(channel.actor, name)
    else:
        request = ExchangeRequest(
            name, frame.exchange_type, frame.durable, frame.auto_delete, frame.internal, arguments_of(command)
        )
        channel.operations.declare_exchange(channel.actor, request)
        is_pending = channel.actor.vhost.keeper.exchange_is_pending(name)
    if not frame.nowait:
        channel.answer(is_pending, commands.Exchange.DeclareOk())


@handles(commands.Exchange.Delete.index)
def delete(channel: Channel, frame: commands.Exchange.Delete, _command: Method) -> None:
    """Spec: 1.6.2.3."""
    name = clean(frame.exchange)
    channel.operations.delete_exchange(channel.actor, name, frame.if_unused)
    if not frame.nowait:
        channel.answer(channel.actor.vhost.keeper.exchange_is_pending(name), commands.Exchange.DeleteOk())


@handles(commands.Exchange.Bind.index)
def bind(channel: Channel, frame: commands.Exchange.Bind, command: Method) -> None:
    """Spec: RabbitMQ's exchange.bind."""
    destination, source, arguments = clean(frame.destination), clean(frame.source), arguments_of(command)
    channel.operations.bind_exchange(channel.actor, destination, source, frame.routing_key, arguments)
    if not frame.nowait:
        is_pending = _binding_is_pending(channel, source, destination, frame.routing_key, arguments)
        channel.answer(is_pending, commands.Exchange.BindOk())


@handles(commands.Exchange.Unbind.index)
def unbind(channel: Channel, frame: commands.Exchange.Unbind, command: Method) -> None:
    """Spec: RabbitMQ's exchange.unbind."""
    destination, source, arguments = clean(frame.destination), clean(frame.source), arguments_of(command)
    channel.operations.unbind_exchange(channel.actor, destination, source, frame.routing_key, arguments)
    if not frame.nowait:
        is_pending = _binding_is_pending(channel, source, destination, frame.routing_key, arguments)
        channel.answer(is_pending, commands.Exchange.UnbindOk())


def _binding_is_pending(channel: Channel, source: str, destination: str, key: str, arguments: Arguments) -> bool:
    return channel.actor.vhost.keeper.binding_is_pending(source, "exchange", destination, key, arguments.values)
