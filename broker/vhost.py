"""One virtual host: its exchanges, bindings and queues.

Must not: check permissions or raise AMQP errors; operations does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import cast

from broker.deduplication.deduplication import Deduplication
from broker.definitions.keeper import VhostKeeper
from broker.holding.holding import Holding
from broker.model.arguments import NO_ARGUMENTS, Arguments
from broker.model.interfaces import Tracer, Turn
from broker.model.policy import EffectivePolicy
from broker.model.settings import QueueSettings, alternate_exchange, queue_settings, queue_type
from broker.model.vhost_metadata import VhostMetadata
from broker.publish_lane import SPLIT, UNROUTED, PublishLane, Way
from broker.queues.classic import ClassicQueue
from broker.queues.context import QueueContext, Timers
from broker.queues.counters import QueueCounters
from broker.queues.definition import Former, QueueDefinition
from broker.queues.factory import create_queue, equip, repick
from broker.queues.letters import Letters
from broker.queues.paging import MemoryBudget
from broker.queues.queue import Queue
from broker.queues.regroup import regroup
from broker.queues.spool import Spool
from broker.queues.waits import TaskWaits
from broker.routing.binding import Binding, DestinationKind, Target
from broker.routing.exchange import DELAYED, Exchange
from broker.routing.table import default_exchanges
from storage.journal import Journal

__all__ = ["SPLIT", "UNROUTED", "Vhost", "Way"]  # publishers hold ways, and know only the vhost


class Vhost(PublishLane):
    """A namespace of exchanges, queues and bindings.

    `deleted_queues` goes on
    counting for all queues that are gone.
    """

    __slots__ = ("_context", "_owned", "deduplication", "deleted_queues", "exchange_arguments", "keeper", "metadata",
                 "name", "policy_of", "queues")  # fmt: skip

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
        super().__init__(journal, spool, turn, keeper.store)
        self.name = name
        self.metadata = metadata
        self.policy_of = policy_of
        self.keeper = keeper
        self.table.on_unbind = self._unbound
        self.queues: dict[str, Queue] = {}
        self.exchange_arguments: dict[str, Arguments] = {}
        self.deleted_queues = QueueCounters()
        self._owned: dict[object, set[str]] = {}  # exclusive queues by their connection
        self._context = QueueContext(
            turn.now_ms, timers, turn.queue_dirty, self._delete_by_itself, journal, spool, budget,
            levels, keeper.store.when_stored, self._equip, waits,
        )  # fmt: skip
        self.holding = Holding(
            journal, spool, turn, timers, budget, keeper.store, keeper.number_of_held, self.queues, self.publish,
            self.route_out,
        )  # fmt: skip
        self._context.vhost = name
        self._context.when_durable = turn.when_durable
        self._context.keep_offset = keeper.offset_changed
        self._context.redefine = keeper.change_queue
        self._context.left = self.counters.left
        self._context.letters = Letters(
            journal, turn.now_ms, turn.queue_dirty, keeper.store.when_stored, timers.add, self.route_to, self.publish,
            self._settings_of, self.counters.left,
        )  # fmt: skip
        self.deduplication = Deduplication(journal, turn, timers, keeper)
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

    def _equip(self, queue: ClassicQueue, context: QueueContext) -> None:
        equip(queue, context)
        self.deduplication.equip(queue)
        self.holding.equip(queue)

    def restore_queue(self, definition: QueueDefinition) -> Queue:
        """Creates a queue that needs no storing, or is stored already."""
        policy = self.policy_of(self.name, queue_type(definition.arguments), definition.name)
        queue = create_queue(definition, self._context, policy)
        self.queues[queue.name] = queue
        self.table.add_queue(queue)
        if definition.exclusive:
            self._owned.setdefault(definition.owner, set()).add(queue.name)
        return queue

    def restore_window(self, exchange: str, number: int) -> None:
        """What an exchange's window knew is in the log's stream of this number."""
        self._context.levels(number)  # so that nobody takes it for lost
        self.deduplication.restore(exchange, number)

    def restore_held(self, number: int) -> None:
        """What is held durably is in the streams of this number."""
        self.holding.restore(number, self._context.levels(number))

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
        self.holding.queue_gone(queue)
        return queue.delete()

    def change_queue(self, queue: Queue, arguments: Arguments) -> None:
        """Gives a queue other arguments, which were checked, with its consumers, messages and bindings.

        Raises: ChannelException 406, ConnectionException 506 where the log has to call it otherwise and the disk does
            not take more numbers now; nothing has changed then.
        """
        self.counters.queues_changed += 1
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

    def unsorted(self) -> int:
        """How many messages are still to be sorted after changes of priorities."""
        return sum(left() for left in self._context.regrouping.values())

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
            self.deduplication.begin(exchange)
            self.keeper.add_exchange(exchange, arguments)

    def restore_exchange(self, exchange: Exchange, arguments: Arguments) -> None:
        """Takes an exchange that needs no storing, or is stored already."""
        if arguments.values:
            self.exchange_arguments[exchange.name] = arguments
        self.apply_to_exchange(exchange, self.policy_of(self.name, "exchange", exchange.name))
        if exchange.type == DELAYED:
            exchange.gate = self.holding.delay_gate(exchange.durable)
        self.deduplication.guard(exchange)
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
            self.table.version += 1  # ways remember whether a gate stands before the queue

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
            self.deduplication.forget(name)
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

    def _settings_of(self, queue: str) -> QueueSettings | None:
        found = self.queues.get(queue)
        return found.settings if found is not None else None
