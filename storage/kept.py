"""Segments in which nothing waits any more, kept for a while all the same, so that queues can be rewound to then.

They get names that a start does not read, so recovery and compaction know nothing of them. Must not: touch others.

    name    base, 20 digits, "-", when it was set aside in ms, ".kept"; its index has ".kept-idx" instead
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Final, NamedTuple

from storage.commit import Timers
from storage.files import Files
from storage.segment import index_name, log_name
from storage.worker import Worker

log = logging.getLogger("leveret.storage")
KEPT_SUFFIX: Final = ".kept"
KEPT_INDEX_SUFFIX: Final = ".kept-idx"
BASE_DIGITS: Final = 20
SHORT_MS: Final = 10_000  # after the disk was short of room, in which nothing is kept


class Keep(NamedTuple):
    """How much is kept: so many bytes, for so long; of two limits the first that is reached counts, 0 is none.

    With both 0 nothing is kept.
    """

    bytes_max: int = 0
    ms_max: int = 0


NOTHING: Final = Keep()


class KeptSegment(NamedTuple):
    """One of them."""

    base: int
    since_ms: int
    size: int

    @property
    def name(self) -> str:
        """Its file."""
        return f"{self.base:0{BASE_DIGITS}d}-{self.since_ms}{KEPT_SUFFIX}"

    @property
    def index_name(self) -> str:
        """Its index."""
        return f"{self.base:0{BASE_DIGITS}d}-{self.since_ms}{KEPT_INDEX_SUFFIX}"


def kept_in(files: Files) -> list[KeptSegment]:
    """Those in a folder, the one set aside first in front."""
    found = [one for name in files.names() if (one := _kept_of(files, name)) is not None]
    return sorted(found, key=lambda one: (one.since_ms, one.base))


def _kept_of(files: Files, name: str) -> KeptSegment | None:
    base, _, rest = name.removesuffix(KEPT_SUFFIX).partition("-")
    is_one = name.endswith(KEPT_SUFFIX) and len(base) == BASE_DIGITS and base.isdecimal() and rest.isdecimal()
    if not is_one:
        return None
    file = files.open(name)
    try:
        return KeptSegment(int(base), int(rest), file.size())
    finally:
        file.close()


class Kept:
    """What a log keeps beyond need."""

    def __init__(
        self, files: Files, reader: Worker, timers: Timers, clock_ms: Callable[[], int], keep: Keep
    ) -> None:  # fmt: skip
        """Finds what an earlier process kept; what is too much of it goes."""
        self._files = files
        self._reader = reader
        self._timers = timers
        self._clock_ms = clock_ms
        self._keep = keep
        self.segments = kept_in(files)
        self._readers: set[object] = set()
        self._is_due = False
        self._short_until_ms = 0
        self.is_closed = False
        self.trim()

    @property
    def takes_more(self) -> bool:
        """Whether segments are kept now."""
        return self._keep != NOTHING and self._clock_ms() >= self._short_until_ms

    @property
    def bytes(self) -> int:
        """What they take."""
        return sum(one.size for one in self.segments)

    # ---- readers

    def hold(self, reader: object) -> None:
        """Somebody reads the log: no segment goes, needed or not, unless the disk is short of room."""
        self._readers.add(reader)

    def release(self, reader: object) -> None:
        """Somebody reads no more."""
        self._readers.discard(reader)
        self.trim()

    @property
    def is_held(self) -> bool:
        """Whether somebody reads the log."""
        return bool(self._readers)

    # ---- coming and going

    def set_aside(self, base: int, size: int) -> KeptSegment:
        """A segment in which nothing waits becomes one of these, when `rename` has been called by the reader."""
        kept = KeptSegment(base, self._clock_ms(), size)
        self.segments.append(kept)
        return kept

    def rename(self, kept: KeptSegment) -> None:
        """In the reader: gives the segment and its index their names. Raises: OSError."""
        self._files.rename(log_name(kept.base), kept.name)
        with suppress(FileNotFoundError):  # its records will do
            self._files.rename(index_name(kept.base), kept.index_name)

    def give_up(self) -> None:
        """The disk is short of room: all of them go, whoever reads them."""
        self._readers.clear()
        self._short_until_ms = self._clock_ms() + SHORT_MS
        gone, self.segments = self.segments, []
        if gone:
            log.warning("the disk is short of room: %d segments that were kept to rewind queues go", len(gone))
        self._remove(gone)

    def trim(self) -> None:
        """What is too much goes, and the rest when its time has come."""
        if self.is_held or self.is_closed:
            return
        gone: list[KeptSegment] = []
        while self.segments and self._is_too_much(self.segments[0]):
            gone.append(self.segments.pop(0))
        self._remove(gone)
        if self.segments and self._keep.ms_max and not self._is_due:
            self._is_due = True
            self._timers.add(max(self._clock_ms() + 1, self.segments[0].since_ms + self._keep.ms_max), self._due)

    def _due(self) -> None:
        self._is_due = False
        self.trim()

    def _is_too_much(self, oldest: KeptSegment) -> bool:
        keep = self._keep
        is_old = 0 < keep.ms_max <= self._clock_ms() - oldest.since_ms
        return self._keep == NOTHING or is_old or 0 < keep.bytes_max < self.bytes

    def _remove(self, gone: list[KeptSegment]) -> None:
        if gone:
            self._reader.submit(lambda: self._delete(gone), _told)

    def _delete(self, gone: list[KeptSegment]) -> None:
        for one in gone:
            self._files.remove(one.name)
            self._files.remove(one.index_name)


def _told(outcome: object) -> None:
    if isinstance(outcome, BaseException):
        log.error("a segment that was kept to rewind queues cannot be deleted: %s", outcome)
