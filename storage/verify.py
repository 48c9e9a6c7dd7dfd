"""Checks every byte of a log: each segment's records, and whether its index says the same; locates what is damaged.

Must not: trust an index, write, or hold more than one segment in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final, NamedTuple

from storage.files import File, Files
from storage.index import ENTRY_BYTES, BadIndex, Block, Table, block_end, read_blocks, read_table
from storage.inspect import Opened, file_size, open_segment, records, segment_bases, why_malformed
from storage.kept import KEPT_INDEX_SUFFIX, KEPT_SUFFIX
from storage.marks import PREFIX, decode_marks
from storage.ranges import RangeSet
from storage.record import KINDS, SNAPSHOT
from storage.scan import Damage, index_records
from storage.segment import HEAD_BYTES, INDEX_SUFFIX, BadSegment, NewerSegment, base_of, index_name, log_name

WHOLE: Final = "whole"
UNFINISHED: Final = "unfinished"  # as a crash or a running broker leaves it: nothing confirmed is in it
UNREADABLE: Final = "unreadable"  # a later version wrote it
DAMAGED: Final = "damaged"
SEGMENT: Final = "segment"
INDEX: Final = "index"
MARKS: Final = "marks"
OTHER: Final = "other"

_DERIVED: Final = "; nothing is lost by that: without this file, the broker makes it anew from the records"
_CUT_OFF: Final = "; a crash has cut this write off before it was on the disk"
_GROWING: Final = "; the broker is writing here"
Row = tuple[int, int, int, int]  # first, count, offset, length


class Lost(NamedTuple):
    """Messages `first..stop` of a stream that stood where the damage is."""

    stream: int
    first: int
    stop: int


@dataclass
class Finding:
    """What is wrong with bytes `start..stop` of a file; `state` is UNFINISHED, UNREADABLE or DAMAGED."""

    start: int
    stop: int
    why: str
    state: str
    lost: list[Lost] = field(default_factory=list)


@dataclass
class FileReport:
    """What was found out about one file; `records` counts those of a segment by kind."""

    name: str
    kind: str
    size: int
    findings: list[Finding] = field(default_factory=list)
    records: dict[str, int] = field(default_factory=dict)
    note: str = ""

    @property
    def state(self) -> str:
        """The worst of the findings."""
        states = {finding.state for finding in self.findings}
        return next((state for state in (DAMAGED, UNREADABLE, UNFINISHED) if state in states), WHOLE)


def verify(files: Files, is_in_use: bool, on_file: Callable[[str], None]) -> Iterator[FileReport]:
    """Checks all files of a log's folder, in order of their names, a segment before its index.

    Args: is_in_use says that a broker works in the folder; on_file is told each segment's name before it is read.
    Raises: OSError.
    """
    bases = segment_bases(files)
    end = 0
    for base in bases:
        on_file(log_name(base))
        try:
            reports = _Segment(files, base, base == bases[-1], is_in_use).reports()
        except FileNotFoundError:
            continue  # the running broker has deleted it meanwhile
        if base < end:
            reports[0].findings.append(Finding(0, HEAD_BYTES, "it begins before the segment before it ends", DAMAGED))
        end = base + reports[0].size
        yield from reports
    yield from _others(files, set(bases))


def _others(files: Files, bases: set[int]) -> Iterator[FileReport]:
    for name in files.names():
        base = base_of(name)
        if base is not None and base in bases:
            continue
        try:
            yield _other(files, name, base)
        except FileNotFoundError:
            continue


def _other(files: Files, name: str, base: int | None) -> FileReport:
    size = file_size(files, name)
    if base is not None and name.endswith(INDEX_SUFFIX):
        return FileReport(name, INDEX, size, note="its segment is gone; the broker's next start deletes it")
    if name.endswith((KEPT_SUFFIX, KEPT_INDEX_SUFFIX)):
        return FileReport(name, OTHER, size, note="nothing in it waits; it is kept to rewind queues, see log_keep_s")
    if not name.startswith(PREFIX):
        return FileReport(name, OTHER, size, note="no file the broker reads")
    file = files.open(name)
    try:
        data = file.read(0, size)
    finally:
        file.close()
    marks = decode_marks(data)
    if marks is not None:
        return FileReport(name, MARKS, size, note=f"marks of {len(marks[1])} streams")
    why = "no marks are in it; where they are missing, what was waiting comes back as redelivered"
    return FileReport(name, MARKS, size, [Finding(0, size, why, DAMAGED if any(data) else UNFINISHED)])


class _Segment:
    """The check of one segment and its index."""

    def __init__(self, files: Files, base: int, is_last: bool, is_in_use: bool) -> None:
        """Reads both. The index comes first: it says nothing that was not in the segment before."""
        self._is_growing = is_last and is_in_use
        self._is_last = is_last
        self._is_in_use = is_in_use
        self._base = base
        self._blocks: list[Block] = []
        self._tables: list[list[Table]] = []  # of each block, as far as they are readable
        self._index = self._read_index(files)
        self._log = FileReport(log_name(base), SEGMENT, file_size(files, log_name(base)))
        self._files = files

    def reports(self) -> list[FileReport]:
        """The segment's and, where there is one, the index's."""
        try:
            segment = open_segment(self._files, self._base)
        except NewerSegment as error:
            self._log.findings.append(Finding(0, self._log.size, f"{error}; use the version that wrote it", UNREADABLE))
        except BadSegment as error:
            self._unreadable(str(error))
        else:
            self._log.size = segment.size
            self._check(segment)
        return [self._log, self._index] if self._index is not None else [self._log]

    def _unreadable(self, why: str) -> None:
        """Without its nonce no record can be checked; the index still knows what was there."""
        size = self._log.size
        if size < HEAD_BYTES:
            self._log.findings.append(Finding(0, size, "it was being begun; nothing is in it", UNFINISHED))
            return
        finding = Finding(0, size, why, DAMAGED)
        for tables in self._tables:
            for table in tables:
                finding.lost += _joined(table.stream, _rows(table))
        self._log.findings.append(finding)

    # ---- the segment's records

    def _check(self, segment: Opened) -> None:
        findings = self._log.findings
        if segment.bad_head_copies:
            why = "one of the two copies of its head is damaged; the other one serves"
            findings.append(Finding(0, HEAD_BYTES, why, DAMAGED))
        counts = self._log.records
        for found in records(segment):
            if isinstance(found, Damage):
                findings.append(Finding(found.start, found.stop, found.why, self._state_of(segment, found)))
                continue
            kind = KINDS[found.header.kind]
            counts[kind] = counts.get(kind, 0) + 1
            if why := why_malformed(found):
                findings.append(Finding(found.offset, found.offset + found.size, why, DAMAGED))
        self._compare(segment)
        self._find_gaps(segment)
        for finding in findings:
            if finding.lost:
                finding.state = DAMAGED
            elif finding.state == UNFINISHED:
                finding.why += _GROWING if self._is_growing else _CUT_OFF

    def _state_of(self, segment: Opened, damage: Damage) -> str:
        is_growing = self._is_growing and damage.stop == segment.size
        return UNFINISHED if damage.is_unfinished or is_growing else DAMAGED

    # ---- the index against the records

    def _read_index(self, files: Files) -> FileReport | None:
        name = index_name(self._base)
        try:
            file = files.open(name)
        except FileNotFoundError:
            return None
        report = FileReport(name, INDEX, file.size())
        try:
            end = 0
            for block in read_blocks(file, self._base):
                self._blocks.append(block)
                self._tables.append(list(self._readable(report, block, file)))
                end = block.end
            report.size = max(report.size, end)
            if end < report.size:
                rest = file.read(end, min(report.size - end, HEAD_BYTES))
                self._index_rest(report, end, rest)
        finally:
            file.close()
        return report

    def _readable(self, report: FileReport, block: Block, file: File) -> Iterator[Table]:
        for summary in block.tables:
            try:
                yield read_table(file, summary)
            except BadIndex as error:
                at = summary.arrays_at
                report.findings.append(Finding(at, at + summary.entries * ENTRY_BYTES, f"{error}{_DERIVED}", DAMAGED))

    def _index_rest(self, report: FileReport, end: int, rest: bytes) -> None:
        """What follows the last block that is whole: one being written, one cut off, or damage."""
        is_cut = not any(rest) or self._is_in_use or block_end(rest, end) > report.size
        why = "a block was being written" if is_cut else "a block is damaged"
        report.findings.append(Finding(end, report.size, why + _DERIVED, UNFINISHED if is_cut else DAMAGED))

    def _compare(self, segment: Opened) -> None:
        """Finds what the blocks say and the records do not, or the other way."""
        covered = HEAD_BYTES
        for block, tables in zip(self._blocks, self._tables, strict=True):
            if block.start != covered or block.stop > segment.size:
                assert self._index is not None
                why = f"a block for bytes {block.start} to {block.stop} does not follow on {covered}"
                self._index.findings.append(Finding(0, self._index.size, why + _DERIVED, DAMAGED))
                break
            covered = block.stop
            self._compare_block(segment, block, tables)

    def _compare_block(self, segment: Opened, block: Block, tables: list[Table]) -> None:
        assert self._index is not None
        data = segment.data[block.start - HEAD_BYTES : block.stop - HEAD_BYTES]
        stretch, damage = index_records(data, segment.nonce, block.start)
        unreadable = {(one.stream, one.source, one.attempt) for one in block.tables}
        for table in tables:
            key = (table.stream, table.source, table.attempt)
            unreadable.discard(key)
            there = stretch.tables.pop(key, None)
            found = set() if there is None else set(_rows(there))
            said = set(_rows(table))
            self._unsaid(table.stream, sorted(found - said))
            self._missing(table.stream, sorted(said - found))
        for key, table in stretch.tables.items():
            if key not in unreadable:
                self._unsaid(table.stream, list(_rows(table)))
        if not damage and _told_once(stretch.control) != _told_once(block.control):
            self._mismatch("it has other settlements, deliveries or snapshots than the records")

    def _mismatch(self, why: str) -> None:
        assert self._index is not None
        self._index.findings.append(Finding(0, self._index.size, why + _DERIVED, DAMAGED))

    def _unsaid(self, stream: int, rows: list[Row]) -> None:
        if rows:
            _, _, offset, _ = rows[0]
            self._mismatch(f"it does not name {len(rows)} records of stream {stream}, the first at offset {offset}")

    def _missing(self, stream: int, rows: list[Row]) -> None:
        """What the index names and no record is: lost, where there is damage."""
        for finding in self._log.findings:
            hit = [row for row in rows if row[2] < finding.stop and row[2] + row[3] > finding.start]
            if hit and finding.start >= HEAD_BYTES:
                finding.lost += _joined(stream, hit)
                rows = sorted(set(rows).difference(hit))
        if rows:
            self._mismatch(f"it names {len(rows)} records of stream {stream} that are not there, {rows[0]}")

    # ---- without an index

    def _find_gaps(self, segment: Opened) -> None:
        """Where no index tells, the numbers missing between a stream's entries do. Copies have gaps of their own."""
        findings = [one for one in self._log.findings if one.start >= HEAD_BYTES and not one.lost]
        if not findings:
            return
        for table in index_records(segment.data, segment.nonce, HEAD_BYTES)[0].tables.values():
            if not table.source:
                for one, other in pairwise(_rows(table)):
                    _note_gap(findings, table.stream, one, other)


def _note_gap(findings: list[Finding], stream: int, one: Row, other: Row) -> None:
    first, stop = one[0] + one[1], other[0]
    if first < stop:
        for finding in findings:
            if one[2] + one[3] <= finding.start and finding.stop <= other[2]:
                finding.lost.append(Lost(stream, first, stop))
                return


def _rows(table: Table) -> Iterator[Row]:
    return zip(table.firsts, table.counts, table.offsets, table.lengths, strict=True)


def _joined(stream: int, rows: Iterable[Row]) -> list[Lost]:
    """Rows as ranges of numbers."""
    ranges = RangeSet()
    for first, count, _, _ in rows:
        ranges.add(first, first + count)
    return [Lost(stream, first, stop) for first, stop in ranges]


def _told_once(control: list[tuple[int, bytes]]) -> list[tuple[int, bytes]]:
    """Without the second copy of a snapshot, which an index made while writing leaves out."""
    return [one for at, one in enumerate(control) if not at or one[0] != SNAPSHOT or one != control[at - 1]]
