"""The way of a published batch through a vhost: its route, the gates on it, its queues, and the journal.

Stop between channel and queue on the publish lane. Must not: change a definition, check permissions or raise AMQP
errors of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final, cast

from broker.holding.holding import Holding
from broker.holding.ticket import UNTIL
from broker.model.interfaces import Gate, PublishTarget, Tracer, Turn
from broker.model.message import Batch
from broker.model.names import REPLY_TO_PREFIX
from broker.model.receipt import Receipt
from broker.model.vhost_counters import VhostCounters
from broker.queues.letters import Route
from broker.queues.spool import Spool
from broker.queues.stored import encode_head
from broker.routing.exchange import Exchange
from broker.routing.table import RoutingTable
from broker.routing.way import Way, is_guarded, passes
from protocol.errors import ConnectionException
from storage.definitions import Definitions
from storage.journal import Journal, Stream

__all__ = ["SPLIT", "UNROUTED", "PublishLane", "Way"]  # publishers hold ways, and know only the vhost

UNWRITTEN_BYTES_MAX: Final = 16 * 1024 * 1024  # of the log or the spool; from there on publishers wait
UNROUTED: Final = -1  # nobody takes the message
SPLIT: Final = -2  # nothing was done yet: a gate wants to see the messages one by one, or they part on the way
BYTES_A_MESSAGE: Final = 64  # beyond that, so many count as one message that consumers are behind


def _behind(unwritten_bytes: int) -> int:
    """How far the disk is behind, in messages that a publisher would have to wait for."""
    behind = unwritten_bytes - UNWRITTEN_BYTES_MAX
    return behind // BYTES_A_MESSAGE if behind > 0 else 0


class PublishLane:
    """What a vhost does with what is published in it.

    `replies` maps the names that direct reply-to hands out to the consumers behind them; `holding` is the vhost's.
    """

    __slots__ = ("_journal", "_spool", "_store", "_turn", "counters", "holding", "replies", "table", "tracer")
    holding: Holding

    def __init__(self, journal: Journal, spool: Spool, turn: Turn, store: Definitions) -> None:
        self.table = RoutingTable()
        self.replies: dict[str, PublishTarget] = {}
        self.tracer: Tracer | None = None
        self.counters = VhostCounters()
        self._journal = journal
        self._spool = spool
        self._turn = turn
        self._store = store

    def way(self, exchange: str) -> Way | None:
        """The way through an exchange, for messages of one key; None where there is no such exchange."""
        found = self.table.exchanges.get(exchange)
        return Way(found, self.table.version) if found is not None else None

    def submit(self, way: Way, batch: Batch, copies: Sequence[str], receipt: Receipt | None) -> int:
        """Routes a batch and hands it to its queues; `copies` are further routing keys.

        Returns: how many messages the consumers of the queue that is worst off are behind, or UNROUTED, or SPLIT.
        """
        queues = way.route
        if queues is None or copies:
            queues = self._route(way, batch, copies)
            if self.table.varied and len(batch.bodies) > 1:
                return SPLIT
            if self.table.passed or self.table.barred:
                return self._submit_through(way.exchange, batch, queues, receipt)
        if way.is_guarded:
            return self._submit_guarded(way.exchange, batch, queues, receipt)
        return self._submit(way.exchange, batch, queues, receipt)

    def _submit(
        self, exchange: Exchange, batch: Batch, queues: Sequence[PublishTarget], receipt: Receipt | None
    ) -> int:
        count = len(batch.bodies)
        exchange.published_in += count
        exchange.published_out += count * len(queues)
        if self.tracer is not None:
            self.tracer.published(batch, queues)
        if not queues:
            return UNROUTED
        self.counters.routed += count
        return self.publish(batch, queues, receipt)

    def _submit_through(
        self, exchange: Exchange, batch: Batch, queues: Sequence[PublishTarget], receipt: Receipt | None
    ) -> int:
        """The same where exchanges on the way have gates."""
        barred = [found.gate for found in self.table.barred if found.gate is not None]
        passed = [found.gate for found in self.table.passed if found.gate is not None]
        for gate in barred:
            gate.barred(batch, receipt)
        taken = self._submit_guarded(exchange, batch, queues, receipt, passed)
        return 0 if taken == UNROUTED and barred else taken

    def _submit_guarded(
        self, exchange: Exchange, batch: Batch, queues: Sequence[PublishTarget], receipt: Receipt | None,
        passed: Sequence[Gate] = (),
    ) -> int:  # fmt: skip
        """The same where the exchange or a queue has a gate; `passed` are those of exchanges on the way."""
        now_ms = self._turn.now_ms()
        if len(batch.bodies) > 1 and not passes(exchange.gate, queues, batch, now_ms):
            return SPLIT
        gate = exchange.gate
        if gate is not None and not gate.admit(batch, receipt, now_ms):
            exchange.published_in += len(batch.bodies)
            return UNROUTED if batch.address.mandatory and gate.returns_mandatory() else 0
        gates = [*passed, gate] if gate is not None else passed
        return self._enter(gates, len(gates), exchange, batch, queues, receipt, now_ms)

    def _enter(
        self, gates: Sequence[Gate], left: int, exchange: Exchange, batch: Batch, queues: Sequence[PublishTarget],
        receipt: Receipt | None, now_ms: int,
    ) -> int:  # fmt: skip
        """Goes in by the first `left` of these gates, one within the other."""
        if not left:
            return self._submit_inside(exchange, batch, queues, receipt, now_ms)
        further = lambda: self._enter(gates, left - 1, exchange, batch, queues, receipt, now_ms)  # noqa: E731
        return gates[left - 1].enter(batch, receipt, now_ms, further)

    def _submit_inside(
        self, exchange: Exchange, batch: Batch, queues: Sequence[PublishTarget], receipt: Receipt | None, now_ms: int
    ) -> int:
        """Hands a batch to the queues whose gates let it in."""
        inside = [queue for queue in queues if queue.gate is None or queue.gate.admit(batch, receipt, now_ms)]
        taken = self._submit(exchange, batch, inside, receipt)
        behind = _behind(self._journal.backlog_bytes())  # a gate may have journalled something too
        return behind if taken == UNROUTED and queues else max(taken, behind) if taken >= 0 else taken

    def _route(self, way: Way, batch: Batch, copies: Sequence[str]) -> Sequence[PublishTarget]:
        """The queues a message goes to, each once; remembered where nothing but the key decides."""
        exchange, key, headers = way.exchange, batch.address.routing_key, batch.properties.headers
        if copies:
            found = self.table.route_keys(exchange, (key, *copies), headers, batch.properties)
        else:
            found = self.table.route(exchange, key, headers, batch.properties)
            if self.table.is_fixed(exchange, key):
                way.route = cast("Sequence[PublishTarget]", found)
        if not way.is_guarded:
            way.is_guarded = is_guarded(cast("Sequence[PublishTarget]", found))
        if not found and not exchange.name and key.startswith(REPLY_TO_PREFIX):
            reply = self.replies.get(key)
            return (reply,) if reply is not None else ()
        return cast("Sequence[PublishTarget]", found)

    def submit_later(self, way: Way, batch: Batch, copies: Sequence[str], receipt: Receipt | None) -> int:
        """As `submit`, but holds what has a time in its header `x-hold-until`; it is routed again when it is due.

        What nobody would take now is UNROUTED at once, as if it were not held.
        """
        due_ms = self.holding.until_ms(batch)
        if not due_ms:
            return self.submit(way, batch, copies, receipt)
        if not self._route(way, batch, copies):
            return UNROUTED
        way.exchange.published_in += len(batch.bodies)
        self.holding.hold_routed(UNTIL, batch, due_ms, copies, way.exchange.durable, receipt)
        return 0

    def route_out(self, batch: Batch, copies: Sequence[str]) -> bool:
        """Routes messages that were held, past their exchange's gate; False where nobody takes them."""
        way = self.way(batch.address.exchange)
        queues = self._route(way, batch, copies) if way is not None else ()
        if way is None or not queues:
            self.counters.unroutable += len(batch.bodies)
            return False
        way.exchange.published_in -= len(batch.bodies)  # counted when they came
        now_ms = self._turn.now_ms()
        for part in [batch] if passes(None, queues, batch, now_ms) else batch.singles():
            self._submit_inside(way.exchange, part, queues, None, now_ms)
        return True

    def route_to(self, exchange: str, batch: Batch, copies: Sequence[str]) -> Route | None:
        """Where a batch would go through an exchange; None where there is no such exchange."""
        way = self.way(exchange)
        if way is None:
            return None
        try:
            return way.exchange.gate, self._route(way, batch, copies)
        except ConnectionException:  # headers that cannot be read match nothing
            return way.exchange.gate, ()

    def publish(self, batch: Batch, queues: Sequence[PublishTarget], receipt: Receipt | None) -> int:
        """Hands a batch to its queues, and to the journal once for all durable ones.

        The receipt gets an answer from every queue, and one from the journal when the record is durable.
        Returns: how many messages the consumers of the queue that is worst off are behind.
        """
        now_ms = batch.stamp_ms = self._turn.now_ms()
        backlog = _behind(self._spool.backlog_bytes())
        if batch.properties.persistent:
            targets = [queue.target(batch, now_ms) for queue in queues if queue.durable]
            if targets:
                backlog = max(backlog, self._append(batch, targets, now_ms, receipt))
        for queue in queues:
            if receipt is not None:
                receipt.expect()
            queue.publish(batch, receipt, now_ms)
            backlog = max(backlog, queue.backlog())
        return backlog

    def _append(self, batch: Batch, targets: list[tuple[Stream, int]], now_ms: int, receipt: Receipt | None) -> int:
        """Journals a batch; returns how far the disk is behind, in messages a publisher would have to wait for."""
        journal = self._journal
        batch.position, batch.share_bytes = journal.append(targets, now_ms, encode_head(batch), batch.bodies)
        if receipt is not None:
            self._turn.when_durable(batch.position, receipt)
            if self._store.pending:  # perhaps the declaration of one of these queues
                receipt.expect()
                self._store.when_stored(receipt.taken, lambda _: receipt.refused())
        return _behind(journal.backlog_bytes())

    @contextmanager
    def together(self, receipt: Receipt) -> Iterator[None]:
        """What is published and settled within outlives a crash together or not at all; the receipt waits for that."""
        self._journal.begin()
        try:
            yield
        finally:
            position = self._journal.end()
            if position > self._journal.durable:
                self._turn.when_durable(position, receipt)
