"""A store of definitions: keys and values that take effect at once and reach the disk together, a transaction a turn.

Must not: know what a key or a value means, or any AMQP rule.

Invariants
1. Readers see a change as soon as it is made; `watch`ers are told of it then.
2. `pending` is true from a change until the disk has it and everything changed before it.
3. A change is all or nothing with what was changed in the same turn (between two commits).
4. At most one transaction is under way. What is changed meanwhile goes into the next one.
5. A transaction that failed is not stored: its changes stay due and are tried again, at most once a RETRY_MS.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from functools import partial
from typing import Final, NamedTuple, Protocol

from storage.definitions_disk import Changes, Disk, Entry
from storage.worker import Worker

log = logging.getLogger("leveret.storage")
RETRY_MS: Final = 1000
KEY_CHARACTERS_MAX: Final = 4096
VALUE_BYTES_MAX: Final = 16 * 1024 * 1024
NO_ENTRY: Final = 0  # the revision of a key that is not there

Watcher = Callable[[str, Entry | None], None]
Trouble = Callable[[str], None]


class RevisionError(Exception):
    """A key has been changed since whoever wanted to change it looked."""

    def __init__(self, key: str, expected: int, found: int) -> None:
        super().__init__(f"{key} has revision {found}, expected was {expected}")


class Definitions(Protocol):
    """The store, as the broker sees it; the module's head has the invariants.

    `pending`: something is not on the disk yet. `on_trouble` is told why nothing can be stored, at every attempt, and
    gets an empty text when it works again; `trouble` is what it was told last.
    """

    pending: bool
    trouble: str
    on_trouble: Callable[[str], None]

    def get(self, key: str) -> Entry | None:
        """The entry of a key, if there is one."""
        ...

    def items(self, prefix: str = "") -> Iterator[tuple[str, Entry]]:
        """Keys with that prefix and their entries, as they are now; looks at every key there is."""
        ...

    def put(self, key: str, value: bytes, expected_revision: int | None = None) -> int:
        """Sets a key's value; returns its new revision.

        Args: expected_revision is the one the key must have, `NO_ENTRY` where it must not be there.
        Raises: RevisionError.
        """
        ...

    def delete(self, key: str, expected_revision: int | None = None) -> None:
        """Removes a key; one that is not there is fine unless a revision was expected.

        Raises: RevisionError.
        """
        ...

    def watch(self, prefix: str, watcher: Watcher) -> None:
        """Calls with every change of a key with that prefix: the key and its entry, None where it was removed."""
        ...

    def commit(self, now_ms: int) -> None:
        """Sends what has been changed to the disk, unless something is on its way or has just failed."""
        ...

    def is_pending(self, key: str) -> bool:
        """Whether the last change of this key, a removal too, is not on the disk yet."""
        ...

    def when_stored(self, callback: Callable[[], None], on_trouble: Trouble | None = None) -> None:
        """Calls once everything changed so far is on the disk; at once where it is.

        Args: on_trouble is called instead, with the reason, where an attempt fails: what was changed stays due, but
            the caller waits no longer. Without it the caller waits until it works.
        """
        ...

    def close(self) -> None:
        """Sends everything that is left to the disk, and ends; the worker must be closed after it."""
        ...


def _nobody(_: str) -> None:
    return None


class _Waiter(NamedTuple):
    """Who waits for a transaction; with `on_trouble`, no longer than until it has failed."""

    callback: Callable[[], None]
    on_trouble: Trouble | None


class _Flight(NamedTuple):
    """One transaction on its way to the disk, and who waits for it."""

    changes: Changes
    waiting: list[_Waiter]


class StagedDefinitions:
    """Definitions held in memory in front of a disk that a worker writes; bounded by what the disk holds."""

    __slots__ = ("_disk", "_entries", "_flight", "_handing", "_now_ms", "_retry_ms", "_revision", "_staged",
                 "_waiting", "_watchers", "_worker", "on_trouble", "pending", "trouble")  # fmt: skip

    def __init__(self, disk: Disk, worker: Worker) -> None:
        """Reads everything, in the caller's thread. Raises: DefinitionsError."""
        self._entries: dict[str, Entry] = dict(disk.load())
        self._revision = max((entry.revision for entry in self._entries.values()), default=NO_ENTRY)
        self._disk = disk
        self._worker = worker
        self._watchers: list[tuple[str, Watcher]] = []
        self._staged: Changes = {}
        self._waiting: list[_Waiter] = []
        self._flight: _Flight | None = None
        self._handing = False
        self._now_ms = 0
        self._retry_ms = 0
        self.trouble = ""
        self.pending = False
        self.on_trouble: Callable[[str], None] = _nobody

    # ---- reading

    def get(self, key: str) -> Entry | None:
        """The entry of a key, if there is one."""
        return self._entries.get(key)

    def items(self, prefix: str = "") -> Iterator[tuple[str, Entry]]:
        """Keys with that prefix and their entries, as they are now; looks at every key there is."""
        return iter([item for item in self._entries.items() if item[0].startswith(prefix)])

    # ---- changing

    def put(self, key: str, value: bytes, expected_revision: int | None = None) -> int:
        """Sets a key's value; returns its new revision. Raises: RevisionError."""
        assert 0 < len(key) <= KEY_CHARACTERS_MAX, "the key's length"
        assert len(value) <= VALUE_BYTES_MAX, "the value's length"
        self._check(key, expected_revision)
        self._revision += 1
        self._change(key, Entry(value, self._revision))
        return self._revision

    def delete(self, key: str, expected_revision: int | None = None) -> None:
        """Removes a key. Raises: RevisionError."""
        self._check(key, expected_revision)
        if key in self._entries:
            self._change(key, None)

    def _check(self, key: str, expected: int | None) -> None:
        if expected is not None:
            entry = self._entries.get(key)
            found = NO_ENTRY if entry is None else entry.revision
            if found != expected:
                raise RevisionError(key, expected, found)

    def _change(self, key: str, entry: Entry | None) -> None:
        if entry is None:
            del self._entries[key]
        else:
            self._entries[key] = entry
        self._staged[key] = entry
        self.pending = True
        for prefix, watcher in self._watchers:
            if key.startswith(prefix):
                watcher(key, entry)

    def watch(self, prefix: str, watcher: Watcher) -> None:
        """Calls with every change of a key with that prefix."""
        self._watchers.append((prefix, watcher))

    # ---- storing

    def is_pending(self, key: str) -> bool:
        """Whether the last change of this key, a removal too, is not on the disk yet."""
        return self.pending and (key in self._staged or (self._flight is not None and key in self._flight.changes))

    def when_stored(self, callback: Callable[[], None], on_trouble: Trouble | None = None) -> None:
        """Calls once everything changed so far is on the disk; at once where it is; `on_trouble` where that fails."""
        if self._staged:
            self._waiting.append(_Waiter(callback, on_trouble))
        elif self._flight is not None:
            self._flight.waiting.append(_Waiter(callback, on_trouble))
        else:
            callback()

    def commit(self, now_ms: int) -> None:
        """Sends what has been changed to the disk, unless something is on its way or has just failed."""
        self._now_ms = now_ms
        if self._handing:
            return
        self._handing = True  # a worker that is done at once comes back here through `_done`
        try:
            while self._staged and self._flight is None and now_ms >= self._retry_ms:
                self._hand_over()
        finally:
            self._handing = False

    def _hand_over(self) -> None:
        changes, self._staged = self._staged, {}
        waiting, self._waiting = self._waiting, []
        self._flight = _Flight(changes, waiting)
        self._worker.submit(lambda: self._disk.write(changes), self._done)

    def _done(self, outcome: BaseException | None) -> None:
        flight, self._flight = self._flight, None
        if flight is None:
            return  # closed meanwhile: nobody waits any more
        if outcome is not None:
            self._failed(flight, outcome)
            return
        self._retry_ms = 0
        self.pending = bool(self._staged)
        if self.trouble:
            self.trouble = ""
            self.on_trouble("")
        for waiter in flight.waiting:
            _tell(waiter.callback)
        self.commit(self._now_ms)

    def _failed(self, flight: _Flight, outcome: BaseException) -> None:
        self._staged = {**flight.changes, **self._staged}
        self._waiting = [waiter for waiter in flight.waiting if waiter.on_trouble is None] + self._waiting
        self._retry_ms = self._now_ms + RETRY_MS
        self.trouble = text = f"definitions cannot be stored: {outcome}"
        self.on_trouble(text)
        for _, on_trouble in flight.waiting:
            if on_trouble is not None:
                _tell(partial(on_trouble, text))

    def close(self) -> None:
        """Sends everything that is left to the disk, and ends; the worker must be closed after it.

        What is on its way is sent again, for the case that it fails; callbacks of `when_stored` are dropped.
        """
        self._handing = True  # nothing is handed over any more
        flight, self._flight = self._flight, None
        changes = {**(flight.changes if flight is not None else {}), **self._staged}
        self._staged = {}
        self._waiting = []
        if changes:
            self._worker.submit(lambda: self._disk.write(changes), self._last_done)
        self._worker.submit(self._disk.close, self._last_done)

    def _last_done(self, outcome: BaseException | None) -> None:
        if outcome is not None:
            self.on_trouble(f"the last definitions could not be stored: {outcome}")


def _tell(callback: Callable[[], None]) -> None:
    """Calls back; who fails must not keep the others waiting."""
    try:
        callback()
    except Exception:
        log.exception("somebody who waited for definitions to be stored has failed")
