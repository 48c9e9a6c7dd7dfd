"""The index of a segment: which messages of which stream stand where, in a file of its own that can be made anew.

Must not: be the only place where anything is written; a missing or damaged index costs a scan of the segment.

    file     blocks one after another, each for the stretch `start..stop` of the segment's offsets
    block    magic "LVIX", CRC-32 u32 of all that follows up to the arrays, base u64, start u32, stop u32, tables u32,
             control bytes u32, arrays bytes u64
             tables x (stream u64, source u64, attempt u64, first u64, stop u64, messages u64, item bytes u64,
                       log bytes u64, entries u32, flags u32, CRC-32 u32 of its arrays, 0 u32)
             control: the records of the stretch that are no entries, as kind u32, length u32, payload
             arrays, per table: firsts u64, counts u32, offsets u32, lengths u32 of its entries

A start reads everything but the arrays; loading from a cold segment reads the arrays of one stream.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from struct import Struct
from typing import Final, NamedTuple
from zlib import crc32

from storage.files import File
from storage.record import Target

MAGIC: Final = b"LVIX"
_HEAD: Final = Struct("<4sIQIIIIQ")
_TABLE: Final = Struct("<QQQQQQQQIIII")
_CONTROL: Final = Struct("<II")
ENTRY_BYTES: Final = 20
MAY_EXPIRE: Final = 1
_U32_CODE: Final = "I"
assert array(_U32_CODE).itemsize == 4


class BadIndex(ValueError):
    """An index, or a part of it, that cannot be used."""


class Table:
    """The entries of one stream in one stretch of a segment; carried ones are kept apart by source and attempt."""

    __slots__ = ("attempt", "counts", "first", "firsts", "flags", "is_sorted", "item_bytes", "lengths", "log_bytes",
                 "messages", "offsets", "source", "stop", "stream")  # fmt: skip

    def __init__(self, stream: int, source: int, attempt: int) -> None:
        self.stream = stream
        self.source = source
        self.attempt = attempt
        self.firsts = array("Q")
        self.counts = array("I")
        self.offsets = array("I")
        self.lengths = array("I")  # of the whole record
        self.first = 0
        self.stop = 0
        self.is_sorted = True  # copies may come in any order
        self.messages = 0
        self.item_bytes = 0
        self.log_bytes = 0
        self.flags = 0

    def add(self, first: int, count: int, offset: int, length: int, item_bytes: int, log_bytes: int) -> None:
        """Notes an entry; item_bytes of all its messages together, log_bytes this stream's share of the record."""
        if not self.firsts:
            self.first = first
        elif first < self.stop:
            self.is_sorted = False
            self.first = min(self.first, first)
        self.firsts.append(first)
        self.counts.append(count)
        self.offsets.append(offset)
        self.lengths.append(length)
        self.stop = max(self.stop, first + count)
        self.messages += count
        self.item_bytes += item_bytes
        self.log_bytes += log_bytes

    def sort(self) -> None:
        """Puts the entries in order of their numbers."""
        if self.is_sorted:
            return
        order = sorted(range(len(self.firsts)), key=self.firsts.__getitem__)
        self.firsts = array("Q", [self.firsts[at] for at in order])
        self.counts = array("I", [self.counts[at] for at in order])
        self.offsets = array("I", [self.offsets[at] for at in order])
        self.lengths = array("I", [self.lengths[at] for at in order])
        self.is_sorted = True


class Summary(NamedTuple):
    """What a block says of a table without its arrays, and where they are."""

    stream: int
    source: int
    attempt: int
    first: int
    stop: int
    messages: int
    item_bytes: int
    log_bytes: int
    flags: int
    entries: int
    arrays_at: int
    arrays_crc: int


class Block(NamedTuple):
    """One block without its arrays."""

    start: int
    stop: int
    tables: list[Summary]
    control: list[tuple[int, bytes]]
    end: int  # in the index file


