"""What a vhost holds back: the store, who lets go of it, and the parts of queues and exchanges that put messages in.

Must not: know connections, or publish by itself; the vhost does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from broker.holding.delay import copies_of
from broker.holding.gates import DelayGate, EtaGate
from broker.holding.inventory import Inventory
from broker.holding.releasing import Releaser
from broker.holding.retry import Backoff
from broker.holding.store import HeldStore
from broker.holding.survey import Survey
from broker.holding.ticket import DELAY, ETA, RETRY, Ticket
from broker.holding.times import HOLD_MS_MAX, HOLD_UNTIL, UNREADABLE, time_of
from broker.model.interfaces import Gate, Gates, PublishTarget, Turn
from broker.model.message import Batch, Span
from broker.model.receipt import Receipt
from broker.model.settings import DEFAULTS
from broker.queues.classic import ClassicQueue
from broker.queues.context import Timers
from broker.queues.paging import MemoryBudget
from broker.queues.parts import EXPIRED, Returning, Returnings
from broker.queues.queue import Queue
from broker.queues.spool import Spool
from storage.definitions import Definitions
from storage.journal import Journal

Publish = Callable[[Batch, Sequence[PublishTarget], Receipt | None], int]
RouteOut = Callable[[Batch, Sequence[str]], bool]


def behind(gate: Gate | None, other: Gate) -> Gate:
    """A gate behind those that are there."""
    return other if gate is None else Gates([gate, other])


class Holding:
    """What one vhost holds."""

    __slots__ = ("_last_serial", "_publish", "_queues", "_route_out", "_serials", "_timers", "_turn", "inventory",
                 "releaser", "store")  # fmt: skip

    def __init__(
        self, journal: Journal, spool: Spool, turn: Turn, timers: Timers, budget: MemoryBudget, store: Definitions,
        new_number: Callable[[], int], queues: Mapping[str, Queue], publish: Publish, route_out: RouteOut,
    ) -> None:  # fmt: skip
        """Args: queues are the vhost's by name; publish hands messages to queues past their gates, route_out to their
        exchange; the others are those of `HeldStore`.
        """
        self._queues = queues
        self._publish = publish
        self._route_out = route_out
        self._turn = turn
        self._timers = timers
        self.store = HeldStore(journal, spool, turn, budget, store, new_number)
        self.releaser = Releaser(self.store, turn, timers, self._let_go)
        self.inventory = Inventory(self.store, self.releaser, turn, timers)
        self._serials: dict[str, int] = {}  # of transient queues for which something is or was held
        self._last_serial = 0

    def restore(self, number: int, levels: Sequence[int]) -> None:
        """Goes on with what the journal has; nothing is let go before all of it is known.

        Args: the number of the streams, and which of them have something.
        """
        self.store.restore(number)
        if levels:
            self.releaser.is_blocked = True
            survey = Survey(self.store, self.store.open(levels), self._turn, self._timers, self._surveyed)
            self._timers.add(self._turn.now_ms(), survey.step)

    def _surveyed(self) -> None:
        self.releaser.is_blocked = False
        self.releaser.plan()

    def end(self, when_stored: Callable[[Callable[[], None]], None]) -> None:
        """The vhost is deleted; what it holds goes once that is stored."""
        self.releaser.stop()
        when_stored(self._drop)

    def _drop(self) -> None:
        for stream in self.store.streams():
            stream.drop()

    def _let_go(self, batch: Batch, ticket: Ticket) -> bool:
        """Publishes messages that were held; False where there is nobody for them."""
        if not ticket.queue:
            return self._route_out(batch, ticket.copies)
        queue = self._queues.get(ticket.queue)
        if queue is None or self.owner_of(queue) != ticket.owner:
            return False
        if 0 < ticket.expires_ms <= self._turn.now_ms() and isinstance(queue, ClassicQueue):
            queue.drop(Span(batch, 0, len(batch.bodies), 0, ticket.expires_ms, ticket.deliveries), EXPIRED)
            return True
        self._publish(batch, (queue,), None)
        stream = queue.ready.stream_for(batch) if batch.deliveries and batch.position else None
        if stream is not None:
            stream.set_deliveries(stream.next - len(batch.bodies), stream.next, batch.deliveries)
        return True

    # ---- whose it is

    def owner_of(self, queue: Queue) -> int:
        """A number that no other queue has or will have, also not one that gets the same name."""
        number = queue.definition.number
        if number:
            return number
        serial = self._serials.get(queue.name)
        if serial is None:
            self._last_serial -= 1
            serial = self._serials[queue.name] = self._last_serial
        return serial

    def queue_gone(self, queue: Queue) -> None:
        """A queue is deleted: what is held for it is dropped when it is due."""
        self._serials.pop(queue.name, None)

    def held_for(self, queue: Queue) -> int:
        """How many messages are held for a queue."""
        return self.store.held_for(queue.name, self.owner_of(queue)) if self.store.numbers_of else 0

    # ---- holding

    def until_ms(self, batch: Batch) -> int:
        """Until when the header `x-hold-until` has messages held; 0 where they may go on at once."""
        due_ms = time_of(batch.properties, HOLD_UNTIL.encode())
        if due_ms == UNREADABLE:
            self.store.counters.not_read(len(batch.bodies))
        return due_ms if due_ms > self._turn.now_ms() else 0

    def hold_for(
        self, queue: Queue, reason: int, batch: Batch, due_ms: int, receipt: Receipt | None, deliveries: int = 0,
        expires_ms: int = 0, header: str = "",
    ) -> None:  # fmt: skip
        """Holds messages that go to a queue when they are due.

        Raises: ChannelException 406, ConnectionException 506, where the disk does not take them.
        """
        names = (header,) if header else ()
        ticket = Ticket(reason, queue.name, self.owner_of(queue), deliveries, expires_ms, names)
        self._hold(batch, due_ms, ticket, queue.durable, receipt)

    def hold_routed(
        self, reason: int, batch: Batch, due_ms: int, copies: Sequence[str], is_durable: bool, receipt: Receipt | None
    ) -> None:
        """Holds messages that are routed by their exchange when they are due. Raises: as `hold_for`."""
        self._hold(batch, due_ms, Ticket(reason, copies=copies), is_durable, receipt)

    def _hold(self, batch: Batch, due_ms: int, ticket: Ticket, is_durable: bool, receipt: Receipt | None) -> None:
        latest_ms = self._turn.now_ms() + HOLD_MS_MAX
        self.store.hold(batch, min(due_ms, latest_ms), ticket, is_durable, receipt)

    # ---- parts of queues

    def equip(self, queue: Queue) -> None:
        """Gives a queue the parts its settings ask for, behind those that it has."""
        settings = queue.settings
        if settings is DEFAULTS or not isinstance(queue, ClassicQueue):
            return
        if settings.hold_header:
            queue.gate = behind(queue.gate, self._eta_gate(queue, settings.hold_header))
        if settings.retry_base_ms:
            backoff = self._backoff(queue)
            queue.returning = backoff if queue.returning is None else Returnings([queue.returning, backoff])

    def _eta_gate(self, queue: Queue, header: str) -> Gate:
        def hold(batch: Batch, due_ms: int, receipt: Receipt | None) -> None:
            self.hold_for(queue, ETA, batch, due_ms, receipt, header=header)

        return EtaGate(header, hold, self.store.counters.not_read)

    def _backoff(self, queue: ClassicQueue) -> Returning:
        def hold(batch: Batch, due_ms: int, deliveries: int, expires_ms: int) -> None:
            self.hold_for(queue, RETRY, batch, due_ms, None, deliveries, expires_ms)

        return Backoff(queue, hold, self.store.together)

    def delay_gate(self, is_durable: bool) -> Gate:
        """What stands before an exchange of type `x-delayed-message`."""

        def hold(batch: Batch, due_ms: int, receipt: Receipt | None) -> None:
            self.hold_routed(DELAY, batch, due_ms, copies_of(batch.properties), is_durable, receipt)

        return DelayGate(hold)
