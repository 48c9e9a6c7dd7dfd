"""The log's records as bytes: one header, one payload, padded to eight bytes.

Must not: know files, or what a message says.

    offset  bytes  header (little-endian)
         0      4  magic "LVRT"
         4      4  CRC-32 of bytes 8 to 24, begun with the segment's nonce plus the record's offset
         8      4  CRC-32 of the payload with its padding
        12      4  length of the payload without its padding
        16      1  kind; 0x80 is added within a group
        17      1  version of the layout, 1
        18      2  targets: how many streams take an entry
        20      4  count: messages of an entry, parts of any other record

    ENTRY     targets x (stream u64, first u64, expires_ms i64), stamp_ms i64, head_bytes u32, item_bytes u32,
              head, count x item. Message i of a target has the number first + i. Expiry 0 is never.
    CARRIED   an ENTRY that compaction has copied: source u64, attempt u64 follow the targets.
    SETTLED   count x (stream u64, first u64, stop u64)
    DELIVERED count x (stream u64, first u64, stop u64, deliveries u64)
    DROPPED   count x (stream u64)
    SNAPSHOT  count x stream state, see `storage/snapshot.py`; the first two of a segment are copies of each other
    CLEAN     the same, written as the last record before an orderly end
    GROUP     count records that stand or fall together, each with a header of its own

Invariants
1. A record that is copied to another place, or another segment, is not valid there: its first CRC is over the place.
2. A group is valid only as a whole: what stands within one is never found by looking for records.
"""

from __future__ import annotations

from collections.abc import Sequence
from struct import Struct
from typing import Final, NamedTuple
from zlib import crc32

from librt.strings import BytesWriter, write_i16_le, write_i32_le, write_i64_le

MAGIC: Final = b"LVRT"
VERSION: Final = 1
HEADER: Final = Struct("<4sIIIBBHI")
HEADER_BYTES: Final = 24
ALIGNMENT: Final = 8
PAYLOAD_BYTES_MAX: Final = 2**31 - 1
TARGETS_MAX: Final = 0xFFFF

ENTRY: Final = 1
CARRIED: Final = 2
SETTLED: Final = 3
DELIVERED: Final = 4
DROPPED: Final = 5
SNAPSHOT: Final = 6
CLEAN: Final = 7
GROUP: Final = 8
KINDS: Final = {
    ENTRY: "entry", CARRIED: "carried", SETTLED: "settled", DELIVERED: "delivered", DROPPED: "dropped",
    SNAPSHOT: "snapshot", CLEAN: "clean", GROUP: "group",
}  # fmt: skip
NESTED: Final = 0x80

TARGET: Final = Struct("<QQq")
TARGET_BYTES: Final = 24
SIZES: Final = Struct("<qII")  # stamp_ms, head bytes, item bytes
SIZES_BYTES: Final = 16
SOURCE: Final = Struct("<QQ")
RANGE: Final = Struct("<QQQ")
COUNTED_RANGE: Final = Struct("<QQQQ")
STREAM: Final = Struct("<Q")
_PADDING: Final = tuple(bytes(size) for size in range(ALIGNMENT))
_U32: Final = 0xFFFFFFFF

Target = tuple[int, int, int]  # stream, number of the first message, expires_ms


class Header(NamedTuple):
    """A record's header, checked. `length` is the payload's, `end` the offset of the next record."""

    kind: int
    is_nested: bool
    targets: int
    item_count: int
    length: int
    payload_crc: int
    start: int
    end: int


class Entry(NamedTuple):
    """An ENTRY or CARRIED record, taken apart; source and attempt are 0 for the former."""

    targets: list[Target]
    stamp_ms: int
    head: bytes
    items: list[bytes]
    source: int
    attempt: int


class BadRecord(ValueError):
    """There is no valid record at an offset; the text says why."""


def padded(length: int) -> int:
    """The bytes a payload takes with its padding."""
    return length + (-length & 7)


def frame(kind: int, targets: int, count: int, payload: bytes, length: int, seed: int) -> list[bytes]:
    """A whole record as pieces to write.

    Args: payload with its padding; length without; seed is the segment's nonce plus the record's offset.
    """
    writer = BytesWriter()
    write_i32_le(writer, signed(crc32(payload)))
    write_i32_le(writer, length)
    writer.append(kind)
    writer.append(VERSION)
    write_i16_le(writer, targets if targets < 0x8000 else targets - 0x10000)
    write_i32_le(writer, count)
    sealed = writer.getvalue()
    writer = BytesWriter()
    writer.write(MAGIC)
    write_i32_le(writer, signed(crc32(sealed, seed & _U32)))
    writer.write(sealed)
    return [writer.getvalue(), payload]


def signed(value: int) -> int:
    """The number of 32 bits with the same bits as this one, which has no sign."""
    return value if value < 0x80000000 else value - 0x100000000


