"""What a queue needs around it, for tests of its parts."""

from __future__ import annotations

from collections.abc import Callable

from broker.clock import Deadlines
from broker.queues.context import QueueContext
from broker.queues.factory import equip
from broker.queues.paging import MemoryBudget
from broker.queues.spool import Spool
from storage.memory import MemoryJournal


def _never(*_: object) -> None:
    raise AssertionError("not asked for here")


def queue_context(now_ms: Callable[[], int], deadlines: Deadlines) -> QueueContext:
    """A context whose queue must not report anything."""
    journal, budget = MemoryJournal(), MemoryBudget(0)
    spool = Spool(MemoryJournal, now_ms)
    return QueueContext(
        now_ms, deadlines, _never, _never, journal, spool, budget, lambda _: (), lambda stored: stored(), equip
    )
