"""Gates that keep out what came before: at an exchange, what came lately; at a queue, what is still in it.

A message that is kept out counts as taken: its publisher gets an ack as soon as what came before is on the disk.
Must not: keep out a message without an identity.
"""

from __future__ import annotations

from collections.abc import Callable

from broker.deduplication.identity import Reader
from broker.deduplication.presence import Presence
from broker.deduplication.window import Window
from broker.model.interfaces import Gate, Turn
from broker.model.message import Batch
from broker.model.receipt import Receipt
from broker.queues.counters import QueueCounters
from protocol.properties import Properties
from storage.journal import Journal


class Repeats:
    """Answers for messages that are kept out."""

    __slots__ = ("_journal", "_turn", "position")

    def __init__(self, journal: Journal, turn: Turn) -> None:
        self._journal = journal
        self._turn = turn
        self.position = 0  # of the last message that was let in

    def answer(self, receipt: Receipt | None) -> None:
        """The message counts as taken, once everything that was let in before it is on the disk."""
        if receipt is None:
            return
        if self.position > self._journal.durable:
            self._turn.when_durable(self.position, receipt)
        else:
            receipt.expect()
            receipt.taken()


class ExchangeGate(Gate):
    """Stands before an exchange of type x-message-deduplication; `duplicates` counts what was kept out."""

    __slots__ = ("_journal", "_reader", "_repeats", "duplicates", "window")

    def __init__(self, window: Window, journal: Journal, turn: Turn) -> None:
        self.window = window
        self.duplicates = 0
        self._journal = journal
        self._reader = Reader()
        self._repeats = Repeats(journal, turn)

    def passes(self, batch: Batch, now_ms: int) -> bool:  # noqa: ARG002
        """Whether all of these may come in: of messages that are alike only the first one, where they say who they are.

        Raises: ConnectionException 502 for a malformed header table, as the others do.
        """
        return len(batch.bodies) == 1 or self._reader.identity(batch.properties) is None

    def admit(self, batch: Batch, receipt: Receipt | None, now_ms: int) -> bool:
        """Lets in what has not come lately."""
        identity = self._reader.identity(batch.properties)
        if identity is None or not self.window.knows(identity, now_ms):
            return True
        self.barred(batch, receipt)
        return False

    def bars(self, properties: Properties) -> bool:
        """Whether such a message came lately."""
        identity = self._reader.identity(properties)
        return identity is not None and self.window.knows_now(identity)

    def barred(self, batch: Batch, receipt: Receipt | None) -> None:
        """Counts what goes no further, and answers for it."""
        self.duplicates += len(batch.bodies)
        self._repeats.answer(receipt)

    def enter(self, batch: Batch, receipt: Receipt | None, now_ms: int, publish: Callable[[], int]) -> int:
        """Publishes what was let in and keeps its identity, where queues took the message and none refused it.

        What is journalled is so together with its identity: both outlive a crash, or neither.
        """
        properties = batch.properties
        identity = self._reader.identity(properties)
        if identity is None:
            return publish()
        journal = self._journal
        is_group = properties.persistent and self.window.is_lasting and not journal.is_grouping()
        if is_group:
            journal.begin()
        try:
            taken = publish()
            if batch.stamp_ms and (receipt is None or not receipt.rejected):
                self._repeats.position = max(self._repeats.position, batch.position)
                self.window.keep(identity, now_ms, self._reader.ttl_ms(properties), batch.position > 0)
        finally:
            if is_group:
                journal.end()
        return taken


class QueueGate(Gate):
    """Stands before a queue that takes a message only while none of its identity is in it."""

    __slots__ = ("_counters", "_presence", "_reader", "_repeats")

    def __init__(self, presence: Presence, journal: Journal, turn: Turn, counters: Callable[[], QueueCounters]) -> None:
        self._presence = presence
        self._reader = Reader()
        self._repeats = Repeats(journal, turn)
        self._counters = counters

    def passes(self, batch: Batch, now_ms: int) -> bool:  # noqa: ARG002
        """As an exchange's."""
        return len(batch.bodies) == 1 or self._reader.identity(batch.properties) is None

    def admit(self, batch: Batch, receipt: Receipt | None, now_ms: int) -> bool:  # noqa: ARG002
        """Lets in what is not there."""
        identity = self._reader.identity(batch.properties)
        if identity is None or not self._presence.has(identity):
            return True
        self._counters().deduplicated += len(batch.bodies)
        self._repeats.position = self._presence.position
        self._repeats.answer(receipt)
        return False
