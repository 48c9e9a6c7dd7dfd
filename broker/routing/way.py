"""What a publisher remembers of an exchange and a key. Must not: find a route; the vhost does."""

from __future__ import annotations

from collections.abc import Sequence

from broker.model.interfaces import Gate, PublishTarget
from broker.model.message import Batch
from broker.routing.exchange import Exchange


class Way:
    """The way of messages that are alike through one exchange; it holds as long as the table has this version.

    `route` is where all of them go; None where that depends on more than the key, or is not known yet. `is_guarded`:
    the exchange or one of these has a gate.
    """

    __slots__ = ("exchange", "is_guarded", "route", "version")

    def __init__(self, exchange: Exchange, version: int) -> None:
        self.exchange = exchange
        self.version = version
        self.route: Sequence[PublishTarget] | None = None
        self.is_guarded = exchange.gate is not None


def is_guarded(queues: Sequence[PublishTarget]) -> bool:
    """Whether one of these has a gate."""
    for queue in queues:  # noqa: SIM110 - a generator costs ten times that
        if queue.gate is not None:
            return True
    return False


def passes(gate: Gate | None, queues: Sequence[PublishTarget], batch: Batch, now_ms: int) -> bool:
    """Whether no gate, of an exchange or of its queues, wants to see the messages one by one."""
    if gate is not None and not gate.passes(batch, now_ms):
        return False
    return all(queue.gate is None or queue.gate.passes(batch, now_ms) for queue in queues)
