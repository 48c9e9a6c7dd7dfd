"""What a queue needs of the world around it, handed in at its birth. Must not: hold behaviour."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from broker.model.interfaces import Tracer
from broker.model.receipt import Receipt
from broker.model.vhost_counters import LeftCounters
from broker.queues.definition import QueueDefinition
from broker.queues.letters import Letters
from broker.queues.paging import MemoryBudget
from broker.queues.spool import Spool
from broker.queues.waits import TaskWaits
from storage.journal import Journal


class Pumped(Protocol):
    """What the tick calls once a turn: a queue."""

    def pump(self, now_ms: int) -> None:
        """Gives ready messages to consumers with room."""
        ...


class Timers(Protocol):
    """The one heap of deadlines."""

    def add(self, due_ms: int, callback: Callable[[], None]) -> object:
        """Calls back at or after a time; returns a handle."""
        ...

    def cancel(self, deadline: Any, /) -> None:
        """Forgets a deadline."""
        ...


class QueueContext:
    """The time of this turn, timers, the places a queue reports to, and where durable ones keep their messages."""

    __slots__ = (
        "budget",
        "delete",
        "equip",
        "journal",
        "keep_offset",
        "left",
        "letters",
        "levels",
        "mark_dirty",
        "now_ms",
        "redefine",
        "regrouping",
        "removing",
        "spool",
        "timers",
        "tracer",
        "vhost",
        "waits",
        "when_durable",
        "when_stored",
    )

    def __init__(
        self,
        now_ms: Callable[[], int],
        timers: Timers,
        mark_dirty: Callable[[Pumped], None],
        delete: Callable[[str], None],
        journal: Journal,
        spool: Spool,
        budget: MemoryBudget,
        levels: Callable[[int], Sequence[int]],
        when_stored: Callable[[Callable[[], None]], None],
        equip: Callable[[Any, Any], None],
        waits: TaskWaits | None = None,
    ) -> None:
        self.now_ms = now_ms
        self.timers = timers
        self.mark_dirty = mark_dirty  # it has messages to give, or consumers that may take some
        self.delete = delete  # a queue's name: unused for too long, or its last consumer gone
        self.journal = journal
        self.spool = spool
        self.budget = budget  # what all queues may hold in memory
        self.levels = levels  # a queue's number: the priorities whose streams hold something
        self.tracer: Tracer | None = None  # while somebody watches
        self.removing: set[object] = set()  # messages that are being looked for, to be taken out of their queue
        self.when_stored = when_stored  # calls back once the definitions as they are now are on the disk
        self.equip = equip  # gives a queue the parts that its settings ask for
        self.left = LeftCounters()  # without being consumed
        self.letters: Letters | None = None  # where dead letters go; the vhost sets it
        self.waits = waits  # where it is measured how long tasks wait
        self.vhost = "/"  # its name
        self.regrouping: dict[object, Callable[[], int]] = {}  # lists being sorted into other levels: how many are left
        self.redefine: Callable[[QueueDefinition], None] = (
            _nobody  # stores what a queue is, where that changes by itself
        )
        self.when_durable: Callable[[int, Receipt], None] = _at_once  # the journal's record at a position
        self.keep_offset: Callable[[str, str, Any], None] | None = None  # of a stream's named consumer; None: no more


def _nobody(_: QueueDefinition) -> None:
    return None


def _at_once(_: int, receipt: Receipt) -> None:
    receipt.expect()
    receipt.taken()
