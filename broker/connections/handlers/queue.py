"""The queue class. Must not: check permissions; operations does."""

from __future__ import annotations

from pamqp import commands

from broker.connections.channel import Channel
from broker.connections.handlers.registry import arguments_of, handles, queue_name
from broker.model.arguments import Arguments
from broker.model.names import REPLY_TO, clean
from broker.requests import QueueRequest, QueueState
from protocol import encoder
from protocol.commands import Method


@handles(commands.Queue.Declare.index)
def declare(channel: Channel, frame: commands.Queue.Declare, command: Method) -> None:
    """Spec: 1.7.2.1."""
    name = clean(frame.queue)
    if name == REPLY_TO or name in channel.actor.vhost.replies:
        _declare_ok(channel, frame, QueueState(name, 0, 1), False)
        return
    is_pending = False
    if frame.passive:
        state = channel.operations.queue_passive(channel.actor, name or channel.last_queue)
    else:
        request = QueueRequest(name, frame.durable, frame.exclusive, frame.auto_delete, arguments_of(command))
        state = channel.operations.declare_queue(channel.actor, request)
        is_pending = channel.actor.vhost.keeper.queue_is_pending(state.name)
    channel.last_queue = state.name
    _declare_ok(channel, frame, state, is_pending)


def _declare_ok(channel: Channel, frame: commands.Queue.Declare, state: QueueState, is_pending: bool) -> None:
    def send() -> None:
        output = channel.context.output
        encoder.queue_declare_ok(output.out, channel.number, state.name, state.message_count, state.consumer_count)
        channel.context.touch()

    if not frame.nowait:
        channel.answer_by(is_pending, send)


@handles(commands.Queue.Bind.index)
def bind(channel: Channel, frame: commands.Queue.Bind, command: Method) -> None:
    """Spec: 1.7.2.3. An empty queue and key name both mean the queue declared last."""
    name = queue_name(channel, frame.queue)
    key = frame.routing_key or (name if not frame.queue else "")
    exchange, arguments = clean(frame.exchange), arguments_of(command)
    channel.operations.bind_queue(channel.actor, name, exchange, key, arguments)
    if not frame.nowait:
        channel.answer(_binding_is_pending(channel, exchange, name, key, arguments), commands.Queue.BindOk())


def _binding_is_pending(channel: Channel, exchange: str, queue: str, key: str, arguments: Arguments) -> bool:
    return channel.actor.vhost.keeper.binding_is_pending(exchange, "queue", queue, key, arguments.values)


@handles(commands.Queue.Unbind.index)
def unbind(channel: Channel, frame: commands.Queue.Unbind, command: Method) -> None:
    """Spec: 1.7.2.5."""
    name = queue_name(channel, frame.queue)
    key = frame.routing_key or (name if not frame.queue else "")
    exchange, arguments = clean(frame.exchange), arguments_of(command)
    channel.operations.unbind_queue(channel.actor, name, exchange, key, arguments)
    channel.answer(_binding_is_pending(channel, exchange, name, key, arguments), commands.Queue.UnbindOk())


@handles(commands.Queue.Purge.index)
def purge(channel: Channel, frame: commands.Queue.Purge, _command: Method) -> None:
    """Spec: 1.7.2.7."""
    queue = channel.operations.readable_queue(channel.actor, queue_name(channel, frame.queue))

    def answer(count: int) -> None:
        if not frame.nowait:
            channel.send(commands.Queue.PurgeOk(min(count, 0xFFFFFFFF)))

    queue.purge(answer)


@handles(commands.Queue.Delete.index)
def delete(channel: Channel, frame: commands.Queue.Delete, _command: Method) -> None:
    """Spec: 1.7.2.9."""
    name = queue_name(channel, frame.queue)
    count = 0
    if name != REPLY_TO:
        count = channel.operations.delete_queue(channel.actor, name, frame.if_unused, frame.if_empty)
    if not frame.nowait:
        is_pending = channel.actor.vhost.keeper.queue_is_pending(name)
        channel.answer(is_pending, commands.Queue.DeleteOk(min(count, 0xFFFFFFFF)))
