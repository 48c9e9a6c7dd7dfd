"""Builds a queue from its settings by choosing its parts. Must not: be the place where a feature lives."""

from __future__ import annotations

from collections.abc import Callable

from broker.model.policy import NO_POLICY, EffectivePolicy
from broker.model.settings import DEFAULTS, QueueSettings, queue_settings
from broker.queues.classic import ClassicQueue
from broker.queues.consumers import Picker, RoundRobin, SingleActive
from broker.queues.context import QueueContext
from broker.queues.definition import QueueDefinition
from broker.queues.kept_letters import create_dead_letter
from broker.queues.levels import levels_of, stream_id
from broker.queues.overflow import create_bound, create_gate
from broker.queues.pace import Paced, paced
from broker.queues.queue import Queue
from broker.queues.ready import ReadyList
from broker.queues.redelivery import create_delivery_count, create_delivery_limit
from broker.queues.regroup import begin_regrouping, restored
from broker.queues.stream import StreamQueue
from broker.queues.waits import TimedReady


def create_queue(definition: QueueDefinition, context: QueueContext, policy: EffectivePolicy = NO_POLICY) -> Queue:
    """A queue with the parts its arguments and policy ask for; a durable one with what the journal has of it."""
    settings = queue_settings(definition.arguments, policy)
    if settings.queue_type == "stream":
        context.levels(definition.number)
        stream = context.journal.stream(stream_id(definition.number, 0))
        return StreamQueue(definition, policy, settings, stream, context)
    queue = ClassicQueue(
        definition, policy, settings, lambda loaded: _ready_list(definition, settings, context, loaded),
        _picker(settings), context,
    )  # fmt: skip
    if definition.former:
        begin_regrouping(queue, context)
    return queue


def _picker(settings: QueueSettings) -> Picker:
    return SingleActive() if settings.single_active_consumer else RoundRobin()


def repick(queue: ClassicQueue, context: QueueContext) -> None:
    """The queue's consumers are served as its settings say now; those that started first come first."""
    before, after = queue.consumers, _picker(queue.settings)
    for consumer in before.everyone():
        consumer.is_offered = False
        after.add(consumer)
    if isinstance(before, Paced):
        before.plain()
    queue.consumers = after
    queue.consumers = paced(queue, context)


def equip(queue: ClassicQueue, context: QueueContext) -> None:
    """Gives a queue the parts that its settings ask for, in place of those it has."""
    queue.consumers = paced(queue, context)
    queue.gate = queue.leaving = queue.bound = queue.returning = queue.handing = None
    if queue.settings is DEFAULTS:
        return
    queue.leaving = create_dead_letter(queue, context.letters)
    queue.returning = create_delivery_limit(queue)
    queue.handing = create_delivery_count(queue)
    queue.bound = create_bound(queue, queue.settings, context.timers)
    queue.gate = create_gate(queue, queue.settings)


def _ready_list(
    definition: QueueDefinition, settings: QueueSettings, context: QueueContext, on_loaded: Callable[[], None]
) -> ReadyList:
    if definition.former:
        ready = restored(definition, settings.priority_max, context, on_loaded)
    else:
        ready = levels_of(definition, settings.priority_max, context, on_loaded)
    return TimedReady(ready, context.waits) if context.waits is not None else ready
