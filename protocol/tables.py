"""Field tables: a bounded walk that checks one before pamqp decodes it, and names the types of its values.

Must not: interpret any key.
"""

from __future__ import annotations

from struct import Struct
from typing import Final

import pamqp.decode

from protocol.constants import SYNTAX_ERROR
from protocol.errors import ConnectionException

TABLE_DEPTH_MAX: Final = 32
TABLE_ENTRIES_MAX: Final = 4096  # in one table and everything nested in it

FIXED_SIZES: Final[dict[int, int]] = {
    ord("t"): 1, ord("b"): 1, ord("B"): 1, ord("s"): 2, ord("u"): 2, ord("I"): 4, ord("i"): 4,
    ord("l"): 8, ord("L"): 8, ord("f"): 4, ord("d"): 8, ord("D"): 5, ord("T"): 8, ord("V"): 0,
}  # fmt: skip
LONG_TYPES: Final = frozenset(b"Sx")
TYPE_NAMES: Final[dict[str, str]] = {
    "t": "bool", "b": "byte", "B": "unsignedbyte", "s": "short", "u": "unsignedshort", "I": "signedint",
    "i": "unsignedint", "l": "long", "L": "long", "f": "float", "d": "double", "D": "decimal", "T": "timestamp",
    "V": "void", "S": "longstr", "x": "binary", "A": "array", "F": "table",
}  # fmt: skip

_long: Final = Struct(">I").unpack_from


class TableTooLarge(ValueError):
    """A table that may be well-formed but goes beyond a bound."""


class _Walk:
    """One walk's place in the bytes and what is left of its bounds."""

    __slots__ = ("data", "entries", "pos")

    def __init__(self, data: bytes, pos: int) -> None:
        self.data = data
        self.pos = pos
        self.entries = 0

    def skip(self, size: int, end: int) -> None:
        self.pos += size
        if self.pos > end:
            raise ValueError("a value reaches beyond its table")

    def length(self, end: int) -> int:
        self.skip(4, end)
        return int(_long(self.data, self.pos - 4)[0])

    def count(self) -> None:
        self.entries += 1
        if self.entries > TABLE_ENTRIES_MAX:
            raise TableTooLarge(f"more than {TABLE_ENTRIES_MAX} entries")

    def value(self, end: int, depth: int) -> int:
        """Walks one value; returns its type octet."""
        self.skip(1, end)
        kind = self.data[self.pos - 1]
        size = FIXED_SIZES.get(kind)
        if size is not None:
            self.skip(size, end)
        elif kind in LONG_TYPES:
            self.skip(self.length(end), end)
        elif kind == ord("F"):
            self.table(end, depth + 1, None)
        elif kind == ord("A"):
            self.array(end, depth + 1)
        else:
            raise ValueError(f"unknown field type {kind}")
        return kind

    def inner_end(self, end: int, depth: int) -> int:
        if depth > TABLE_DEPTH_MAX:
            raise TableTooLarge(f"nested deeper than {TABLE_DEPTH_MAX}")
        inner = self.length(end) + self.pos
        if inner > end:
            raise ValueError("a table reaches beyond its frame")
        return inner

    def array(self, end: int, depth: int) -> None:
        inner = self.inner_end(end, depth)
        while self.pos < inner:
            self.count()
            self.value(inner, depth)

    def table(self, end: int, depth: int, types: dict[str, str] | None) -> None:
        inner = self.inner_end(end, depth)
        while self.pos < inner:
            self.count()
            start = self.pos + 1
            self.skip(1 + self.data[self.pos], inner)
            key = self.data[start : self.pos]
            kind = self.value(inner, depth)
            if types is not None:
                types[key.decode("utf-8")] = chr(kind)


def walk_table(data: bytes, pos: int) -> tuple[int, dict[str, str]]:
    """Walks the table whose length prefix starts at `pos`, within the named bounds.

    Returns: the offset behind it, and the type letter of each top-level key.
    Raises: TableTooLarge, ValueError, IndexError.
    Spec: 4.2.5.5 (field tables), with the types of RabbitMQ's errata.
    """
    walk = _Walk(data, pos)
    types: dict[str, str] = {}
    walk.table(len(data), 1, types)
    return walk.pos, types


def check_table(data: bytes, pos: int) -> tuple[int, dict[str, str]]:
    """As `walk_table`, for a table in a content header.

    Raises: ConnectionException 502.
    """
    try:
        return walk_table(data, pos)
    except (ValueError, IndexError) as error:
        raise ConnectionException(SYNTAX_ERROR, f"malformed field table: {error}") from None


def entry_ranges(data: bytes, pos: int) -> list[tuple[int, int, bytes]]:
    """Start, end and key of each top-level entry of the table whose length prefix starts at `pos`.

    Raises: ConnectionException 502.
    """
    check_table(data, pos)
    walk = _Walk(data, pos)
    end = walk.inner_end(len(data), 1)
    ranges = []
    while walk.pos < end:
        start = walk.pos
        walk.skip(1 + data[start], end)
        key = data[start + 1 : walk.pos]
        walk.value(end, 1)
        ranges.append((start, walk.pos, key))
    return ranges


def decode_table(data: bytes, pos: int = 0) -> dict[str, object]:
    """Checks and decodes the table whose length prefix starts at `pos`.

    Raises: ConnectionException 502.
    """
    end, _ = check_table(data, pos)
    try:
        _, table = pamqp.decode.field_table(data[pos:end])
    except (ValueError, OverflowError, OSError) as error:
        raise ConnectionException(SYNTAX_ERROR, f"malformed field table: {error}") from None
    return dict(table)
