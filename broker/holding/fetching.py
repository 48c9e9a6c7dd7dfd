"""Reads held messages back from the log or the spool, in order of their numbers. Must not: choose which."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from broker.holding.due_index import Entry
from broker.holding.store import Held, HeldStore, number_of
from broker.holding.ticket import Ticket, decode_ticket
from broker.queues.stored import HeadReader
from storage.journal import Loaded, Stream

ONE_BYTES: Final = 1  # read nothing but the record that has a message
DENSE_BYTES: Final = 16 * 1024  # read at a time where so many are most of those that stand next to one another
DENSE_COUNT: Final = 8

Found = dict[int, Held]
OnFetched = Callable[[Found, list[Entry]], None]


class TicketReader:
    """Takes held heads apart; remembers the last one, since messages often share it."""

    __slots__ = ("_at", "_head", "_reader", "_ticket")

    def __init__(self) -> None:
        self._reader = HeadReader()
        self._head = b""
        self._ticket: Ticket | None = None
        self._at = 0

    def held(self, run: Loaded) -> list[Held]:
        """The messages of a run. Raises: ValueError where its head is none of a held message."""
        if run.head != self._head or self._ticket is None:
            self._ticket, self._at = decode_ticket(run.head)
            self._head = run.head
        ticket = self._ticket
        batch = self._reader.batch(run._replace(head=run.head[self._at :]))
        if batch.properties.expiration is not None:
            batch.expiration_ms = int(batch.properties.expiration)
        return [Held(batch, at, ticket) for at in range(len(batch.bodies))]


class Fetching:
    """One request: answers once, with what was found by key, and the entries that are lost.

    What is in neither is not written yet. Everything that is in memory already is found there.
    """

    __slots__ = ("_entries", "_found", "_groups", "_is_answered", "_is_waiting", "_lost", "_numbers", "_on_fetched",
                 "_reader", "_stream")  # fmt: skip

    def __init__(self, store: HeldStore, entries: Sequence[Entry], on_fetched: OnFetched) -> None:
        self._on_fetched = on_fetched
        self._found: Found = {}
        self._lost: list[Entry] = []
        self._reader = TicketReader()
        self._groups: dict[Stream, dict[int, Entry]] = {}
        self._stream: Stream | None = None
        self._entries: dict[int, Entry] = {}
        self._numbers: list[int] = []
        self._is_answered = False
        self._is_waiting = False
        for entry in entries:
            held = store.hot.get(entry[1])
            if held is not None:
                self._found[entry[1]] = held
            else:
                self._groups.setdefault(store.stream(entry[1]), {})[number_of(entry[1])] = entry

    def start(self) -> None:
        """Begins to read."""
        while self._next():
            stream = self._stream
            assert stream is not None, "the next one stands in a stream"
            self._is_answered = False
            stream.load(self._numbers[0], self._size(), self._loaded)
            if not self._is_answered:
                self._is_waiting = True
                return
        self._on_fetched(self._found, self._lost)

    def _next(self) -> bool:
        """Whether there is a message to read; then it is the first of `_numbers`."""
        while not self._numbers:
            if not self._groups:
                return False
            stream = next(iter(self._groups))
            self._stream, self._entries = stream, self._groups.pop(stream)
            self._numbers = sorted(self._entries)
        return True

    def _size(self) -> int:
        numbers = self._numbers
        is_dense = len(numbers) >= DENSE_COUNT and numbers[DENSE_COUNT - 1] - numbers[0] < DENSE_COUNT * 2
        return DENSE_BYTES if is_dense else ONE_BYTES

    def _loaded(self, runs: Sequence[Loaded], next_number: int) -> None:
        entries = self._entries
        for run in runs:
            if not any(number in entries for number in range(run.first, run.first + len(run.items))):
                continue
            try:
                held = self._reader.held(run)
            except ValueError:
                continue  # it counts as lost
            for at, one in enumerate(held):
                entry = entries.pop(run.first + at, None)
                if entry is not None:
                    self._found[entry[1]] = one
        passed = [number for number in self._numbers if number < next_number]
        self._lost += [entries.pop(number) for number in passed if number in entries]
        self._numbers = [number for number in self._numbers if number >= next_number] if passed else []
        self._is_answered = True
        if self._is_waiting:
            self._is_waiting = False
            self.start()
