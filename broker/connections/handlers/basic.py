"""The cold methods of the basic class. Must not: handle publish or ack, which arrive as runs."""

from __future__ import annotations

from collections.abc import Callable

from pamqp import base, commands

from broker.connections.channel import Channel
from broker.connections.handlers.registry import arguments_of, handles, queue_name
from broker.model.message import Span
from broker.model.names import REPLY_TO, generated
from protocol import encoder
from protocol.commands import ACK, Ack, Method
from protocol.constants import NOT_ALLOWED, NOT_IMPLEMENTED, PRECONDITION_FAILED
from protocol.errors import ChannelException, ConnectionException


@handles(commands.Basic.Qos.index)
def qos(channel: Channel, frame: commands.Basic.Qos, _command: Method) -> None:
    """Spec: 1.8.3.1, with RabbitMQ's meaning of global."""
    if frame.prefetch_size:
        raise ConnectionException(NOT_IMPLEMENTED, f"prefetch_size!=0 ({frame.prefetch_size})")
    channel.limit(frame.prefetch_count, frame.global_)
    channel.send(commands.Basic.QosOk())


@handles(commands.Basic.Consume.index)
def consume(channel: Channel, frame: commands.Basic.Consume, command: Method) -> None:
    """Spec: 1.8.3.3."""
    name = queue_name(channel, frame.queue)
    tag = frame.consumer_tag or generated("amq.ctag-")
    if name == REPLY_TO:
        _consume_replies(channel, frame, tag)
        return
    if tag in channel.consumers:
        raise ConnectionException(NOT_ALLOWED, f"attempt to reuse consumer tag '{tag}'")
    arguments = arguments_of(command)
    is_limited = channel.context.prefetch.of_channel > 0
    queue = channel.operations.consumable_queue(channel.actor, name, frame.exclusive, arguments, is_limited)
    reader = queue.reader(arguments, frame.no_ack, channel.context.prefetch.of_new_consumers, is_limited)
    channel.consume(reader, tag, frame.no_ack, frame.exclusive, arguments)
    if not frame.nowait:
        channel.send(commands.Basic.ConsumeOk(tag))


def _consume_replies(channel: Channel, frame: commands.Basic.Consume, tag: str) -> None:
    if channel.reply is not None:
        raise ChannelException(PRECONDITION_FAILED, "reply consumer already set")
    if not frame.no_ack:
        raise ChannelException(PRECONDITION_FAILED, "reply consumer cannot acknowledge")
    if tag in channel.consumers:
        raise ConnectionException(NOT_ALLOWED, f"attempt to reuse consumer tag '{tag}'")
    channel.consume_replies(tag)
    if not frame.nowait:
        channel.send(commands.Basic.ConsumeOk(tag))


@handles(commands.Basic.Cancel.index)
def cancel(channel: Channel, frame: commands.Basic.Cancel, _command: Method) -> None:
    """Spec: 1.8.3.5; an unknown tag is answered all the same."""
    channel.cancel(frame.consumer_tag or "")
    if not frame.nowait:
        channel.send(commands.Basic.CancelOk(frame.consumer_tag))


@handles(commands.Basic.Get.index)
def get(channel: Channel, frame: commands.Basic.Get, _command: Method) -> None:
    """Spec: 1.8.3.10."""
    queue = channel.operations.readable_queue(channel.actor, queue_name(channel, frame.queue))

    answered = False
    release: Callable[[], None] | None = None

    def answer(span: Span | None, left: int) -> None:
        nonlocal answered
        answered = True
        if not channel.context.is_open:
            if span is not None and not frame.no_ack:
                queue.requeue(span)
        elif span is None:
            channel.send(commands.Basic.GetEmpty())
        else:
            give(span, left)
        if release is not None:
            release()

    def give(span: Span, left: int) -> None:
        tag = channel.got(span, queue, frame.no_ack)
        context, batch = channel.context, span.batch
        encoder.get_ok(
            context.output.out, channel.number, tag, span.deliveries > 0, batch.address.tail, left,
            batch.properties.raw, batch.bodies[span.start], context.frame_max,
        )  # fmt: skip
        context.touch()

    queue.get(frame.no_ack, answer)
    if not answered:  # it comes from the disk
        release = channel.hold(lambda: None)


@handles(ACK)
def ack(channel: Channel, frame: commands.Basic.Ack, _command: Method) -> None:
    """Spec: 1.8.3.13; only where the frame is not of the usual size, runs come another way."""
    channel.ack(Ack(channel.number, frame.delivery_tag, frame.delivery_tag, frame.multiple))


@handles(commands.Basic.Reject.index)
def reject(channel: Channel, frame: commands.Basic.Reject, _command: Method) -> None:
    """Spec: 1.8.3.14."""
    channel.nack(frame.delivery_tag or 0, False, frame.requeue)


@handles(commands.Basic.Nack.index)
def nack(channel: Channel, frame: commands.Basic.Nack, _command: Method) -> None:
    """Spec: RabbitMQ's basic.nack."""
    channel.nack(frame.delivery_tag, frame.multiple, frame.requeue)


def _recover(channel: Channel, requeue: bool, answer: base.Frame | None) -> None:
    if not requeue:
        raise ConnectionException(NOT_IMPLEMENTED, "requeue=false")
    channel.recover()
    if answer is not None:
        channel.send(answer)


@handles(commands.Basic.Recover.index)
def recover(channel: Channel, frame: commands.Basic.Recover, _command: Method) -> None:
    """Spec: 1.8.3.16."""
    _recover(channel, frame.requeue, commands.Basic.RecoverOk())


@handles(commands.Basic.RecoverAsync.index)
def recover_async(channel: Channel, frame: commands.Basic.RecoverAsync, _command: Method) -> None:
    """Spec: 1.8.3.15; nothing is answered."""
    _recover(channel, frame.requeue, None)
