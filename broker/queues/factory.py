"""Builds a queue from its settings by choosing its parts. Must not: be the place where a feature lives."""

from __future__ import annotations

from typing import Final

from broker.model.settings import QueueSettings, queue_settings
from broker.queues.classic import ClassicQueue, QueueDefinition
from broker.queues.consumers import Picker, RoundRobin, SingleActive
from broker.queues.context import QueueContext
from broker.queues.paged import PagedFifo
from broker.queues.priority import PriorityReady
from broker.queues.ready import Fifo, ReadyList

LEVEL_BITS: Final = 8  # a stream's id is its queue's number and, below it, the priority level
LEVEL_MASK: Final = (1 << LEVEL_BITS) - 1


def stream_id(number: int, level: int) -> int:
    """The journal's stream of one level of a queue."""
    return number << LEVEL_BITS | level


def create_queue(definition: QueueDefinition, context: QueueContext) -> ClassicQueue:
    """A queue with the parts its arguments ask for; a durable one with what the journal has of it."""
    settings = queue_settings(definition.arguments)
    consumers: Picker = SingleActive() if settings.single_active_consumer else RoundRobin()
    queue = ClassicQueue(definition, settings, consumers, context)
    queue.ready = _ready_list(queue, settings, context)
    if queue.ready.count:
        queue.resume()
    return queue


def _ready_list(queue: ClassicQueue, settings: QueueSettings, context: QueueContext) -> ReadyList:
    number = queue.definition.number

    def plain(_level: int) -> ReadyList:
        return Fifo()

    def paged(level: int) -> ReadyList:
        stream = context.journal.stream(stream_id(number, level))
        return PagedFifo(stream, context.journal, context.budget, queue.loaded)

    create = paged if queue.durable else plain
    levels = context.levels(number) if queue.durable else ()
    if not settings.priority_max:
        return create(0)
    return PriorityReady(settings.priority_max, create, levels)
