"""Finds what is held after a start: due times and queues from the heads of the log's records, a stretch a turn.

Must not: read bodies where they stand apart from the heads.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from broker.holding.store import JOURNAL, HeldStore, key_of, level_of
from broker.holding.ticket import PREFIX_BYTES_MAX, Ticket, decode_ticket
from broker.model.interfaces import Turn
from broker.queues.context import Timers
from storage.journal import Loaded, Stream

STEP_BYTES: Final = 64 * 1024  # read in one go: about 2 ms' work where messages are small


class Survey:
    """One pass over the streams as they are at the start; what comes meanwhile is known already."""

    __slots__ = ("_first", "_head", "_is_answered", "_level", "_on_end", "_step_due", "_stop", "_store", "_stream",
                 "_streams", "_ticket", "_timers", "_turn")  # fmt: skip

    def __init__(
        self, store: HeldStore, streams: Sequence[Stream], turn: Turn, timers: Timers, on_end: Callable[[], None]
    ) -> None:
        self._store = store
        self._streams = [(stream, stream.next) for stream in streams]
        self._turn = turn
        self._timers = timers
        self._on_end = on_end
        self._stream: Stream | None = None
        self._first = 0
        self._stop = 0
        self._level = 0
        self._head = b""
        self._ticket: Ticket | None = None

    def step(self) -> None:
        """Asks for the next stretch."""
        while self._stream is None or self._first >= self._stop:
            if not self._streams:
                self._on_end()
                return
            self._stream, self._stop = self._streams.pop()
            self._first = 1
        self._stream.survey(self._first, STEP_BYTES, PREFIX_BYTES_MAX, self._surveyed)

    def _surveyed(self, runs: Sequence[Loaded], next_number: int) -> None:
        for run in runs:
            if run.first < self._stop:
                self._note(run)
        self._first = next_number if next_number > self._first else self._stop
        self._timers.add(self._turn.now_ms(), self.step)

    def _note(self, run: Loaded) -> None:
        stream, store = self._stream, self._store
        assert stream is not None, "it has answered"
        if run.head != self._head or self._ticket is None:
            try:
                self._ticket, _ = decode_ticket(run.head)
            except (ValueError, IndexError):
                self._ticket = None  # damaged: it is lost when it is to be read
            self._head = run.head
        level = stream.id & 0xFF
        due_ms = run.expires_ms
        if self._ticket is None or not due_ms or level_of(due_ms) != level:
            store.counters.lost += len(run.items)
            return
        for number in range(run.first, run.first + len(run.items)):
            store.index.add(due_ms, key_of(number, due_ms, JOURNAL))
        store.count(self._ticket, len(run.items))
