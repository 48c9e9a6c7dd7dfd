"""Reads a log's segments record by record, for the tools that look at a folder and leave it as it is.

Must not: write, hold more than one segment in memory, or know what a message says.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import error as struct_error
from typing import NamedTuple

from storage.files import Files
from storage.record import (
    CARRIED,
    CLEAN,
    COUNTED_RANGE,
    DELIVERED,
    DROPPED,
    ENTRY,
    GROUP,
    HEADER_BYTES,
    RANGE,
    SETTLED,
    SIZES,
    SNAPSHOT,
    SOURCE,
    STREAM,
    TARGET,
    Entry,
    Header,
    decode_entry,
    entry_sizes,
)
from storage.scan import Damage, scan
from storage.segment import HEAD_BYTES, LOG_SUFFIX, BadSegment, base_of, decode_head, log_name
from storage.snapshot import StreamState, decode_states


class Opened(NamedTuple):
    """A segment with all its bytes behind the head."""

    base: int
    nonce: int
    size: int
    bad_head_copies: int
    data: bytes


class Record(NamedTuple):
    """A whole record of a segment; `group` is the position of the group it is a part of, 0 where it is of none."""

    segment: Opened
    offset: int  # in the segment's file
    header: Header
    group: int

    @property
    def position(self) -> int:
        """Its place in the log."""
        return self.segment.base + self.offset

    @property
    def size(self) -> int:
        """Its bytes, header and padding included."""
        return self.header.end - self.header.start + HEADER_BYTES

    def payload(self) -> bytes:
        """What follows the header, without the padding."""
        return self.segment.data[self.header.start : self.header.start + self.header.length]

    def entry(self) -> Entry:
        """An ENTRY or CARRIED record, taken apart."""
        return decode_entry(self.segment.data, self.header)

    def states(self) -> list[StreamState]:
        """What a SNAPSHOT or CLEAN record says. Raises: ValueError."""
        return list(decode_states(self.payload()))


def segment_bases(files: Files) -> list[int]:
    """The bases of the segments in a folder, in order."""
    return sorted(base for name in files.names() if name.endswith(LOG_SUFFIX) and (base := base_of(name)) is not None)


def file_size(files: Files, name: str) -> int:
    """A file's length in bytes. Raises: FileNotFoundError."""
    file = files.open(name)
    try:
        return file.size()
    finally:
        file.close()


def open_segment(files: Files, base: int) -> Opened:
    """A segment with all that was in it a moment ago. Raises: FileNotFoundError, BadSegment."""
    file = files.open(log_name(base))
    try:
        size = file.size()
        if size < HEAD_BYTES:
            raise BadSegment("it ends within its head")
        nonce, bad_copies = decode_head(file.read(0, HEAD_BYTES), base)
        return Opened(base, nonce, size, bad_copies, file.read(HEAD_BYTES, size - HEAD_BYTES))
    finally:
        file.close()


def records(segment: Opened) -> Iterator[Record | Damage]:
    """The records of a segment in order, a group before its parts; damage with offsets in the file."""
    group, group_end = 0, 0
    for found in scan(segment.data, segment.nonce + HEAD_BYTES):
        if isinstance(found, Damage):
            yield found._replace(start=found.start + HEAD_BYTES, stop=found.stop + HEAD_BYTES)
            continue
        at, header = found
        if at >= group_end:
            group = 0
        yield Record(segment, at + HEAD_BYTES, header, group)
        if header.kind == GROUP:
            group, group_end = segment.base + at + HEAD_BYTES, header.end


def why_malformed(record: Record) -> str:
    """Why a record whose checksums are right cannot be what it says; empty where it can."""
    header = record.header
    try:
        if header.kind in (ENTRY, CARRIED):
            return _why_no_entry(record)
        if header.kind in (SNAPSHOT, CLEAN):
            return (
                "" if len(record.states()) == header.item_count else "it holds another number of streams than it says"
            )
    except (ValueError, struct_error):
        return "its payload is not of the layout of its kind"
    sizes = {SETTLED: RANGE.size, DELIVERED: COUNTED_RANGE.size, DROPPED: STREAM.size}
    size = sizes.get(header.kind)
    if size is not None and header.length != size * header.item_count:
        return "its payload has another length than its count asks for"
    return ""


def _why_no_entry(record: Record) -> str:
    header = record.header
    _, head_bytes, item_bytes, _ = entry_sizes(record.segment.data, header)
    source_bytes = SOURCE.size if header.kind == CARRIED else 0
    length = header.targets * TARGET.size + source_bytes + SIZES.size + head_bytes + header.item_count * item_bytes
    if not header.targets or not header.item_count:
        return "it names no stream or has no message"
    return "" if length == header.length else "its payload has another length than its sizes ask for"
