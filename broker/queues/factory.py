"""Builds a queue from its settings by choosing its parts. Must not: be the place where a feature lives."""

from __future__ import annotations

from broker.model.settings import queue_settings
from broker.queues.classic import ClassicQueue, QueueDefinition
from broker.queues.consumers import Picker, RoundRobin, SingleActive
from broker.queues.context import QueueContext
from broker.queues.priority import PriorityReady
from broker.queues.ready import Fifo, ReadyList


def create_queue(definition: QueueDefinition, context: QueueContext) -> ClassicQueue:
    """A queue with the parts its arguments ask for."""
    settings = queue_settings(definition.arguments)
    ready: ReadyList = PriorityReady(settings.priority_max) if settings.priority_max else Fifo()
    consumers: Picker = SingleActive() if settings.single_active_consumer else RoundRobin()
    return ClassicQueue(definition, settings, ready, consumers, context)
