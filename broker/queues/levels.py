"""The plain ready list, or one a priority level, on a queue's streams of the journal. Must not: know a queue."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from broker.queues.context import QueueContext
from broker.queues.definition import QueueDefinition
from broker.queues.paged import PagedFifo
from broker.queues.priority import PriorityReady
from broker.queues.ready import ReadyList

LEVEL_BITS: Final = 8  # a stream's id is its queue's number and, below it, the priority level
LEVEL_MASK: Final = (1 << LEVEL_BITS) - 1


def stream_id(number: int, level: int) -> int:
    """The journal's stream of one level of a queue."""
    return number << LEVEL_BITS | level


def levels_of(
    definition: QueueDefinition, priority_max: int, context: QueueContext, on_loaded: Callable[[], None], shift: int = 0
) -> ReadyList:
    """What the journal has under the definition's number, in one list, or one a level from 0 to `priority_max`.

    Args: positions are numbers plus `shift`.
    """
    number, is_journalled = definition.number, definition.is_journalled

    def create(level: int) -> ReadyList:
        stream = context.journal.stream(stream_id(number, level)) if is_journalled else None
        return PagedFifo(stream, context.journal, context.spool, context.budget, on_loaded, shift)

    levels = context.levels(number) if is_journalled else ()
    return PriorityReady(priority_max, create, levels) if priority_max else create(0)


def levels_in_memory(priority_max: int, context: QueueContext, on_loaded: Callable[[], None]) -> ReadyList:
    """A list a level for what is put back, wherever it is journalled."""

    def create(_: int) -> ReadyList:
        return PagedFifo(None, context.journal, context.spool, context.budget, on_loaded)

    return PriorityReady(priority_max, create)
