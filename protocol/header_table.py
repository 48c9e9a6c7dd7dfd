"""Changes to a property list's header table that leave the bytes of everything else as they were.

Only the top of a table is walked: nested values are skipped by their length, so that nothing is decoded. Must not: know
what a header means.
"""

from __future__ import annotations

from typing import Final

from protocol.octets import u32
from protocol.properties import (
    CONTENT_ENCODING,
    CONTENT_TYPE,
    CORRELATION_ID,
    DELIVERY_MODE,
    EXPIRATION,
    HEADERS,
    PRIORITY,
    REPLY_TO,
    Properties,
)
from protocol.tables import FIXED_SIZES

TEXT: Final = ord("S")
ARRAY: Final = ord("A")
TABLE: Final = ord("F")
LONG: Final = ord("l")
TIMESTAMP: Final = ord("T")
BOOL: Final = ord("t")
SIZED: Final = frozenset(b"SxAF")  # values that begin with their length in four octets
INTEGERS: Final = frozenset(b"bsIlBuiL")
_SIGNED: Final = frozenset(b"bsIl")
LONG_MAX: Final = 2**63 - 1


class Entry:
    """One entry of a table: its key, the type octet of its value, and the octets of the value behind that."""

    __slots__ = ("key", "kind", "raw", "value")

    def __init__(self, key: bytes, kind: int, value: bytes, raw: bytes) -> None:
        self.key = key
        self.kind = kind
        self.value = value
        self.raw = raw

    def text(self) -> bytes | None:
        """A long string's octets; None for any other type."""
        return self.value[4:] if self.kind == TEXT else None

    def integer(self) -> int | None:
        """An integer of any size; None for any other type."""
        if self.kind not in INTEGERS:
            return None
        return int.from_bytes(self.value, "big", signed=self.kind in _SIGNED)


def _value_end(data: bytes, pos: int, stop: int) -> int:
    """Where the value ends whose type octet stands at `pos`. Raises: ValueError, IndexError."""
    if pos >= stop:
        raise ValueError("an entry without a value")
    kind = data[pos]
    if kind in SIZED:
        end = pos + 5 + u32(data, pos + 1)
    elif kind in FIXED_SIZES:
        end = pos + 1 + FIXED_SIZES[kind]
    else:
        raise ValueError(f"unknown field type {kind}")
    if end > stop:
        raise ValueError("a value reaches beyond its table")
    return end


def read_entries(data: bytes) -> list[Entry]:
    """The entries of a table given without its length, in order.

    Raises: ValueError, IndexError where it is malformed.
    """
    entries = []
    pos, stop = 0, len(data)
    while pos < stop:
        at = pos + 1 + data[pos]
        end = _value_end(data, at, stop)
        entries.append(Entry(data[pos + 1 : at], data[at], data[at + 1 : end], data[pos:end]))
        pos = end
    return entries


def read_values(data: bytes, kind: int) -> list[bytes]:
    """Those of an array's values that are of a sized type, each without its length; the array is given without its own.

    Raises: ValueError, IndexError where the array is malformed.
    """
    assert kind in SIZED
    values = []
    pos, stop = 0, len(data)
    while pos < stop:
        end = _value_end(data, pos, stop)
        if data[pos] == kind:
            values.append(data[pos + 5 : end])
        pos = end
    return values


def _sized(kind: int, value: bytes) -> bytes:
    return bytes([kind]) + len(value).to_bytes(4, "big") + value


def _key(key: bytes) -> bytes:
    return bytes([len(key)]) + key


def text_value(value: bytes) -> bytes:
    """A long string with its type octet, as it stands in an array."""
    return _sized(TEXT, value)


def table_value(entries: bytes) -> bytes:
    """A table with its type octet, as it stands in an array."""
    return _sized(TABLE, entries)


def text_entry(key: bytes, value: bytes) -> bytes:
    """An entry that is a long string."""
    return _key(key) + _sized(TEXT, value)


def array_entry(key: bytes, values: bytes) -> bytes:
    """An entry that is an array of values, each with its type octet."""
    return _key(key) + _sized(ARRAY, values)


def long_entry(key: bytes, value: int) -> bytes:
    """An entry that is a signed integer of 64 bits; more than fits is cut."""
    return _key(key) + bytes([LONG]) + min(value, LONG_MAX).to_bytes(8, "big", signed=True)


def bool_entry(key: bytes, value: bool) -> bytes:
    """An entry that is true or false."""
    return _key(key) + bytes([BOOL, value])


def timestamp_entry(key: bytes, seconds: int) -> bytes:
    """An entry that is a time, in seconds since 1970."""
    return _key(key) + bytes([TIMESTAMP]) + seconds.to_bytes(8, "big")


def header_entries(properties: Properties) -> list[Entry] | None:
    """The header table's entries in order, none without a table; None for a table that cannot be read."""
    if not properties.headers_end:
        return []
    try:
        return read_entries(properties.raw[properties.headers_start + 4 : properties.headers_end])
    except (ValueError, IndexError):
        return None


def _skipped(raw: bytes, pos: int, is_there: int) -> int:
    """Behind the short string at `pos`, where it is there."""
    return pos + 1 + raw[pos] if is_there else pos


def rewritten(
    properties: Properties, entries: bytes, keeps_expiration: bool = True, keeps_hidden: bool = True
) -> Properties:
    """The same properties with another header table, given by its entries.

    Their expiration, and what is hidden, can be left out.
    """
    raw, flags = properties.raw, properties.flags
    start = _skipped(raw, _skipped(raw, 2, flags & CONTENT_TYPE), flags & CONTENT_ENCODING)
    end = properties.headers_end or start
    tail = raw[end:]
    if flags & EXPIRATION and not keeps_expiration:
        pos = end + (flags & DELIVERY_MODE > 0) + (flags & PRIORITY > 0)
        pos = _skipped(raw, _skipped(raw, pos, flags & CORRELATION_ID), flags & REPLY_TO)
        tail = raw[end:pos] + raw[_skipped(raw, pos, EXPIRATION) :]
        flags &= ~EXPIRATION
    flags |= HEADERS
    table = len(entries).to_bytes(4, "big") + entries
    hidden = properties.hidden if keeps_hidden else b""
    return Properties(flags.to_bytes(2, "big") + raw[2:start] + table + tail, hidden)


def with_header(properties: Properties, key: bytes, entry: bytes) -> Properties:
    """The same properties with one entry, of that key, in the place of any of that key; the table is sorted by key.

    A table that cannot be read stays as it is. Spec: as RabbitMQ sorts a table that it adds something to.
    """
    entries = header_entries(properties)
    if entries is None:
        return properties
    kept = [(one.key, one.raw) for one in entries if one.key != key]
    return rewritten(properties, joined([*kept, (key, entry)]))


def _first(entry: tuple[bytes, bytes]) -> bytes:
    return entry[0]


def joined(entries: list[tuple[bytes, bytes]]) -> bytes:
    """Entries as a table has them, sorted by their keys; those that share one keep their order."""
    return b"".join([raw for _, raw in sorted(entries, key=_first)])
