"""Gates that hold messages back: before a queue by a header that its policy names, before an exchange by `x-delay`.

Messages of a run share their headers, so they are due together: a run always passes, and is held whole. Must not: know
where messages are held.
"""

from __future__ import annotations

from collections.abc import Callable

from broker.holding.times import NO_TIME, UNREADABLE, delay_ms, time_of
from broker.model.interfaces import Gate
from broker.model.message import Batch
from broker.model.receipt import Receipt
from protocol.properties import NO_PROPERTIES, Properties

Hold = Callable[[Batch, int, Receipt | None], None]


class EtaGate(Gate):
    """Holds messages whose header says when they are due; one that is overdue, or says nothing, comes in at once."""

    __slots__ = ("_due_ms", "_header", "_hold", "_on_unreadable", "_properties")

    def __init__(self, header: str, hold: Hold, on_unreadable: Callable[[int], None]) -> None:
        """Args: hold holds a batch until a time; on_unreadable counts messages whose time nobody can read."""
        self._header = header.encode()
        self._hold = hold
        self._on_unreadable = on_unreadable
        self._properties: Properties = NO_PROPERTIES  # read last
        self._due_ms = NO_TIME

    def passes(self, batch: Batch, now_ms: int) -> bool:  # noqa: ARG002
        """Always: what is held is held as a run."""
        return True

    def admit(self, batch: Batch, receipt: Receipt | None, now_ms: int) -> bool:
        """Lets a run in, or holds it. Raises: ChannelException 406, ConnectionException 506 where it cannot."""
        if batch.properties is not self._properties:
            self._due_ms, self._properties = time_of(batch.properties, self._header), batch.properties
        due_ms = self._due_ms
        if due_ms == UNREADABLE:
            self._on_unreadable(len(batch.bodies))
        if due_ms <= now_ms:
            return True
        self._hold(batch, due_ms, receipt)
        return False


class DelayGate(Gate):
    """Holds what asks for a delay before it is routed, as the exchange type `x-delayed-message` does."""

    __slots__ = ("_delay_ms", "_hold", "_properties")

    def __init__(self, hold: Hold) -> None:
        self._hold = hold
        self._properties: Properties = NO_PROPERTIES
        self._delay_ms = 0

    def passes(self, batch: Batch, now_ms: int) -> bool:  # noqa: ARG002
        """Always: what is held is held as a run."""
        return True

    def returns_mandatory(self) -> bool:
        """As with the plugin: nobody can say now whether there will be a queue for what is held."""
        return True

    def admit(self, batch: Batch, receipt: Receipt | None, now_ms: int) -> bool:
        """Lets a run in, or holds it. Raises: as `EtaGate.admit`."""
        if batch.properties is not self._properties:
            self._delay_ms, self._properties = delay_ms(batch.properties), batch.properties
        if not self._delay_ms:
            return True
        self._hold(batch, now_ms + self._delay_ms, receipt)
        return False
