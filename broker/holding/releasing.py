"""Lets held messages go when they are due, a slice a turn, and reads those that are due soon into memory before that.

Must not: route; who made it does, through `let_go`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Final

from broker.holding.delay import as_released
from broker.holding.due_index import Entry
from broker.holding.fetching import Fetching, Found
from broker.holding.store import Held, HeldStore
from broker.holding.ticket import Ticket
from broker.model.interfaces import Turn
from broker.model.message import Batch
from broker.queues.context import Timers

log = logging.getLogger("leveret.holding")

AHEAD_MS: Final = 1000  # before it is due a message is read
FETCH_MAX: Final = 128  # messages read at a time: a few milliseconds' work, in several turns
SLICE_MESSAGES: Final = 64  # let go in one turn
SLICE_BYTES: Final = 1024 * 1024
BACKLOG_BYTES_MAX: Final = 8 * 1024 * 1024  # of the log, from which on what is due waits for the disk
AGAIN_MS: Final = 5  # until the disk is looked at again

LetGo = Callable[[Batch, Ticket], bool]


class Releaser:
    """Wakes when something is due, or is to be read; `is_blocked` while the index is not whole."""

    __slots__ = (
        "_again_ms",
        "_due_ms",
        "_handle",
        "_is_fetching",
        "_let_go",
        "_store",
        "_timers",
        "_turn",
        "_wanted",
        "is_blocked",
    )

    def __init__(self, store: HeldStore, turn: Turn, timers: Timers, let_go: LetGo) -> None:
        """Args: let_go publishes messages; False where there is nobody for them any more."""
        self._store = store
        self._turn = turn
        self._timers = timers
        self._let_go = let_go
        self._handle: object = None
        self._due_ms = 0
        self._is_fetching = False
        self._again_ms = 0  # not to be read before then: it was not written yet
        self._wanted: list[Entry] = []  # what is being read
        self.is_blocked = False
        store.on_changed = self.plan

    # ---- when

    def plan(self) -> None:
        """Wakes for what is first now."""
        first = self._store.index.first()
        if first is None or self.is_blocked:
            return
        due_ms, key = first
        if key in self._store.hot:
            self._wake_at(due_ms)
        elif not self._is_fetching:
            self._wake_at(max(due_ms - AHEAD_MS, self._again_ms))

    def _wake_at(self, due_ms: int) -> None:
        if self._handle is not None:
            if self._due_ms <= due_ms:
                return
            self._timers.cancel(self._handle)
        self._due_ms = due_ms
        self._handle = self._timers.add(due_ms, self._fire)

    def _fire(self) -> None:
        self._handle = None
        self.run()

    def stop(self) -> None:
        """Nothing is let go any more."""
        self.is_blocked = True
        if self._handle is not None:
            self._timers.cancel(self._handle)
            self._handle = None

    def run(self) -> None:
        """A slice of what is due, and a step of reading ahead."""
        if self.is_blocked:
            return
        now_ms = self._turn.now_ms()
        if self._store.backlog_bytes() > BACKLOG_BYTES_MAX:
            self._wake_at(now_ms + AGAIN_MS)
            return
        self._store.together(lambda: self._release(now_ms))
        self._read_ahead(now_ms)
        self.plan()

    # ---- letting go

    def _release(self, now_ms: int) -> None:
        messages = size = 0
        while messages < SLICE_MESSAGES and size < SLICE_BYTES:
            run = self._next_run(now_ms, SLICE_MESSAGES - messages, SLICE_BYTES - size)
            if not run:
                return
            messages += len(run)
            size += len(run) * run[0][1].batch.message_bytes
            self.release(run, now_ms)

    def _next_run(self, now_ms: int, count: int, size_bytes: int) -> list[tuple[Entry, Held]]:
        """What is due first: messages of one batch, one after another, as far as they are in memory."""
        store = self._store
        run: list[tuple[Entry, Held]] = []
        for entry in store.index.beyond((0, 0)):
            held = store.hot.get(entry[1])
            if held is None or entry[0] > now_ms:
                break
            if run and (held.batch is not run[0][1].batch or held.at != run[-1][1].at + 1):
                break
            run.append((entry, held))
            size_bytes -= held.batch.message_bytes
            if len(run) == count or size_bytes <= 0:
                break
        return run

    def release(self, run: Sequence[tuple[Entry, Held]], now_ms: int) -> bool:
        """Lets messages of one batch go that follow one another; whether there was somebody for them."""
        store, first = self._store, run[0][1]
        ticket = first.ticket
        try:
            is_taken = self._let_go(as_released(first.batch, first.at, run[-1][1].at + 1, ticket, now_ms), ticket)
        except Exception:  # one broken message must not stop the others; it is there again after a restart
            log.exception("a held message cannot be released")
            for (due_ms, key), _ in run:
                store.lose(due_ms, key)
            return False
        for (due_ms, key), held in run:
            store.take(due_ms, key, held)
            store.late_ms.add(max(0, now_ms - due_ms))
        if is_taken:
            store.counters.released += len(run)
        else:
            store.counters.dropped += len(run)
        return is_taken

    # ---- reading ahead

    def _read_ahead(self, now_ms: int) -> None:
        if self._is_fetching or now_ms < self._again_ms:
            return
        store, until_ms = self._store, now_ms + AHEAD_MS
        wanted: list[Entry] = []
        for entry in store.index.beyond(store.horizon):
            if entry[0] > until_ms:
                self._wake_at(entry[0] - AHEAD_MS)
                break
            if entry[1] not in store.hot:
                if len(wanted) == FETCH_MAX or (store.hot_bytes > store.hot_bytes_max and self._has_hot_front()):
                    break
                wanted.append(entry)
            store.horizon = entry
        if wanted:
            self._is_fetching = True
            self._wanted = wanted
            Fetching(store, wanted, self._fetched).start()

    def _has_hot_front(self) -> bool:
        """Whether something can be let go before anything else is read."""
        first = self._store.index.first()
        return first is not None and first[1] in self._store.hot

    def _fetched(self, found: Found, lost: list[Entry]) -> None:
        store = self._store
        self._is_fetching = False
        wanted, self._wanted = self._wanted, []
        for due_ms, key in lost:
            store.lose(due_ms, key)
        is_unwritten = False
        for due_ms, key in wanted:
            held = found.get(key)
            if held is not None:
                if key not in store.hot and store.index.has(due_ms, key):
                    store.heat(key, held)
            elif store.index.has(due_ms, key):
                is_unwritten = True
                if (due_ms, key) <= store.horizon:
                    store.horizon = (due_ms, key - 1)
        now_ms = self._turn.now_ms()
        self._again_ms = now_ms + AGAIN_MS if is_unwritten else 0
        self._wake_at(max(now_ms, self._again_ms))
