"""One tick per turn of the event loop: pump queues, commit the journal, confirm, flush sockets.

Must not: look into messages, or run twice for one turn.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol

from broker.loop_watch import LoopWatch
from broker.model.interfaces import Turn
from broker.model.receipt import Receipt
from broker.queues.context import Pumped, Timers
from storage.journal import Journal
from storage.status import OK

log = logging.getLogger("leveret.tick")
COMMIT_WITHIN_MS: Final = 10  # what nobody waits for: settlements, and persistent messages without confirms
COMMIT_SOON_BYTES: Final = 256 * 1024  # of the log, from which on it is not kept back


def _no_clock() -> int:
    return 0


class Flushed(Protocol):
    """What has output at the end of a turn: a connection."""

    def flush(self) -> None:
        """Confirms what is complete and writes everything, at once."""
        ...

    def drop(self) -> None:
        """Ends it at once."""
        ...


class Tick(Turn):
    """Collects what a turn of the loop touched and finishes it, in this order: deliver, commit, confirm, flush.

    `call_soon` is the event loop's; `now_ms` is the clock's, read once a turn. `commit_definitions` comes first, since
    what waits for it may go on.
    """

    __slots__ = ("_call_soon", "_clock_ms", "_dirty_connections", "_dirty_queues", "_gathered", "_journal", "_now_ms",
                 "_scheduled", "_begun_ns", "_is_commit_due", "_staged", "_waiting", "clock_ns", "commit_definitions",
                 "on_end", "timers", "watch")  # fmt: skip

    def __init__(
        self, journal: Journal, clock_ms: Callable[[], int], call_soon: Callable[[Callable[[], None]], object]
    ) -> None:
        self._journal = journal
        self._clock_ms = clock_ms
        self._call_soon = call_soon
        self._scheduled = False
        self._now_ms = 0
        self._dirty_queues: list[Pumped] = []
        self._dirty_connections: list[Flushed] = []
        self._waiting: deque[tuple[int, Receipt]] = deque()
        self._gathered = 0  # bytes of the log that the turn before would have committed
        self._staged = False  # a definition has been changed since the last commit of them
        self.commit_definitions: Callable[[int], None] | None = None
        self.on_end: Callable[[], None] | None = None
        self.timers: Timers | None = None  # without them everything is committed in its turn
        self._is_commit_due = False
        self.watch: LoopWatch | None = None  # is told how long turns take, by `clock_ns`
        self.clock_ns: Callable[[], int] = _no_clock
        self._begun_ns = 0  # the turn
        journal.on_durable = self._durable

    def schedule(self) -> None:
        """Something happened in this turn."""
        if not self._scheduled:
            self._scheduled = True
            self._begun_ns = self.clock_ns()
            self._call_soon(self.run)

    def now_ms(self) -> int:
        """The time of this turn, the same from its first use to its end."""
        if not self._now_ms:
            self._now_ms = self._clock_ms()
            self.schedule()
        return self._now_ms

    def queue_dirty(self, queue: Pumped) -> None:
        """A queue has messages to give, or consumers that may take some. Called once per queue until it is pumped."""
        self._dirty_queues.append(queue)
        self.schedule()

    def connection_dirty(self, connection: Flushed) -> None:
        """A connection has output. Called once per connection until it is flushed."""
        self._dirty_connections.append(connection)
        self.schedule()

    def definitions_changed(self) -> None:
        """There are definitions to commit, in this turn or the next."""
        self._staged = True
        self.schedule()

    def when_durable(self, position: int, receipt: Receipt) -> None:
        """The receipt gets an answer once the journal's record at `position` is durable, or cannot become so."""
        receipt.expect()
        if self._journal.state == OK:
            self._waiting.append((position, receipt))
        else:
            receipt.refused()

    def refuse_waiting(self) -> None:
        """The journal is in trouble: whoever waits for it is refused."""
        waiting, self._waiting = self._waiting, deque()
        for _, receipt in waiting:
            receipt.refused()
        self.schedule()

    def _durable(self, watermark: int) -> None:
        waiting = self._waiting
        while waiting and waiting[0][0] <= watermark:
            waiting.popleft()[1].taken()
        self.schedule()

    def _commit_journal(self, now_ms: int) -> None:
        """Hands on what was journalled, at once where somebody waits for it, otherwise together with more."""
        journal = self._journal
        backlog = journal.backlog_bytes()
        gathered, self._gathered = self._gathered, 0
        if self._waiting and self._may_gather(gathered, backlog):
            self._gathered = backlog
        elif self._waiting or self.timers is None or backlog > COMMIT_SOON_BYTES:
            journal.commit(bool(self._waiting))
        elif not self._is_commit_due and self._journal.has_uncommitted():
            self._is_commit_due = True
            self.timers.add(now_ms + COMMIT_WITHIN_MS, self._commit_late)

    def _may_gather(self, gathered: int, backlog: int) -> bool:
        """Whether to read once more before a commit: one more turn costs far less than one more commit.

        It ends with the first turn that brings nothing; what comes while a commit is under way waits for it anyway.
        """
        is_growing = gathered < backlog <= COMMIT_SOON_BYTES
        return is_growing and self.timers is not None and not self._journal.is_committing()

    def _commit_late(self) -> None:
        self._is_commit_due = False
        self._journal.commit(bool(self._waiting))

    def run(self) -> None:
        """Finishes the turn."""
        now_ms = self.now_ms()
        self._staged = False
        if self.commit_definitions is not None:
            self.commit_definitions(now_ms)
        while self._dirty_queues:
            queues, self._dirty_queues = self._dirty_queues, []
            for queue in queues:
                try:
                    queue.pump(now_ms)
                except Exception:  # one broken queue must not end everybody's turns
                    log.exception("a queue failed to deliver")
        self._commit_journal(now_ms)
        connections, self._dirty_connections = self._dirty_connections, []
        for connection in connections:
            try:
                connection.flush()
            except Exception:
                log.exception("a connection failed to write")
                connection.drop()
        self._scheduled = False
        self._now_ms = 0
        if self.watch is not None:
            self.watch.worked(self._begun_ns, self.clock_ns())
        if self._dirty_queues or self._dirty_connections or self._staged or self._gathered:
            self.schedule()
        if self.on_end is not None:
            self.on_end()
