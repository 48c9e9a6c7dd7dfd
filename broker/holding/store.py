"""Messages of one vhost that are held until a time: two numbers each, and a body where it is due soon.

Durable ones are in streams of the journal, each with its due time as the entry's expiry and its ticket in front of the
head; transient ones stay in memory, or go to the spool where there are many. Messages due in the same second share a
stream, so that what leaves a stream leaves it about in order. Must not: route, or decide what is held.

Invariants
1. What is in `index` is held, and nothing else is.
2. Everything up to `horizon` in the index is in `hot`, or is being loaded.
3. A durable message is settled in the group that publishes it, or that holds it anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from broker.holding.due_index import DueIndex, Entry
from broker.holding.ticket import REASONS, Ticket, encode_ticket
from broker.model.interfaces import Turn
from broker.model.message import Batch
from broker.model.receipt import Receipt
from broker.queues.paging import MemoryBudget
from broker.queues.spool import Spool
from broker.queues.stored import encode_head
from storage.definitions import Definitions
from storage.journal import Journal, Stream
from storage.status import Histogram

LEVEL_BITS: Final = 6
LEVELS: Final = 1 << LEVEL_BITS  # streams: the seconds of about a minute, again and again
LEVEL_MS: Final = 1000
QUEUE_LEVEL_BITS: Final = 8  # as of a queue: a stream's id is the store's number and, below it, the level

KIND_BITS: Final = 2
JOURNAL: Final = 0  # where a message is: the journal, the spool, or nowhere but in memory
SPOOL: Final = 1
MEMORY: Final = 2
NUMBER_SHIFT: Final = LEVEL_BITS + KIND_BITS

SOON_MS: Final = 5000  # what is due by then stays in memory, while there is room
HOT_BYTES_MAX: Final = 16 * 1024 * 1024  # of what is in the log or the spool too
HELD_BYTES: Final = 400  # about what a held message in memory takes beside its own bytes
LATE_MS_BOUNDS: Final = (1, 2, 5, 10, 20, 50, 100, 250, 500, 1000, 5000, 60_000, 3_600_000)


def level_of(due_ms: int) -> int:
    """The stream for messages that are due at a time."""
    return due_ms // LEVEL_MS % LEVELS


def key_of(number: int, due_ms: int, kind: int) -> int:
    """What the index knows a message by: its number in its stream, and which stream that is."""
    return number << NUMBER_SHIFT | level_of(due_ms) << KIND_BITS | kind


def kind_of(key: int) -> int:
    """Where a message is: JOURNAL, SPOOL or MEMORY."""
    return key & 3


def number_of(key: int) -> int:
    """A message's number in its stream."""
    return key >> NUMBER_SHIFT


class Held:
    """A held message in memory: one of a batch."""

    __slots__ = ("at", "batch", "ticket")

    def __init__(self, batch: Batch, at: int, ticket: Ticket) -> None:
        self.batch = batch
        self.at = at
        self.ticket = ticket

    def memory_bytes(self) -> int:
        """About what it takes."""
        return HELD_BYTES + self.batch.message_bytes


class HeldCounters:
    """What has happened to held messages since the start."""

    __slots__ = ("cancelled", "dropped", "held", "lost", "released", "unreadable")

    def __init__(self) -> None:
        self.held = 0
        self.released = 0
        self.cancelled = 0
        self.dropped = 0  # their queue or exchange was gone when they were due
        self.lost = 0  # damaged on the disk
        self.unreadable = 0  # times that could not be read: these messages were not held

    def not_read(self, count: int) -> None:
        """So many messages say when they are due in a way that nobody understands."""
        self.unreadable += count


