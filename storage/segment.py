"""A segment's name and head: one file of the log. Must not: read records.

    name    base, 20 digits, ".log"; its index has ".idx" instead
    head    two copies of: magic "LVRTSEG1", base u64, nonce u32, version u16, 0 u16, CRC-32 of these u32, 0 u32

A record's position is the segment's base plus its offset in the file. The nonce is random: nobody who writes messages
can make one that looks like a record.
"""

from __future__ import annotations

from struct import Struct
from typing import Final
from zlib import crc32

MAGIC: Final = b"LVRTSEG1"
VERSION: Final = 1
_HEAD: Final = Struct("<8sQIHHII")
COPIES: Final = 2
HEAD_BYTES: Final = COPIES * 32
assert _HEAD.size == 32
LOG_SUFFIX: Final = ".log"
INDEX_SUFFIX: Final = ".idx"


class BadSegment(ValueError):
    """A file that is no segment this version can read; the text says why."""


class NewerSegment(BadSegment):
    """A segment that a later version has written; the text names both versions."""


def log_name(base: int) -> str:
    """The name of a segment's file."""
    return f"{base:020d}{LOG_SUFFIX}"


def index_name(base: int) -> str:
    """The name of a segment's index."""
    return f"{base:020d}{INDEX_SUFFIX}"


def base_of(name: str) -> int | None:
    """The base in the name of a segment or index; None for any other file."""
    stem, dot, suffix = name.partition(".")
    if len(stem) == 20 and stem.isdecimal() and dot + suffix in (LOG_SUFFIX, INDEX_SUFFIX):
        return int(stem)
    return None


def encode_head(base: int, nonce: int) -> bytes:
    """The first bytes of a segment."""
    sealed = _HEAD.pack(MAGIC, base, nonce, VERSION, 0, 0, 0)[:24]
    return _HEAD.pack(MAGIC, base, nonce, VERSION, 0, crc32(sealed), 0) * COPIES


def decode_head(data: bytes, base: int) -> tuple[int, int]:
    """The nonce, from a copy that is whole, and how many copies are damaged. Raises: BadSegment, NewerSegment."""
    nonces: list[int] = []
    newer = 0
    for copy in range(COPIES):
        piece = data[copy * _HEAD.size : (copy + 1) * _HEAD.size]
        if len(piece) < _HEAD.size:
            continue
        magic, own_base, nonce, version, _, crc, zero = _HEAD.unpack(piece)
        if magic == MAGIC and own_base == base and crc32(piece[:24]) == crc and not zero:
            if version <= VERSION:
                nonces.append(nonce)
            newer = version
    if nonces:
        return nonces[0], COPIES - len(nonces)
    if newer > VERSION:
        raise NewerSegment(f"its layout is version {newer}, this program reads up to {VERSION}")
    raise BadSegment("its head is damaged")