class Stretch:
    """The index of a stretch of a segment as it grows; `stop` is 0 until it is complete."""

    __slots__ = ("_last", "control", "is_written", "start", "stop", "tables")

    def __init__(self, start: int) -> None:
        self.start = start
        self.stop = 0
        self.is_written = False
        self.tables: dict[tuple[int, int, int], Table] = {}
        self.control: list[tuple[int, bytes]] = []
        self._last: Table | None = None  # of appended entries, the one noted last

    def add_single(
        self, stream: int, first: int, expires_ms: int, count: int, offset: int, length: int, item_bytes: int
    ) -> None:
        """Notes an entry that was appended to one stream."""
        table = self._last
        if table is None or table.stream != stream:
            key = (stream, 0, 0)
            table = self.tables.get(key)
            if table is None:
                table = self.tables[key] = Table(stream, 0, 0)
            self._last = table
        table.add(first, count, offset, length, item_bytes, length)
        if expires_ms:
            table.flags |= MAY_EXPIRE

    def add_entry(
        self, targets: list[Target], count: int, offset: int, length: int, item_bytes: int, source: int, attempt: int
    ) -> None:
        """Notes an entry for each stream that takes it."""
        for stream, first, expires_ms in targets:
            key = (stream, source, attempt)
            table = self.tables.get(key)
            if table is None:
                table = self.tables[key] = Table(stream, source, attempt)
            table.add(first, count, offset, length, item_bytes, length // len(targets))
            if expires_ms:
                table.flags |= MAY_EXPIRE

    def encode(self, base: int) -> list[bytes]:
        """The block for this stretch, which is complete."""
        arrays: list[bytes] = []
        rows: list[bytes] = []
        for table in self.tables.values():
            table.sort()
            columns = (table.firsts, table.counts, table.offsets, table.lengths)
            arrays.append(b"".join(column.tobytes() for column in columns))
            row = (table.stream, table.source, table.attempt, table.first, table.stop, table.messages,
                   table.item_bytes, table.log_bytes, len(table.firsts), table.flags, crc32(arrays[-1]), 0)  # fmt: skip
            rows.append(_TABLE.pack(*row))
        control = b"".join(_CONTROL.pack(kind, len(payload)) + payload for kind, payload in self.control)
        head = _HEAD.pack(MAGIC, 0, base, self.start, self.stop, len(rows), len(control), sum(map(len, arrays)))
        rest = b"".join((head[8:], *rows, control))
        return [MAGIC, crc32(rest).to_bytes(4, "little"), rest, *arrays]


def read_blocks(file: File, base: int) -> Iterator[Block]:
    """The blocks of an index, in order, up to the first that is damaged or missing."""
    at, size, start = 0, file.size(), 0
    while at < size:
        head = file.read(at, _HEAD.size)
        if len(head) < _HEAD.size:
            return
        magic, crc, own_base, own_start, stop, tables, control_bytes, arrays_bytes = _HEAD.unpack(head)
        rest_bytes = tables * _TABLE.size + control_bytes
        if magic != MAGIC or own_base != base or own_start < start or rest_bytes > size:
            return
        rest = file.read(at + _HEAD.size, rest_bytes)
        if len(rest) < rest_bytes or crc32(rest, crc32(head[8:])) != crc:
            return
        arrays_at = at + _HEAD.size + rest_bytes
        end = arrays_at + arrays_bytes
        if end > size:
            return
        yield Block(own_start, stop, list(_summaries(rest, tables, arrays_at)), list(_control(rest, tables)), end)
        at, start = end, stop


def block_end(head: bytes, at: int) -> int:
    """Where the block at `at` ends by what its head says, which nobody has checked; a head that is cut off ends beyond.

    Args: head is the first bytes of the block, as many as there are.
    """
    if len(head) < _HEAD.size:
        return at + _HEAD.size
    magic, _, _, _, _, tables, control_bytes, arrays_bytes = _HEAD.unpack_from(head)
    size: int = _HEAD.size + tables * _TABLE.size + control_bytes + arrays_bytes
    return at + size if magic == MAGIC else at


def _summaries(rest: bytes, tables: int, arrays_at: int) -> Iterator[Summary]:
    for number in range(tables):
        row = _TABLE.unpack_from(rest, number * _TABLE.size)
        stream, source, attempt, first, stop, messages, item_bytes, log_bytes, entries, flags, crc, _ = row
        yield Summary(
            stream, source, attempt, first, stop, messages, item_bytes, log_bytes, flags, entries, arrays_at, crc
        )  # fmt: skip
        arrays_at += entries * ENTRY_BYTES


def _control(rest: bytes, tables: int) -> Iterator[tuple[int, bytes]]:
    at = tables * _TABLE.size
    while at < len(rest):
        kind, length = _CONTROL.unpack_from(rest, at)
        at += _CONTROL.size
        yield kind, rest[at : at + length]
        at += length


def read_table(file: File, summary: Summary) -> Table:
    """The arrays of one table. Raises: BadIndex."""
    data = file.read(summary.arrays_at, summary.entries * ENTRY_BYTES)
    if len(data) < summary.entries * ENTRY_BYTES or crc32(data) != summary.arrays_crc:
        raise BadIndex("its arrays are damaged")
    table = Table(summary.stream, summary.source, summary.attempt)
    middle = summary.entries * 8
    table.firsts.frombytes(data[:middle])
    for column in (table.counts, table.offsets, table.lengths):
        column.frombytes(data[middle : middle + summary.entries * 4])
        middle += summary.entries * 4
    table.first, table.stop, table.messages = summary.first, summary.stop, summary.messages
    table.item_bytes, table.log_bytes, table.flags = summary.item_bytes, summary.log_bytes, summary.flags
    return table
