"""The confirm and tx classes, and channel.flow: what changes a channel's mode.

Must not: keep the mode; the channel does.
"""

from __future__ import annotations

from pamqp import commands

from broker.connections.channel import Channel
from broker.connections.handlers.registry import handles
from protocol.commands import Method
from protocol.constants import NOT_IMPLEMENTED
from protocol.errors import ConnectionException


@handles(commands.Confirm.Select.index)
def confirm_select(channel: Channel, frame: commands.Confirm.Select, _command: Method) -> None:
    """Spec: RabbitMQ's confirm.select."""
    channel.select_confirms()
    if not frame.nowait:
        channel.send(commands.Confirm.SelectOk())


@handles(commands.Tx.Select.index)
def tx_select(channel: Channel, _frame: commands.Tx.Select, _command: Method) -> None:
    """Spec: 1.9.2.1."""
    channel.select_transaction()
    channel.send(commands.Tx.SelectOk())


@handles(commands.Tx.Commit.index)
def tx_commit(channel: Channel, _frame: commands.Tx.Commit, _command: Method) -> None:
    """Spec: 1.9.2.3."""
    channel.require_transaction()
    channel.commit(channel.hold(lambda: channel.send(commands.Tx.CommitOk())))


@handles(commands.Tx.Rollback.index)
def tx_rollback(channel: Channel, _frame: commands.Tx.Rollback, _command: Method) -> None:
    """Spec: 1.9.2.5."""
    channel.rollback()
    channel.send(commands.Tx.RollbackOk())


@handles(commands.Channel.Flow.index)
def channel_flow(channel: Channel, frame: commands.Channel.Flow, _command: Method) -> None:
    """Spec: 1.5.2.3; a client cannot stop the flow, as with RabbitMQ."""
    if not frame.active:
        raise ConnectionException(NOT_IMPLEMENTED, "active=false")
    channel.send(commands.Channel.FlowOk(True))
