"""What becomes of messages: moved as they are, or replayed to where they died. Must not: take or publish any."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from broker.connections.publisher import parse_expiration_ms
from broker.model.message import Batch
from broker.moving.deaths import Death, newest_death
from broker.moving.destination import Destination, RefusedError, ToExchange, ToQueue, address_of
from broker.moving.replayed import fresh
from broker.vhost import Vhost
from protocol.commands import Address
from protocol.errors import AmqpError
from protocol.properties import Properties

NO_EXPIRATION: Final = -1
DESTINATIONS_MAX: Final = 1000  # remembered at a time


def expiration_of(properties: Properties) -> int:
    """How long messages with these properties last from now on, in ms; -1 for ever."""
    if properties.expiration is None:
        return NO_EXPIRATION
    try:
        return parse_expiration_ms(properties.expiration)
    except AmqpError:
        return NO_EXPIRATION  # nobody can have published it so


class MovePlan:
    """All to one destination, as they are; an expiration of their own begins anew, as with every publish."""

    __slots__ = ("_destination",)

    def __init__(self, destination: Destination) -> None:
        self._destination = destination

    def place(self, batch: Batch) -> Destination:  # noqa: ARG002 - the protocol's
        """Where messages go."""
        return self._destination

    def made(self, batch: Batch, start: int, stop: int, to: Destination) -> Batch:
        """Messages as they are published there."""
        return Batch(to.address(batch), batch.properties, batch.bodies[start:stop], expiration_of(batch.properties))


class Edit:
    """Another body or other properties for one message; None keeps what it has."""

    __slots__ = ("body", "properties")

    def __init__(self, body: bytes | None, properties: Properties | None) -> None:
        self.body = body
        self.properties = properties


class ReplayPlan:
    """Dead letters back to where they died.

    Without `by_exchange` they go straight into the queue that they died in; with it through the exchange that they had
    been published to before, with all routing keys of then. Both ways they carry the exchange and key of then.
    """

    __slots__ = ("_by_exchange", "_check", "_death", "_destinations", "_edit", "_keeps_deaths", "_made_for",
                 "_properties", "_read", "_vhost")  # fmt: skip

    def __init__(
        self, vhost: Vhost, by_exchange: bool, keeps_deaths: bool, edit: Edit | None,
        check: Callable[[Destination, str], None],
    ) -> None:  # fmt: skip
        """Args: check raises RefusedError where whoever asks may not publish to a destination with a routing key."""
        self._vhost = vhost
        self._by_exchange = by_exchange
        self._keeps_deaths = keeps_deaths
        self._edit = edit
        self._check = check
        self._destinations: dict[tuple[str, tuple[str, ...]], Destination] = {}
        self._read: Properties | None = None  # whose death was read last
        self._death: Death | None = None
        self._made_for: Properties | None = None  # of which `_properties` were made last
        self._properties: Properties | None = None

    def _death_of(self, batch: Batch) -> Death | None:
        if batch.properties is not self._read:
            self._read, self._death = batch.properties, newest_death(batch.properties)
        return self._death

    def place(self, batch: Batch) -> Destination | None:
        """Where a dead letter goes; None for what never died. Raises: RefusedError."""
        death = self._death_of(batch)
        if death is None:
            return None
        key = (death.exchange, death.routing_keys) if self._by_exchange else (death.queue, ())
        found = self._destinations.get(key)
        if found is None:
            if len(self._destinations) >= DESTINATIONS_MAX:
                self._destinations.clear()
            found = self._destinations[key] = self._destination(death)
        return found

    def _destination(self, death: Death) -> Destination:
        if not self._by_exchange:
            to: Destination = ToQueue(self._vhost, death.queue)
            self._check(to, "")
            return to
        if not death.routing_keys:
            raise RefusedError(f"a message that died in '{death.queue}' does not say with which routing key it came")
        first, *others = death.routing_keys
        to = ToExchange(self._vhost, death.exchange, first, tuple(others))
        for key in death.routing_keys:
            self._check(to, key)
        return to

    def made(self, batch: Batch, start: int, stop: int, to: Destination) -> Batch:  # noqa: ARG002 - the protocol's
        """Messages as they are published there."""
        death, edit = self._death_of(batch), self._edit
        assert death is not None, "it has a place"
        properties, bodies = self._properties_of(batch), batch.bodies[start:stop]
        if edit is not None:
            bodies = bodies if edit.body is None else [edit.body] * len(bodies)
            properties = properties if edit.properties is None else edit.properties
        return Batch(self._address(batch, death), properties, bodies, expiration_of(properties))

    def _properties_of(self, batch: Batch) -> Properties:
        if self._keeps_deaths:
            return batch.properties
        if self._properties is None or self._made_for is not batch.properties:
            self._made_for, self._properties = batch.properties, fresh(batch.properties)
        return self._properties

    def _address(self, batch: Batch, death: Death) -> Address:
        if not death.routing_keys:
            return batch.address
        return address_of(death.exchange, death.routing_keys[0])
