"""A transaction: publishes and settlements of a channel, kept until commit. Must not: route or settle anything itself.

Spec: 1.9 (tx class), with RabbitMQ's meaning: what was delivered stays delivered after a rollback.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from broker.connections.unacked import Delivery
from broker.model.message import Batch
from protocol.constants import RESOURCE_ERROR
from protocol.errors import ConnectionException

TRANSACTION_BYTES_MAX: Final = 512 * 1024 * 1024
TRANSACTION_MESSAGES_MAX: Final = 1_000_000


class Transaction:
    """What a channel has done since tx.select or the last commit or rollback."""

    __slots__ = ("_bytes", "_messages", "publishes", "settlements")

    def __init__(self) -> None:
        self.publishes: list[tuple[Batch, Sequence[str]]] = []
        self.settlements: list[tuple[Delivery, Callable[[list[Delivery]], None]]] = []
        self._bytes = 0
        self._messages = 0

    def publish(self, batch: Batch, copies: Sequence[str]) -> None:
        """Keeps a checked publish.

        Raises: ConnectionException 506 where the transaction is too large.
        """
        self._bytes += len(batch.bodies) * batch.message_bytes
        self._messages += len(batch.bodies)
        self.publishes.append((batch, copies))
        if self._bytes > TRANSACTION_BYTES_MAX or self._messages > TRANSACTION_MESSAGES_MAX:
            raise ConnectionException(RESOURCE_ERROR, "transaction too large")

    def settle(self, deliveries: list[Delivery], action: Callable[[list[Delivery]], None]) -> None:
        """Keeps settlements with what is to be done for them."""
        self.settlements += [(delivery, action) for delivery in deliveries]

    def clear(self) -> list[Delivery]:
        """Forgets everything; returns the deliveries whose settlement was kept, in order of settling."""
        deliveries = [delivery for delivery, _ in self.settlements]
        self.publishes.clear()
        self.settlements.clear()
        self._bytes = self._messages = 0
        return deliveries
