"""Which function handles which method on a channel. Must not: hold handlers itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from broker.connections.channel import Channel
from broker.model.arguments import NO_ARGUMENTS, Arguments
from broker.model.names import clean
from protocol.commands import Method
from protocol.constants import NOT_FOUND
from protocol.errors import ChannelException

Handler = Callable[[Channel, Any, Method], None]
CHANNEL_HANDLERS: Final[dict[int, Handler]] = {}


def handles(index: int) -> Callable[[Handler], Handler]:
    """Registers a function for a method index (class id << 16 | method id)."""

    def register(handler: Handler) -> Handler:
        assert index not in CHANNEL_HANDLERS, "one handler a method"
        CHANNEL_HANDLERS[index] = handler
        return handler

    return register


def arguments_of(command: Method) -> Arguments:
    """The `arguments` table of a method, with its wire types."""
    values = getattr(command.frame, "arguments", None)
    return Arguments(values, command.types) if values else NO_ARGUMENTS


def queue_name(channel: Channel, name: str) -> str:
    """A queue's name as a method gave it; the empty one means the queue declared last on the channel.

    Raises: ChannelException 404.
    Spec: 1.7.2.3.2 (the queue field of queue.bind).
    """
    if name:
        return clean(name)
    if not channel.last_queue:
        raise ChannelException(NOT_FOUND, "no previously declared queue")
    return channel.last_queue
