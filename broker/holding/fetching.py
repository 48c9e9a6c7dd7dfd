"""Reads held messages back from the log or the spool, in order of their numbers. Must not: choose which."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Final

from broker.holding.due_index import Entry
from broker.holding.store import Held, HeldStore, number_of
from broker.holding.ticket import Ticket, decode_ticket
from broker.queues.stored import HeadReader
from storage.journal import Loaded, Stream

ONE_BYTES: Final = 1  # read nothing but the record that has a message
DENSE_BYTES: Final = 16 * 1024  # read at a time where so many are most of those that stand next to one another
DENSE_COUNT: Final = 8
DENSE_GAP: Final = 2
PART_COUNT: Final = 4  # of others, read one after another
PARTS_MAX: Final = 8  # read side by side, which saves the reader's thread some of its ways

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


class _Part:
    """Some messages of one stream, by number, and which of them are still to be read, in order."""

    __slots__ = ("entries", "is_answered", "is_waiting", "numbers", "stream")

    def __init__(self, stream: Stream, entries: dict[int, Entry], numbers: list[int]) -> None:
        self.stream = stream
        self.entries = entries
        self.numbers = numbers
        self.is_answered = False
        self.is_waiting = False


def _cut(numbers: list[int]) -> Iterator[list[int]]:
    """Numbers in order, in parts that are read one after another: those that stand near one another, or a few."""
    while numbers:
        count = 1
        while count < len(numbers) and numbers[count] - numbers[count - 1] <= DENSE_GAP:
            count += 1
        size = count if count >= DENSE_COUNT else PART_COUNT
        yield numbers[:size]
        numbers = numbers[size:]


class Fetching:
    """One request: answers once, with what was found by key, and the entries that are lost.

    What is in neither is not written yet. Everything that is in memory already is found there.
    """

    __slots__ = ("_found", "_lost", "_on_fetched", "_parts", "_reader", "_running")

    def __init__(self, store: HeldStore, entries: Sequence[Entry], on_fetched: OnFetched) -> None:
        self._on_fetched = on_fetched
        self._found: Found = {}
        self._lost: list[Entry] = []
        self._reader = TicketReader()
        self._running = 0
        streams: dict[Stream, dict[int, Entry]] = {}
        for entry in entries:
            held = store.hot.get(entry[1])
            if held is not None:
                self._found[entry[1]] = held
            else:
                streams.setdefault(store.stream(entry[1]), {})[number_of(entry[1])] = entry
        self._parts = [
            _Part(stream, {number: wanted[number] for number in numbers}, numbers)
            for stream, wanted in streams.items()
            for numbers in _cut(sorted(wanted))
        ]
        self._parts.reverse()

    def start(self) -> None:
        """Begins to read."""
        self._running += 1  # nothing is answered before everything has begun that may
        while self._parts and self._running <= PARTS_MAX:
            self._running += 1
            self._go_on(self._parts.pop())
        self._ended()

    def _go_on(self, part: _Part) -> None:
        """Reads the rest of a part, and what nobody reads yet, as far as that comes at once."""
        while part.numbers or self._parts:
            if not part.numbers:
                part = self._parts.pop()
            part.is_answered = False
            size_bytes = DENSE_BYTES if len(part.numbers) >= DENSE_COUNT else ONE_BYTES
            part.stream.load(part.numbers[0], size_bytes, partial(self._loaded, part))
            if not part.is_answered:
                part.is_waiting = True
                return
        self._ended()

    def _ended(self) -> None:
        self._running -= 1
        if not self._running:
            self._on_fetched(self._found, self._lost)

    def _loaded(self, part: _Part, runs: Sequence[Loaded], next_number: int) -> None:
        entries = part.entries
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
        passed = [number for number in part.numbers if number < next_number]
        self._lost += [entries.pop(number) for number in passed if number in entries]
        part.numbers = [number for number in part.numbers if number >= next_number] if passed else []
        part.is_answered = True
        if part.is_waiting:
            part.is_waiting = False
            self._go_on(part)
