"""What is held, for people: pages of it in order of time, and single messages cancelled, put off or let go.

Must not: ask who may; `broker/held.py` does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from broker.holding.due_index import Entry
from broker.holding.fetching import Fetching, Found, OnFetched
from broker.holding.releasing import Releaser
from broker.holding.store import JOURNAL, Held, HeldStore, kind_of
from broker.holding.ticket import REASONS
from broker.holding.times import HOLD_MS_MAX
from broker.model.interfaces import Turn
from broker.model.message import Batch
from broker.model.receipt import Receipt
from broker.queues.context import Timers
from broker.queues.waits import task_headers

DIGITS_MAX: Final = 18
NAME_CHARACTERS_MAX: Final = 200
AGAIN_MS: Final = 5  # until what was not written yet is asked for again
ATTEMPTS_MAX: Final = 400

OnDone = Callable[[bool], None]


class HeldInfo(NamedTuple):
    """One held message; `queue` is empty where its exchange routes it, `task` and `task_id` where it is no task."""

    id: str
    due_ms: int
    exchange: str
    routing_key: str
    queue: str
    reason: str
    deliveries: int
    task: str
    task_id: str
    size_bytes: int
    is_durable: bool
    published_ms: int


def id_of(entry: Entry) -> str:
    """What people know a held message by, until it is put off."""
    return f"{entry[0]}-{entry[1]}"


def entry_of(text: str) -> Entry:
    """The entry that an id stands for. Raises: ValueError."""
    due, _, key = text.partition("-")
    if not all(part.isascii() and part.isdigit() and len(part) <= DIGITS_MAX for part in (due, key)):
        raise ValueError(f"{text!r} is not the id of a held message, such as 1800000000000-260")
    return int(due), int(key)


def info_of(entry: Entry, held: Held) -> HeldInfo:
    """What is to be seen of a held message."""
    batch, ticket = held.batch, held.ticket
    headers = task_headers(batch.properties)
    task, task_id = headers.get("task"), headers.get("id")
    return HeldInfo(
        id_of(entry), entry[0], batch.address.exchange, batch.address.routing_key, ticket.queue,
        REASONS[ticket.reason], ticket.deliveries, task[:NAME_CHARACTERS_MAX] if isinstance(task, str) else "",
        task_id[:NAME_CHARACTERS_MAX] if isinstance(task_id, str) else "", batch.body_bytes,
        kind_of(entry[1]) == JOURNAL, batch.stamp_ms,
    )  # fmt: skip


class Inventory:
    """One vhost's."""

    __slots__ = ("_releaser", "_store", "_timers", "_turn")

    def __init__(self, store: HeldStore, releaser: Releaser, turn: Turn, timers: Timers) -> None:
        self._store = store
        self._releaser = releaser
        self._turn = turn
        self._timers = timers

    def __len__(self) -> int:
        return len(self._store.index)

    def page(self, skip: int, count: int) -> list[Entry]:
        """Up to `count` entries in order of time, after the first `skip`."""
        return self._store.index.page(skip, count)

    def fetch(self, entries: Sequence[Entry], on_fetched: OnFetched, attempts: int = ATTEMPTS_MAX) -> None:
        """Reads messages, at once or later; those that are not held are not found.

        What has just come can be read as soon as it is written: it is asked for again, `attempts` times.
        """
        has = self._store.index.has

        def fetched(found: Found, lost: list[Entry]) -> None:
            unwritten = [entry for entry in entries if entry[1] not in found and has(*entry) and entry not in lost]
            if unwritten and attempts:
                self._timers.add(self._turn.now_ms() + AGAIN_MS, lambda: self.fetch(entries, on_fetched, attempts - 1))
                self._turn.schedule()
            else:
                on_fetched(found, lost)

        Fetching(self._store, [entry for entry in entries if has(*entry)], fetched).start()

    def cancel(self, entry: Entry, held: Held, on_done: OnDone) -> None:
        """Drops a message for good; answers whether that is on the disk, at once with False where it is not held."""
        store = self._store

        def drop() -> None:
            if store.take(entry[0], entry[1], held):
                store.counters.cancelled += 1

        self._do(entry, drop, on_done)

    def reschedule(self, entry: Entry, held: Held, due_ms: int, on_done: Callable[[str], None]) -> None:
        """Holds a message until another time, at most HOLD_MS_MAX from now.

        Answers with its id from then on, once that is on the disk; with an empty text where that cannot be.
        """
        store = self._store
        until_ms = min(due_ms, self._turn.now_ms() + HOLD_MS_MAX)
        now_id = ""

        def move() -> None:
            nonlocal now_id
            batch = Batch(held.batch.address, held.batch.properties, [held.batch.bodies[held.at]],
                          held.batch.expiration_ms)  # fmt: skip
            batch.stamp_ms = held.batch.stamp_ms
            key = store.hold(batch, until_ms, held.ticket, kind_of(entry[1]) == JOURNAL, None)
            store.counters.held -= 1
            store.take(entry[0], entry[1], held)
            now_id = id_of((until_ms, key))

        self._do(entry, move, lambda is_done: on_done(now_id if is_done else ""))

    def release(self, entry: Entry, held: Held, on_done: OnDone) -> None:
        """Lets a message go now, wherever it would go when it is due; answers as `cancel`."""
        now_ms = self._turn.now_ms()
        self._do(entry, lambda: self._let_go(entry, held, now_ms), on_done)

    def _let_go(self, entry: Entry, held: Held, now_ms: int) -> None:
        self._releaser.release([(entry, held)], now_ms)

    def _do(self, entry: Entry, work: Callable[[], None], on_done: OnDone) -> None:
        if not self._store.index.has(*entry):
            on_done(False)
            return
        receipt = Receipt(0, 0, lambda complete: on_done(not complete.rejected))
        self._store.together(work, receipt)
        receipt.taken()
        self._turn.schedule()
