"""One virtual host: its exchanges, bindings and queues, and the way of a published batch into queues and journal.

Must not: check permissions or raise AMQP errors; operations does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Final, cast

from broker.definitions.keeper import VhostKeeper
from broker.model.arguments import NO_ARGUMENTS, Arguments
from broker.model.interfaces import Gate, PublishTarget, Tracer, Turn
from broker.model.message import Batch
from broker.model.names import REPLY_TO_PREFIX
from broker.model.policy import EffectivePolicy
from broker.model.receipt import Receipt
from broker.model.settings import QueueSettings, alternate_exchange, queue_settings, queue_type
from broker.model.vhost_counters import VhostCounters
from broker.model.vhost_metadata import VhostMetadata
from broker.queues.classic import ClassicQueue
from broker.queues.context import QueueContext, Timers
from broker.queues.counters import QueueCounters
from broker.queues.definition import Former, QueueDefinition
from broker.queues.factory import create_queue, equip, repick
from broker.queues.letters import Letters, Route
from broker.queues.paging import MemoryBudget
from broker.queues.queue import Queue
from broker.queues.regroup import regroup
from broker.queues.spool import Spool
from broker.queues.stored import encode_head
from broker.queues.waits import TaskWaits
from broker.routing.binding import Binding, DestinationKind, Target
from broker.routing.exchange import Exchange
from broker.routing.table import RoutingTable, default_exchanges
from broker.routing.way import Way
from protocol.errors import ConnectionException
from storage.journal import Journal, Stream

__all__ = ["SPLIT", "UNROUTED", "Vhost", "Way"]  # publishers hold ways, and know only the vhost

UNWRITTEN_BYTES_MAX: Final = 16 * 1024 * 1024  # of the log or the spool; from there on publishers wait
UNROUTED: Final = -1  # nobody takes the message
SPLIT: Final = -2  # nothing was done yet: a gate wants to see the messages one by one, or they part on the way
BYTES_A_MESSAGE: Final = 64  # beyond that, so many count as one message that consumers are behind


def _behind(unwritten_bytes: int) -> int:
    """How far the disk is behind, in messages that a publisher would have to wait for."""
    behind = unwritten_bytes - UNWRITTEN_BYTES_MAX
    return behind // BYTES_A_MESSAGE if behind > 0 else 0


def _is_guarded(queues: Sequence[PublishTarget]) -> bool:
    for queue in queues:  # noqa: SIM110 - a generator costs ten times that
        if queue.gate is not None:
            return True
    return False


def _passes(gate: Gate | None, queues: Sequence[PublishTarget], batch: Batch, now_ms: int) -> bool:
    """Whether no gate wants to see the messages one by one."""
    if gate is not None and not gate.passes(batch, now_ms):
        return False
    return all(queue.gate is None or queue.gate.passes(batch, now_ms) for queue in queues)


class Vhost:
    """A namespace of exchanges, queues and bindings.

    `replies` maps the names that direct reply-to hands out to the consumers behind them. `deleted_queues` goes on
    counting for all queues that are gone.
    """

    __slots__ = ("_context", "_journal", "_owned", "_spool", "_store", "_turn", "counters", "deleted_queues",
                 "exchange_arguments", "keeper", "metadata", "name", "policy_of", "queues", "replies",
                 "table", "tracer")  # fmt: skip

    def __init__(
        self, name: str, journal: Journal, spool: Spool, turn: Turn, timers: Timers, keeper: VhostKeeper,
        budget: MemoryBudget,
        levels: Callable[[int], Sequence[int]],
        policy_of: Callable[[str, str, str], EffectivePolicy],
        metadata: VhostMetadata,
        waits: TaskWaits | None = None,
    ) -> None:  # fmt: skip
        """Args: levels gives the priorities of a queue, by its number, for which the journal has messages; policy_of
        what applies to an object, by vhost, kind and name; waits is told how long tasks wait, where that is wanted.
        """
        self.name = name
        self.metadata = metadata
        self.policy_of = policy_of
        self.keeper = keeper
        self.table = RoutingTable()
        self.table.on_unbind = self._unbound
        self.queues: dict[str, Queue] = {}
        self.replies: dict[str, PublishTarget] = {}
        self.exchange_arguments: dict[str, Arguments] = {}
        self.tracer: Tracer | None = None
        self.counters = VhostCounters()
        self.deleted_queues = QueueCounters()
        self._owned: dict[object, set[str]] = {}  # exclusive queues by their connection
        self._journal = journal
        self._spool = spool
        self._store = keeper.store
        self._turn = turn
        self._context = QueueContext(
            turn.now_ms, timers, turn.queue_dirty, self._delete_by_itself, journal, spool, budget,
            levels, keeper.store.when_stored, equip, self.forward, keeper.change_queue, waits,
        )  # fmt: skip
        self._context.left = self.counters.left
        self._context.letters = Letters(
            journal, turn.now_ms, turn.queue_dirty, timers.add, self.route_to, self.publish, self._settings_of,
            self.counters.left,
        )  # fmt: skip
        for exchange in default_exchanges():
            self.restore_exchange(exchange, NO_ARGUMENTS)

    # ---- definitions

    def add_queue(self, definition: QueueDefinition) -> Queue:
        """Creates a queue whose name is free.

        Raises: ChannelException 406, ConnectionException 506 where the disk does not take more durable ones.
        """
        if definition.durable and not definition.exclusive:
            definition = self.keeper.add_queue(definition)
        self.counters.queues_created += 1
        return self.restore_queue(definition)

    def restore_queue(self, definition: QueueDefinition) -> Queue:
        """Creates a queue that needs no storing, or is stored already."""
        policy = self.policy_of(self.name, queue_type(definition.arguments), definition.name)
        queue = create_queue(definition, self._context, policy)
        self.queues[queue.name] = queue
        self.table.add_queue(queue)
        if definition.exclusive:
            self._owned.setdefault(definition.owner, set()).add(queue.name)
        return queue

    def remove_queue(self, queue: Queue) -> int:
        """Deletes a queue with its bindings and messages; returns how many were ready."""
        if self.queues.get(queue.name) is not queue:
            return 0
        del self.queues[queue.name]
        self._disown(queue)
        self._forget_exchanges(self.table.remove_queue(queue))
        if queue.durable:
            self.keeper.remove_queue(queue.name)
        self.counters.queues_deleted += 1
        self.deleted_queues.add(queue.counters)
        queue.counters = self.deleted_queues  # what is settled from now on
        return queue.delete()

    def change_queue(self, queue: Queue, arguments: Arguments) -> None:
        """Gives a queue other arguments, which were checked, with its consumers, messages and bindings.

        Raises: ChannelException 406, ConnectionException 506 where the log has to call it otherwise and the disk does
            not take more numbers now; nothing has changed then.
        """
        before = queue.definition
        definition = replace(before, arguments=arguments)
        policy = self.policy_of(self.name, queue_type(arguments), queue.name)
        settings = queue_settings(arguments, policy)
        former = Former(before.number, queue.settings.priority_max)
        is_repicked = settings.single_active_consumer != queue.settings.single_active_consumer
        is_regrouped = isinstance(queue, ClassicQueue) and settings.priority_max != former.priority_max
        if is_regrouped and definition.is_journalled:
            number = self.keeper.next_number()
            definition = replace(definition, number=number, former=(former, *before.former))
        if definition.is_journalled:
            self.keeper.change_queue(definition)
        queue.change(definition, policy, settings)
        if isinstance(queue, ClassicQueue) and is_repicked:
            repick(queue, self._context)
        if isinstance(queue, ClassicQueue) and is_regrouped:
            regroup(queue, former, self._context)
        self.table.version += 1  # it may have a gate now, or none any more

    def _disown(self, queue: Queue) -> None:
        owner = queue.definition.owner
        if queue.definition.exclusive:
            owned = self._owned[owner]
            owned.discard(queue.name)
            if not owned:
                del self._owned[owner]

    def add_exchange(self, exchange: Exchange, arguments: Arguments) -> None:
        """Takes an exchange whose name is free."""
        self.restore_exchange(exchange, arguments)
        if exchange.durable:
            self.keeper.add_exchange(exchange, arguments)

    def restore_exchange(self, exchange: Exchange, arguments: Arguments) -> None:
        """Takes an exchange that needs no storing, or is stored already."""
        if arguments.values:
            self.exchange_arguments[exchange.name] = arguments
        self.apply_to_exchange(exchange, self.policy_of(self.name, "exchange", exchange.name))
        self.table.add_exchange(exchange)

    # ---- policies

    def apply_to_exchange(self, exchange: Exchange, policy: EffectivePolicy) -> None:
        """From here on this policy counts, beside the arguments."""
        exchange.policy = policy
        exchange.alternate = alternate_exchange(self.declared_arguments(exchange.name), policy)

    def apply_to_queue(self, queue: Queue, policy: EffectivePolicy) -> None:
        """From here on this policy counts, beside the arguments."""
        if queue.policy != policy:
            queue.apply(policy, queue_settings(queue.definition.arguments, policy))
            self.table.version += 1  # it may have a gate now, or none any more

    # ---- definitions

    def remove_exchange(self, name: str) -> None:
        """Deletes an exchange with its bindings, and the auto-delete exchanges that are unused then."""
        self._forget_exchanges([name, *self.table.remove_exchange(name)])

    def declared_arguments(self, exchange: str) -> Arguments:
        """The arguments an exchange was declared with."""
        return self.exchange_arguments.get(exchange, NO_ARGUMENTS)

    def bind(self, source: Exchange, destination: Queue | Exchange, key: str, arguments: Arguments) -> None:
        """Adds a binding unless it is there.

        Raises: ChannelException 406 for arguments that the exchange's type refuses.
        """
        is_new = self.table.bind(source, destination, key, dict(arguments.values))
        if is_new and source.durable and destination.durable:
            kind: DestinationKind = "exchange" if isinstance(destination, Exchange) else "queue"
            self.keeper.bind(source.name, kind, destination.name, key, arguments.values)

    def _unbound(self, binding: Binding, source: Exchange, destination: Target) -> None:
        if source.durable and cast("Queue | Exchange", destination).durable:
            self.keeper.unbind(binding)

    def unbind(self, source: Exchange, destination: Queue | Exchange, key: str, arguments: Arguments) -> None:
        """Removes a binding if it is there, and the auto-delete exchanges that are unused then."""
        _, removed = self.table.unbind(source, destination, key, dict(arguments.values))
        self._forget_exchanges(removed)

    def _forget_exchanges(self, names: Sequence[str]) -> None:
        for name in names:
            self.exchange_arguments.pop(name, None)
            self.keeper.remove_exchange(name)

    def _delete_by_itself(self, name: str) -> None:
        queue = self.queues.get(name)
        if queue is not None:
            self.remove_queue(queue)

    def remove_owned(self, owner: object) -> None:
        """Deletes the exclusive queues of a connection that has ended."""
        for name in list(self._owned.get(owner, ())):
            self.remove_queue(self.queues[name])

    def trace(self, tracer: Tracer | None) -> None:
        """Somebody watches what is published and delivered, or nobody."""
        self.tracer = self._context.tracer = tracer

    # ---- publish lane

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

    def _submit_guarded(
        self, exchange: Exchange, batch: Batch, queues: Sequence[PublishTarget], receipt: Receipt | None
    ) -> int:
        """The same where the exchange or a queue has a gate."""
        now_ms = self._turn.now_ms()
        if len(batch.bodies) > 1 and not _passes(exchange.gate, queues, batch, now_ms):
            return SPLIT
        if exchange.gate is not None and not exchange.gate.admit(batch, receipt, now_ms):
            exchange.published_in += len(batch.bodies)
            return 0
        inside = [queue for queue in queues if queue.gate is None or queue.gate.admit(batch, receipt, now_ms)]
        taken = self._submit(exchange, batch, inside, receipt)
        return 0 if taken == UNROUTED and queues else taken

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
            way.is_guarded = _is_guarded(cast("Sequence[PublishTarget]", found))
        if not found and not exchange.name and key.startswith(REPLY_TO_PREFIX):
            reply = self.replies.get(key)
            return (reply,) if reply is not None else ()
        return cast("Sequence[PublishTarget]", found)

    def forward(self, exchange: str, batch: Batch, receipt: Receipt | None) -> int:
        """Publishes into an exchange whatever the broker itself sends on; nobody's permissions are asked.

        Returns: as `submit`; UNROUTED where there is no such exchange.
        """
        way = self.way(exchange)
        if way is None:
            return UNROUTED
        backlog = self.submit(way, batch, (), receipt)
        if backlog != SPLIT:
            return backlog
        return max(self.submit(way, one, (), receipt) for one in batch.singles())

    def route_to(self, exchange: str, batch: Batch, copies: Sequence[str]) -> Route | None:
        """Where a batch would go through an exchange; None where there is no such exchange."""
        way = self.way(exchange)
        if way is None:
            return None
        try:
            return way.exchange.gate, self._route(way, batch, copies)
        except ConnectionException:  # headers that cannot be read match nothing
            return way.exchange.gate, ()

    def _settings_of(self, queue: str) -> QueueSettings | None:
        found = self.queues.get(queue)
        return found.settings if found is not None else None

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
