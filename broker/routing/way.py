"""What a publisher remembers of an exchange and a key. Must not: find a route; the vhost does."""

from __future__ import annotations

from collections.abc import Sequence

from broker.model.interfaces import PublishTarget
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
