"""Reads what a log still has of a stream, settled or not, in order: segments, and those that are kept beyond need.

Must not: change anything, read more than a step's worth in one go, or trust that a number is there: compaction leaves
out what was settled, and copies what was not, so that a message may be there twice.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator
from heapq import merge
from typing import Final, NamedTuple, TypeVar

from storage.files import File, Files
from storage.index import BadIndex, Table, read_blocks, read_table
from storage.journal import Loaded
from storage.kept import Kept, KeptSegment
from storage.record import (
    CARRIED,
    ENTRY,
    HEADER_BYTES,
    SIZES,
    SOURCE,
    TARGET,
    TARGETS_MAX,
    BadRecord,
    check_payload,
    decode_entry,
    entry_sizes,
    entry_targets,
    read_header,
)
from storage.scan import Damage, scan
from storage.segment import HEAD_BYTES, BadSegment, decode_head, index_name, log_name
from storage.space import Segment
from storage.worker import Worker

T = TypeVar("T")
STEP_RECORDS: Final = 500  # scanned in one step
STEP_READ: Final = 100  # entries read in one step
STEP_ENTRIES: Final = 5000  # counted in one step
STEP_BYTES: Final = 128 * 1024  # of messages, read in one step
GAP_BYTES_MAX: Final = 4096  # between two entries that are still read in one go
ENTRIES_MAX: Final = 20_000_000  # of one stream
STAMP_BYTES: Final = HEADER_BYTES + SOURCE.size + SIZES.size  # and the targets, up to an entry's time stamp


class Origin(NamedTuple):
    """A file with entries, and how far it may be read."""

    base: int
    name: str
    index_name: str
    stop: int


def kept_origin(kept: KeptSegment) -> Origin:
    """A segment in which nothing waits."""
    return Origin(kept.base, kept.name, kept.index_name, kept.size)


def segment_origin(segment: Segment, written: int) -> Origin:
    """A segment of the log; up to a position that is written."""
    stop = min(segment.size, written - segment.base)
    return Origin(segment.base, log_name(segment.base), index_name(segment.base), stop)


class TooManyEntriesError(ValueError):
    """More than can be listed."""


class _Part:
    """The stream's entries in one stretch of a file, sorted by number; those from `begin` on count."""

    __slots__ = ("begin", "nonce", "origin", "table")

    def __init__(self, origin: Origin, nonce: int, table: Table) -> None:
        table.sort()
        self.origin = origin
        self.nonce = nonce
        self.table = table
        self.begin = 0


_Entry = tuple[int, int, int, int]  # first, minus count, part, index


