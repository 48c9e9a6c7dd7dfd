"""The journal that keeps its records in memory: durable at once, and gone with the process.

Must not: copy a record before somebody reads it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence


def _nobody(_: int) -> None:
    return None


class MemoryJournal:
    """A Journal without a disk: what is appended counts as durable from the next commit on."""

    __slots__ = ("_last", "_records", "durable", "on_durable")

    def __init__(self) -> None:
        self._records: dict[int, Sequence[bytes]] = {}
        self._last = 0
        self.durable = 0
        self.on_durable: Callable[[int], None] = _nobody

    def append(self, chunks: Sequence[bytes]) -> int:
        """Adds a record, given in pieces that belong to the journal from now on; returns its position."""
        self._last += 1
        self._records[self._last] = chunks
        return self._last

    def commit(self) -> None:
        """Makes everything appended so far durable and says so."""
        if self.durable < self._last:
            self.durable = self._last
            self.on_durable(self._last)

    def read(self, position: int) -> bytes:
        """The record at a position.

        Raises: KeyError where there is none, or no longer.
        """
        return b"".join(self._records[position])

    def release(self, position: int) -> None:
        """Forgets a record."""
        self._records.pop(position, None)

    def replay(self) -> Iterator[tuple[int, bytes]]:
        """Positions and records in order, without the released ones."""
        for position, chunks in self._records.items():
            yield position, b"".join(chunks)

    def close(self) -> None:
        """Commits what is left."""
        self.commit()
