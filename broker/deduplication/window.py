"""Which identities came lately: at most so many, each for its time, kept in a stream of the journal where they last.

Must not: know messages, or decide what becomes of one that comes again.

Invariants
1. An identity that was kept is known until its time is over, `size_max` later ones have come, or all are forgotten.
2. What is in the stream and not settled is what a start brings back: the identities of journalled messages.
3. Where there is no room, what came first goes; before that, what has a time of its own and is due first.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from typing import Final

from broker.deduplication.identity import NO_TTL
from broker.queues.context import Timers
from storage.journal import Journal, Loaded, Stream

LATE_MS: Final = 1000  # at most so long after its time an identity takes room; it is not known any more
SWEEP_MAX: Final = 1000  # identities forgotten in one go
LOAD_BYTES: Final = 256 * 1024  # read in one step of a start
FOREVER: Final = 0


class Entry:
    """One identity: when it is over (FOREVER: never), and its number in the stream (0: not there)."""

    __slots__ = ("expires_ms", "number")

    def __init__(self, expires_ms: int, number: int) -> None:
        self.expires_ms = expires_ms
        self.number = number


class Window:
    """The identities that came lately; `ttl_ms` is for those without a time of their own (NO_TTL: until pushed out)."""

    __slots__ = ("_deadline", "_journal", "_now_ms", "_on_loaded", "_own", "_own_due", "_plain", "_share_bytes",
                 "_stream", "_timers", "size_max", "ttl_ms")  # fmt: skip

    def __init__(self, size_max: int, ttl_ms: int, timers: Timers, now_ms: Callable[[], int], journal: Journal) -> None:
        """Args: size_max is how many identities are kept."""
        self.size_max = size_max
        self.ttl_ms = ttl_ms
        self._timers = timers
        self._now_ms = now_ms
        self._journal = journal
        self._stream: Stream | None = None
        self._plain: dict[bytes, Entry] = {}  # those of `ttl_ms`: they end in the order in which they came
        self._own: dict[bytes, Entry] = {}  # those with a time of their own, and which is due first
        self._own_due: list[tuple[int, bytes]] = []
        self._share_bytes = 0
        self._deadline: object = None
        self._on_loaded: Callable[[], None] | None = None

    def __len__(self) -> int:
        return len(self._plain) + len(self._own)

    def __bool__(self) -> bool:
        return len(self) > 0

    @property
    def is_lasting(self) -> bool:
        """Whether there is a stream for identities."""
        return self._stream is not None

    @property
    def is_loading(self) -> bool:
        """Whether what it knew before the start is being read."""
        return self._on_loaded is not None

    def knows(self, identity: bytes, now_ms: int) -> bool:
        """Whether it came, and its time is not over."""
        entry = self._plain.get(identity) or self._own.get(identity)
        return entry is not None and (entry.expires_ms == FOREVER or entry.expires_ms > now_ms)

    def knows_now(self, identity: bytes) -> bool:
        """Whether it is known at this time."""
        return self.knows(identity, self._now_ms())

    def keep(self, identity: bytes, now_ms: int, ttl_ms: int, lasts: bool) -> None:
        """Knows an identity from now on.

        Args: ttl_ms is its own time (NO_TTL: the window's); lasts says whether it is to outlive the process, which
        takes a stream: then this is between the journal's `begin` and `end`, with what it belongs to.
        """
        self._forget(identity)
        while len(self) >= self.size_max and 0 < self._first_due_ms() <= now_ms:
            self._forget_first_due()
        while len(self) >= self.size_max:
            self._push_out()
        time_ms = ttl_ms or self.ttl_ms
        expires_ms = now_ms + time_ms if time_ms else FOREVER
        number = 0
        if lasts and self._stream is not None:
            number = self._stream.next
            _, self._share_bytes = self._journal.append([(self._stream, expires_ms)], now_ms, b"", [identity])
        self._add(identity, Entry(expires_ms, number), ttl_ms != NO_TTL)

    def _add(self, identity: bytes, entry: Entry, is_own: bool) -> None:
        if not is_own:
            self._plain[identity] = entry
        else:
            self._own[identity] = entry
            heapq.heappush(self._own_due, (entry.expires_ms, identity))
            if len(self._own_due) > 2 * len(self._own) + SWEEP_MAX:  # most of it is about what is gone
                self._own_due = [(one.expires_ms, which) for which, one in self._own.items()]
                heapq.heapify(self._own_due)
        self._arm()

    def clear(self) -> int:
        """Forgets everything; returns how much that was."""
        count = len(self)
        for entries in (self._plain, self._own):
            for entry in entries.values():
                self._settle(entry)
            entries.clear()
        self._own_due.clear()
        return count

    def drop(self) -> None:
        """The window ends, with its stream."""
        self._plain.clear()
        self._own.clear()
        if self._deadline is not None:
            self._timers.cancel(self._deadline)
            self._deadline = None
        if self._stream is not None:
            self._stream.drop()
            self._stream = None

    # ---- what is over

    def _forget(self, identity: bytes) -> None:
        entry = self._plain.pop(identity, None) or self._own.pop(identity, None)
        if entry is not None:
            self._settle(entry)

    def _settle(self, entry: Entry) -> None:
        if entry.number and self._stream is not None:
            self._stream.settle(entry.number, entry.number + 1, self._share_bytes)

    def _push_out(self) -> None:
        """Makes room: what came first of the plain ones, else what is due first of the others."""
        if self._plain:
            self._forget(next(iter(self._plain)))
        else:
            self._forget_own()

    def _forget_own(self) -> None:
        expires_ms, identity = heapq.heappop(self._own_due)
        entry = self._own.get(identity)
        if entry is not None and entry.expires_ms == expires_ms:
            self._forget(identity)

    def _forget_first_due(self) -> None:
        if self._own_due and self._own_due[0][0] == self._first_due_ms():
            self._forget_own()
        else:
            self._forget(next(iter(self._plain)))

    def _first_due_ms(self) -> int:
        """When the first of all is over; FOREVER where none is."""
        plain = next(iter(self._plain.values())).expires_ms if self._plain else FOREVER
        own = self._own_due[0][0] if self._own_due else FOREVER
        return min(plain, own) if plain and own else plain or own

    def _arm(self) -> None:
        due_ms = self._first_due_ms()
        if self._deadline is None and due_ms:
            self._deadline = self._timers.add(max(due_ms, self._now_ms()) + LATE_MS, self._sweep)

    def _sweep(self) -> None:
        self._deadline = None
        now_ms, left = self._now_ms(), SWEEP_MAX
        while left and 0 < self._first_due_ms() <= now_ms:
            self._forget_first_due()
            left -= 1
        if not left:
            self._deadline = self._timers.add(now_ms, self._sweep)
        else:
            self._arm()

    # ---- the stream

    def last_in(self, stream: Stream, on_loaded: Callable[[], None]) -> None:
        """Keeps what lasts in a stream from now on, and brings back what is in it; calls back when that is done."""
        self._stream = stream
        self._on_loaded = on_loaded
        stream.load(1, LOAD_BYTES, self._loaded)

    def _loaded(self, runs: Sequence[Loaded], next_number: int) -> None:
        now_ms, stream = self._now_ms(), self._stream
        if stream is None:
            return
        for run in runs:
            self._share_bytes = run.share_bytes
            for number, identity in enumerate(run.items, run.first):
                entry = Entry(run.expires_ms, number)
                if run.expires_ms != FOREVER and run.expires_ms <= now_ms:
                    self._settle(entry)
                    continue
                self._forget(identity)
                self._add(identity, entry, run.expires_ms - run.stamp_ms != self.ttl_ms and bool(run.expires_ms))
        while len(self) > self.size_max:
            self._push_out()
        if next_number < stream.next:
            stream.load(next_number, LOAD_BYTES, self._loaded)
        elif self._on_loaded is not None:
            done, self._on_loaded = self._on_loaded, None
            done()
