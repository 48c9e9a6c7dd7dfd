"""Builds a queue from its settings by choosing its parts. Must not: be the place where a feature lives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from broker.model.policy import NO_POLICY, EffectivePolicy
from broker.model.settings import DEFAULTS, QueueSettings, queue_settings
from broker.queues.classic import ClassicQueue
from broker.queues.consumers import Picker, RoundRobin, SingleActive
from broker.queues.context import QueueContext
from broker.queues.definition import QueueDefinition
from broker.queues.kept_letters import create_dead_letter
from broker.queues.overflow import create_bound, create_gate
from broker.queues.pace import paced
from broker.queues.paged import PagedFifo
from broker.queues.priority import PriorityReady
from broker.queues.queue import Queue
from broker.queues.ready import ReadyList
from broker.queues.redelivery import create_delivery_count, create_delivery_limit
from broker.queues.stream import StreamQueue
from broker.queues.waits import TimedReady

LEVEL_BITS: Final = 8  # a stream's id is its queue's number and, below it, the priority level
LEVEL_MASK: Final = (1 << LEVEL_BITS) - 1


def stream_id(number: int, level: int) -> int:
    """The journal's stream of one level of a queue."""
    return number << LEVEL_BITS | level


def create_queue(definition: QueueDefinition, context: QueueContext, policy: EffectivePolicy = NO_POLICY) -> Queue:
    """A queue with the parts its arguments and policy ask for; a durable one with what the journal has of it."""
    settings = queue_settings(definition.arguments, policy)
    if settings.queue_type == "stream":
        context.levels(definition.number)
        stream = context.journal.stream(stream_id(definition.number, 0))
        return StreamQueue(definition, policy, settings, stream, context)
    consumers: Picker = SingleActive() if settings.single_active_consumer else RoundRobin()
    return ClassicQueue(
        definition, policy, settings, lambda loaded: _ready_list(definition, settings, context, loaded), consumers,
        context,
    )  # fmt: skip


def equip(queue: ClassicQueue, context: QueueContext) -> None:
    """Gives a queue the parts that its settings ask for, in place of those it has."""
    queue.consumers = paced(queue, context)
    queue.gate = queue.leaving = queue.bound = queue.returning = queue.handing = None
    if queue.settings is DEFAULTS:
        return
    queue.leaving = create_dead_letter(queue, context.letters)
    queue.returning = create_delivery_limit(queue)
    queue.handing = create_delivery_count(queue)
    queue.bound = create_bound(queue, queue.settings)
    queue.gate = create_gate(queue, queue.settings)


def _ready_list(
    definition: QueueDefinition, settings: QueueSettings, context: QueueContext, on_loaded: Callable[[], None]
) -> ReadyList:
    number, is_journalled = definition.number, definition.is_journalled

    def create(level: int) -> ReadyList:
        stream = context.journal.stream(stream_id(number, level)) if is_journalled else None
        return PagedFifo(stream, context.journal, context.spool, context.budget, on_loaded)

    levels = context.levels(number) if is_journalled else ()
    ready = PriorityReady(settings.priority_max, create, levels) if settings.priority_max else create(0)
    return TimedReady(ready, context.waits) if context.waits is not None else ready