class History:
    """One reader of one stream, up to the number `stop`."""

    def __init__(
        self, files: Files, reader: Worker, kept: Kept, find: Callable[[], list[Origin] | None], stream_id: int,
        stop: int,
    ) -> None:  # fmt: skip
        """Args: find gives the files to read, once everything that was appended before this is written."""
        self._files = files
        self._reader = reader
        self._kept = kept
        self._find = find
        self._origins: list[Origin] = []
        self._stream = stream_id
        self._stop = stop
        self._parts: list[_Part] = []
        self._since_ms = 0
        self._covered_before = 1  # the number behind the last message that is too old
        self.total = 0
        self.missing = 0
        self.complete_from_ms = 0
        kept.hold(self)

    def open(self) -> bool:
        """Whether everything is written that was appended before, so that it can be prepared."""
        origins = self._find()
        if origins is None:
            return False
        self._origins = sorted(origins)
        return True

    def submit(self, work: Callable[[], T], done: Callable[[T | BaseException], None]) -> None:
        """Does a step away from the loop."""
        self._reader.submit(work, done)

    def release(self) -> None:
        """Nobody reads any more."""
        self._kept.release(self)

    # ---- what there is

    def prepare(self, since_ms: int) -> Iterator[None]:
        """Finds what was published from a time on, and what of it is missing."""
        self._since_ms = since_ms
        for origin in self._origins:
            try:
                yield from self._find_in(origin)
            except (FileNotFoundError, BadSegment):
                continue  # its messages are missing
        for part in self._parts:
            self._choose(part)
            yield
        yield from self._count()

    def _find_in(self, origin: Origin) -> Iterator[None]:
        file = self._files.open(origin.name)
        try:
            nonce, _ = decode_head(file.read(0, HEAD_BYTES), origin.base)
            covered = self._read_index(origin, nonce)
            yield
            if covered < origin.stop:
                yield from self._scan(origin, nonce, covered, file.read(covered, origin.stop - covered))
        finally:
            file.close()
        if sum(len(part.table.firsts) for part in self._parts) > ENTRIES_MAX:
            raise TooManyEntriesError(f"the log has more than {ENTRIES_MAX} entries of this queue")

    def _read_index(self, origin: Origin, nonce: int) -> int:
        """Takes what the index says; returns how far it goes."""
        covered, tables = HEAD_BYTES, list[Table]()
        try:
            file = self._files.open(origin.index_name)
        except FileNotFoundError:
            return covered
        try:
            for block in read_blocks(file, origin.base):
                if block.start != covered or block.stop > origin.stop:
                    break
                found = [one for one in block.tables if one.stream == self._stream]
                tables += [read_table(file, one) for one in found]
                covered = block.stop
        except BadIndex:
            return HEAD_BYTES
        finally:
            file.close()
        self._parts += [_Part(origin, nonce, table) for table in tables]
        return covered

    def _scan(self, origin: Origin, nonce: int, start: int, data: bytes) -> Iterator[None]:
        """The entries of what no index covers."""
        table, view = Table(self._stream, 0, 0), memoryview(data)
        for number, found in enumerate(scan(data, nonce + start)):
            if number % STEP_RECORDS == 0:
                yield
            if isinstance(found, Damage) or found[1].kind not in (ENTRY, CARRIED):
                continue
            at, header = found
            for stream, first, _ in entry_targets(view, header)[0]:
                if stream == self._stream:
                    table.add(first, header.item_count, at + start, header.end - header.start + HEADER_BYTES, 0, 0)
        if table.firsts:
            self._parts.append(_Part(origin, nonce, table))

    def _choose(self, part: _Part) -> None:
        """Finds where in a part the wanted time begins: numbers and times rise together."""
        table = part.table
        if self._since_ms:
            file = self._files.open(part.origin.name)
            try:
                part.begin = bisect_left(
                    range(len(table.firsts)), self._since_ms, key=lambda at: self._stamp_ms(file, part, at)
                )  # fmt: skip
            finally:
                file.close()
        if part.begin:
            last = part.begin - 1
            self._covered_before = max(self._covered_before, table.firsts[last] + table.counts[last])

    def _stamp_ms(self, file: File, part: _Part, at: int) -> int:
        """When an entry was published; 0 for one that cannot be read."""
        offset = part.table.offsets[at]
        data = file.read(offset, STAMP_BYTES + TARGET.size)
        try:
            header = read_header(data, 0, part.nonce + offset)
        except BadRecord:
            return 0
        if header.targets > 1:
            data = file.read(offset, STAMP_BYTES + min(header.targets, TARGETS_MAX) * TARGET.size)
        return entry_sizes(data, header)[0]

    def _merged(self) -> Iterator[_Entry]:
        """The entries of all parts by number, the longer one of two first."""
        return merge(*(self._entries(at, part) for at, part in enumerate(self._parts)))

    def _entries(self, at: int, part: _Part) -> Iterator[_Entry]:
        table = part.table
        for index in range(part.begin, len(table.firsts)):
            yield table.firsts[index], -table.counts[index], at, index

    def _count(self) -> Iterator[None]:
        covered, behind_gap = self._covered_before, None
        for number, (first, minus_count, part, index) in enumerate(self._merged()):
            if number % STEP_ENTRIES == STEP_ENTRIES - 1:
                yield
            end = min(first - minus_count, self._stop)
            if end <= covered:
                continue
            if first > covered and not (self.total == 0 and self._is_as_wanted(part, index)):
                self.missing += first - covered
                behind_gap = (part, index)
            self.total += end - max(first, covered)
            covered = end
        if covered < self._stop:  # the newest are gone
            self.missing += self._stop - covered
            self.complete_from_ms = NEVER_MS
        elif behind_gap is not None:
            self.complete_from_ms = self._stamp_of(*behind_gap)
        yield

    def _is_as_wanted(self, part: int, index: int) -> bool:
        """Whether an entry was published at the wanted time: what is missing before it is older."""
        return 0 < self._since_ms == self._stamp_of(part, index)

    def _stamp_of(self, part: int, index: int) -> int:
        found = self._parts[part]
        file = self._files.open(found.origin.name)
        try:
            return self._stamp_ms(file, found, index)
        finally:
            file.close()

    # ---- the messages

    def runs(self) -> Iterator[list[Loaded]]:
        """The messages in order, some at a time. Raises: OSError, where a file has been given up meanwhile."""
        covered, size = self._covered_before, 0
        chosen: list[tuple[int, int, int]] = []  # the number to begin with, part, index
        for first, minus_count, part, index in self._merged():
            end = min(first - minus_count, self._stop)
            if end <= covered:
                continue
            chosen.append((max(first, covered), part, index))
            covered = end
            size += self._parts[part].table.lengths[index]
            if size >= STEP_BYTES or len(chosen) >= STEP_READ:
                yield self._read(chosen)
                chosen, size = [], 0
        if chosen:
            yield self._read(chosen)

    def _read(self, chosen: list[tuple[int, int, int]]) -> list[Loaded]:
        found: list[Loaded] = []
        at = 0
        while at < len(chosen):
            stop = self._near(chosen, at)
            found += self._read_near(chosen[at:stop])
            at = stop
        return found

    def _near(self, chosen: list[tuple[int, int, int]], at: int) -> int:
        """The end of those behind `at` that stand near one another in one file, and are read in one go."""
        origin = self._parts[chosen[at][1]].origin
        _, end = self._place(chosen[at])
        for following in range(at + 1, len(chosen)):
            start, stop = self._place(chosen[following])
            if self._parts[chosen[following][1]].origin is not origin or not 0 <= start - end <= GAP_BYTES_MAX:
                return following
            end = stop
        return len(chosen)

    def _place(self, one: tuple[int, int, int]) -> tuple[int, int]:
        table = self._parts[one[1]].table
        return table.offsets[one[2]], table.offsets[one[2]] + table.lengths[one[2]]

    def _read_near(self, chosen: list[tuple[int, int, int]]) -> Iterator[Loaded]:
        start, end = self._place(chosen[0])[0], self._place(chosen[-1])[1]
        part = self._parts[chosen[0][1]]
        file = self._files.open(part.origin.name)
        try:
            data = file.read(start, end - start)
        finally:
            file.close()
        for one in chosen:
            found = self._decoded(data, self._place(one)[0] - start, part.nonce + self._place(one)[0], one[0])
            if found is not None:
                yield found

    def _decoded(self, data: bytes, at: int, seed: int, begin: int) -> Loaded | None:
        """One entry's messages from a number on; None for one that is damaged, or too old after all."""
        try:
            header = read_header(data, at, seed)
            check_payload(data, header)
        except BadRecord:
            return None
        entry = decode_entry(data, header)
        first = next((first for stream, first, _ in entry.targets if stream == self._stream), 0)
        if not first or entry.stamp_ms < self._since_ms:
            return None
        items = entry.items[begin - first : self._stop - first]
        return Loaded(begin, items, entry.head, entry.stamp_ms, 0, 0, 0)


NEVER_MS: Final = 2**62  # nothing from any time on is complete