class HeldStore:
    """What is held in a vhost. `on_changed` is told that something may be due earlier than before."""

    __slots__ = ("_budget", "_journal", "_last_memory", "_level_streams", "_new_number", "_number", "_spool",
                 "_spool_streams", "_store", "_turn", "counters", "horizon", "hot", "hot_bytes", "hot_bytes_max",
                 "index", "late_ms", "memory_only_bytes", "numbers_of", "of_reasons", "on_changed",
                 "soon_ms")  # fmt: skip

    def __init__(
        self, journal: Journal, spool: Spool, turn: Turn, budget: MemoryBudget, store: Definitions,
        new_number: Callable[[], int],
    ) -> None:  # fmt: skip
        """Args: new_number gives the number that the streams of this vhost have for ever; it is asked once, and may
        raise what a declaration of a durable queue may.
        """
        self._journal = journal
        self._spool = spool
        self._turn = turn
        self._budget = budget
        self._store = store
        self._new_number = new_number
        self._number = 0
        self._level_streams: list[Stream | None] = [None] * LEVELS
        self._spool_streams: list[Stream | None] = [None] * LEVELS
        self._last_memory = 0
        self.index = DueIndex()
        self.hot: dict[int, Held] = {}
        self.hot_bytes = 0
        self.hot_bytes_max = HOT_BYTES_MAX
        self.soon_ms = SOON_MS
        self.memory_only_bytes = 0
        self.horizon: Entry = (0, 0)
        self.numbers_of: dict[tuple[str, int], int] = {}  # held for each queue: by name and number
        self.of_reasons = dict.fromkeys(REASONS, 0)
        self.counters = HeldCounters()
        self.late_ms = Histogram(LATE_MS_BOUNDS)
        self.on_changed: Callable[[], None] = _nothing

    # ---- streams

    def restore(self, number: int) -> None:
        """Its streams have this number, since an earlier start."""
        self._number = number

    def stream(self, key: int) -> Stream:
        """The stream a message is in."""
        return self._stream(key >> KIND_BITS & (LEVELS - 1), kind_of(key))

    def _stream(self, level: int, kind: int) -> Stream:
        streams = self._level_streams if kind == JOURNAL else self._spool_streams
        found = streams[level]
        if found is None:
            if kind == JOURNAL:
                assert self._number, "restored, or numbered before the first message"
                found = self._journal.stream(self._number << QUEUE_LEVEL_BITS | level)
            else:
                found = self._spool.stream()
            streams[level] = found
        return found

    def _ensure_number(self) -> None:
        """Raises: ChannelException 406, ConnectionException 506."""
        if not self._number:
            self._number = self._new_number()

    # ---- holding

    def hold(self, batch: Batch, due_ms: int, ticket: Ticket, is_durable: bool, receipt: Receipt | None) -> int:
        """Holds every message of a batch; the receipt waits until they are where they are safe.

        Returns: the key of the first.
        Raises: ChannelException 406, ConnectionException 506 where the disk does not take a new store; nothing is held
        then.
        """
        own = Batch(batch.address, batch.properties, batch.bodies, batch.expiration_ms)
        own.stamp_ms = batch.stamp_ms or self._turn.now_ms()
        if is_durable and batch.properties.persistent:
            self._ensure_number()
            first, kind = self._append(own, due_ms, ticket, receipt), JOURNAL
        else:
            first, kind = self._keep(own, due_ms, ticket)
        self._note(own, due_ms, ticket, first, kind)
        return key_of(first, due_ms, kind)

    def _append(self, own: Batch, due_ms: int, ticket: Ticket, receipt: Receipt | None) -> int:
        """Journals the messages; returns the number of the first."""
        stream = self._stream(level_of(due_ms), JOURNAL)
        first = stream.next
        head = encode_ticket(ticket) + encode_head(own)
        position, own.share_bytes = self._journal.append([(stream, due_ms)], own.stamp_ms, head, own.bodies)
        if receipt is not None:
            self._turn.when_durable(position, receipt)
            if self._store.pending:  # perhaps the number of the streams
                receipt.expect()
                self._store.when_stored(receipt.taken, lambda _: receipt.refused())
        return first

    def _keep(self, own: Batch, due_ms: int, ticket: Ticket) -> tuple[int, int]:
        """Keeps transient messages: in the spool where memory is short and there is time to read them back."""
        size = len(own.bodies) * (HELD_BYTES + own.message_bytes)
        is_much = self.memory_only_bytes + size > self._budget.queue_bytes_max(False)
        if is_much and due_ms > self._turn.now_ms() + self.soon_ms:
            stream = self._stream(level_of(due_ms), SPOOL)
            first = stream.next
            if self._spool.append(stream, due_ms, encode_ticket(ticket) + encode_head(own), own.bodies):
                self._spool.commit()
                return first, SPOOL
        first = self._last_memory + 1
        self._last_memory += len(own.bodies)
        return first, MEMORY

    def _note(self, own: Batch, due_ms: int, ticket: Ticket, first: int, kind: int) -> None:
        """The messages are where they are; from now on they are known."""
        count = len(own.bodies)
        is_soon = due_ms <= self._turn.now_ms() + self.soon_ms
        for at in range(count):
            key = key_of(first + at, due_ms, kind)
            self.index.add(due_ms, key)
            if kind == MEMORY or (is_soon and self.hot_bytes < self.hot_bytes_max):
                self.heat(key, Held(own, at, ticket))
            elif (due_ms, key) <= self.horizon:
                self.horizon = (due_ms, key - 1)  # invariant 2
        self.count(ticket, count)
        self.counters.held += count
        self.on_changed()

    def count(self, ticket: Ticket, count: int) -> None:
        """So many more are held, or fewer, for the same reason and the same queue."""
        self.of_reasons[ticket.reason] += count
        if ticket.queue:
            key = (ticket.queue, ticket.owner)
            left = self.numbers_of.get(key, 0) + count
            if left > 0:
                self.numbers_of[key] = left
            else:
                self.numbers_of.pop(key, None)

    # ---- memory

    def heat(self, key: int, held: Held) -> None:
        """A held message is in memory from now on."""
        size = held.memory_bytes()
        self.hot[key] = held
        self._budget.used += size
        if kind_of(key) == MEMORY:
            self.memory_only_bytes += size
        else:
            self.hot_bytes += size

    def cool(self, key: int) -> None:
        """A message need not be in memory any more."""
        held = self.hot.pop(key, None)
        if held is not None:
            size = held.memory_bytes()
            self._budget.used -= size
            if kind_of(key) == MEMORY:
                self.memory_only_bytes -= size
            else:
                self.hot_bytes -= size

    # ---- what leaves

    def take(self, due_ms: int, key: int, held: Held) -> bool:
        """A message is held no more, and settled where it was; False where it was not held."""
        if not self.index.remove(due_ms, key):
            return False
        self.cool(key)
        self.count(held.ticket, -1)
        if kind_of(key) != MEMORY:
            number = number_of(key)
            self.stream(key).settle(number, number + 1, held.batch.share_bytes)
        return True

    def lose(self, due_ms: int, key: int) -> None:
        """A message could not be read: it is gone, and nobody knows what it was for."""
        if self.index.remove(due_ms, key):
            self.counters.lost += 1

    def together(self, work: Callable[[], None], receipt: Receipt | None = None) -> None:
        """Does what outlives a crash whole or not at all, which the receipt waits for; within a group as part of it."""
        journal = self._journal
        if journal.is_grouping():
            work()
            return
        journal.begin()
        try:
            work()
        finally:
            position = journal.end()
        if receipt is not None and position > journal.durable:
            self._turn.when_durable(position, receipt)

    def backlog_bytes(self) -> int:
        """What the disk is behind."""
        return self._journal.backlog_bytes()

    def held_for(self, queue: str, owner: int) -> int:
        """How many messages are held for a queue."""
        return self.numbers_of.get((queue, owner), 0) if self.numbers_of else 0

    def streams(self) -> Iterable[Stream]:
        """The streams of the journal that are open."""
        return [stream for stream in self._level_streams if stream is not None]

    def open(self, levels: Sequence[int]) -> list[Stream]:
        """Opens the streams of the journal that have something."""
        return [self._stream(level, JOURNAL) for level in levels if level < LEVELS]


def _nothing() -> None:
    return None