def control_frame(kind: int, count: int, payload: bytes, seed: int) -> list[bytes]:
    """A record that is no entry."""
    return frame(kind, 0, count, payload + _PADDING[-len(payload) & 7], len(payload), seed)


def entry_payload(
    targets: Sequence[Target], stamp_ms: int, head: bytes, items: Sequence[bytes], source: tuple[int, int] | None
) -> tuple[bytes, int]:
    """An entry's payload with its padding, and its length without."""
    item_bytes = len(items[0])
    if len(targets) == 1 and source is None:
        stream, first, expires_ms = targets[0]
        return single_payload(stream, first, expires_ms, stamp_ms, head, items)
    parts = [TARGET.pack(*target) for target in targets]
    if source is not None:
        parts.append(SOURCE.pack(*source))
    parts += [SIZES.pack(stamp_ms, len(head), item_bytes), head, *items]
    length = (
        len(targets) * TARGET.size + (0 if source is None else SOURCE.size) + SIZES.size + len(head)
        + len(items) * item_bytes
    )  # fmt: skip
    parts.append(_PADDING[-length & 7])
    return b"".join(parts), length


def single_payload(
    stream: int, first: int, expires_ms: int, stamp_ms: int, head: bytes, items: Sequence[bytes]
) -> tuple[bytes, int]:
    """The payload of an entry for one stream, with its padding, and its length without."""
    item_bytes, count = len(items[0]), len(items)
    length = TARGET_BYTES + SIZES_BYTES + len(head) + count * item_bytes
    writer = BytesWriter()
    write_i64_le(writer, stream)
    write_i64_le(writer, first)
    write_i64_le(writer, expires_ms)
    write_i64_le(writer, stamp_ms)
    write_i32_le(writer, len(head))
    write_i32_le(writer, item_bytes)
    writer.write(head)
    if count == 1:
        return b"".join((writer.getvalue(), items[0], _PADDING[-length & 7])), length
    return b"".join((writer.getvalue(), *items, _PADDING[-length & 7])), length


def read_header(data: bytes | memoryview, at: int, seed: int) -> Header:
    """The header at `at`, whose record starts at that offset of the segment when seed says so.

    Raises: BadRecord.
    """
    if len(data) - at < HEADER_BYTES:
        raise BadRecord("the file ends within a header")
    magic, header_crc, payload_crc, length, kind, version, targets, count = HEADER.unpack_from(data, at)
    if magic != MAGIC:
        raise BadRecord("no record starts here")
    if crc32(data[at + 8 : at + HEADER_BYTES], seed & _U32) != header_crc:
        raise BadRecord("its header is damaged")
    if version > VERSION or kind & ~NESTED not in KINDS:
        raise BadRecord(f"it is of a newer kind ({kind}, version {version})")
    start = at + HEADER_BYTES
    return Header(
        kind & ~NESTED, kind & NESTED != 0, targets, count, length, payload_crc, start, start + padded(length)
    )


def check_payload(data: bytes | memoryview, header: Header) -> None:
    """Raises BadRecord unless the payload is what was written."""
    if len(data) < header.end:
        raise BadRecord("the file ends within it")
    if crc32(data[header.start : header.end]) != header.payload_crc:
        raise BadRecord("its payload is damaged")


def entry_targets(data: bytes | memoryview, header: Header) -> tuple[list[Target], int, int]:
    """Targets, source and attempt of an entry whose payload was checked."""
    pos = header.start
    targets = [TARGET.unpack_from(data, pos + TARGET.size * number) for number in range(header.targets)]
    if header.kind != CARRIED:
        return targets, 0, 0
    source, attempt = SOURCE.unpack_from(data, pos + TARGET.size * header.targets)
    return targets, source, attempt


def entry_sizes(data: bytes | memoryview, header: Header) -> tuple[int, int, int, int]:
    """Time stamp, size of the head, size of an item, and where the head starts."""
    pos = header.start + header.targets * TARGET.size + (SOURCE.size if header.kind == CARRIED else 0)
    stamp_ms, head_bytes, item_bytes = SIZES.unpack_from(data, pos)
    return stamp_ms, head_bytes, item_bytes, pos + SIZES.size


def decode_entry(data: bytes, header: Header) -> Entry:
    """An entry whose payload was checked, with its items cut out."""
    targets, source, attempt = entry_targets(data, header)
    stamp_ms, head_bytes, size, pos = entry_sizes(data, header)
    body = pos + head_bytes
    count = header.item_count
    if count == 1:
        items = [data[body : body + size]]
    else:
        items = [data[at : at + size] for at in range(body, body + count * size, size)] if size else [b""] * count
    return Entry(targets, stamp_ms, data[pos:body], items, source, attempt)
