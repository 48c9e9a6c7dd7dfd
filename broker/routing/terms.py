"""Field values with the types RabbitMQ gives them: to tell bindings apart, to compare headers, to name and print them.

Must not: know exchanges or decode bytes. The wire's integer width is gone once a table is decoded, so every integer
counts as the narrower of `signedint` (32 bits) and `long` (64 bits) that holds it.
"""

from __future__ import annotations

import math
import struct
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

ARGUMENT_DEPTH_MAX: Final = 128  # beyond what the table decoder lets through; a deeper value is a broken invariant

_PLAIN_TYPES: Final[dict[type, str]] = {
    str: "longstr",
    bytes: "binary",
    bytearray: "binary",
    bool: "bool",
    type(None): "void",
    float: "double",
    Decimal: "decimal",
    datetime: "timestamp",
    list: "array",
    dict: "table",
}
_ESCAPES: Final[dict[int, str]] = {
    8: "\\b",
    9: "\\t",
    10: "\\n",
    11: "\\v",
    12: "\\f",
    13: "\\r",
    27: "\\e",
    34: '\\"',
    92: "\\\\",
}


def field_type(value: object) -> str:
    """RabbitMQ's name of a decoded field value's type, such as `longstr`.

    Raises: TypeError for what no field table can hold.
    """
    if type(value) is int:
        return "signedint" if -(1 << 31) <= value < 1 << 31 else "long"
    name = _PLAIN_TYPES.get(type(value))
    if name is None:
        raise TypeError(f"not a field value: {type(value).__name__}")
    return name


def frozen(value: object, depth: int = 0) -> tuple[str, object]:
    """A hashable form of a field value that is equal only where type and value are; nested tables keep their order."""
    assert depth <= ARGUMENT_DEPTH_MAX, "field value nested too deeply"
    name = field_type(value)
    if isinstance(value, list):
        return name, tuple([frozen(item, depth + 1) for item in value])
    if isinstance(value, dict):
        return name, tuple([(key, frozen(item, depth + 1)) for key, item in value.items()])
    if isinstance(value, float):
        return name, repr(value)
    return name, _scalar(value)


def frozen_table(table: dict[str, object]) -> tuple[tuple[str, tuple[str, object]], ...]:
    """The hashable form of a binding's arguments: sorted by key, as RabbitMQ sorts them."""
    return tuple([(key, frozen(table[key])) for key in sorted(table)])


def compared(value: object) -> object:
    """The form in which the headers exchange compares values: two are equal where RabbitMQ 3.10 finds them equal.

    It compares values without their outermost type: 1 and 1.0, or "x" and b"x", are equal; True and 1 are not; inside
    arrays and tables types count.
    """
    if isinstance(value, str):
        return value.encode("utf-8", "surrogateescape")
    if value is None or isinstance(value, (bool, Decimal, list, dict)):
        return frozen(value)
    plain = _scalar(value)
    return "nan" if isinstance(plain, float) and math.isnan(plain) else plain


def encode_term(table: dict[str, object]) -> bytes:
    """A table in Erlang's external term format, which RabbitMQ hashes into a binding's properties key."""
    return b"\x83" + _term_table(table, 0, True)


def print_term(value: object, depth: int = 0) -> str:
    """A field value as Erlang's `~p` prints it in RabbitMQ's error texts, on one line."""
    assert depth <= ARGUMENT_DEPTH_MAX, "field value nested too deeply"
    atom = _atom(value)
    if atom is not None:
        return atom
    if isinstance(value, (str, bytes, bytearray)):
        return _print_binary(_octets(value))
    if isinstance(value, Decimal):
        scale, unscaled = _decimal_parts(value)
        return f"{{{scale},{unscaled}}}"
    if isinstance(value, list):
        return "[" + ",".join([f"{{{field_type(item)},{print_term(item, depth + 1)}}}" for item in value]) + "]"
    if isinstance(value, dict):
        rows = [f"{{{print_term(k)},{field_type(v)},{print_term(v, depth + 1)}}}" for k, v in value.items()]
        return "[" + ",".join(rows) + "]"
    return str(_scalar(value))


def _atom(value: object) -> str | None:
    if value is None:
        return "undefined"
    if isinstance(value, bool):
        return "true" if value else "false"
    return None


def _octets(value: str | bytes | bytearray) -> bytes:
    return value.encode("utf-8", "surrogateescape") if isinstance(value, str) else bytes(value)


def _seconds(value: datetime) -> int:
    return int((value if value.tzinfo is not None else value.replace(tzinfo=UTC)).timestamp())


def _decimal_parts(value: Decimal) -> tuple[int, int]:
    """(scale, unscaled), the two numbers a decimal field has on the wire."""
    parts = value.as_tuple()
    exponent = parts.exponent if isinstance(parts.exponent, int) else 0
    unscaled = int("".join([str(digit) for digit in parts.digits]) or "0")
    return max(-exponent, 0), (-unscaled if parts.sign else unscaled) * 10 ** max(exponent, 0)


def _scalar(value: object) -> object:
    if isinstance(value, datetime):
        return _seconds(value)
    if isinstance(value, Decimal):
        return _decimal_parts(value)
    if isinstance(value, bytearray):
        return bytes(value)
    return value


def _print_binary(octets: bytes) -> str:
    printable = all(32 <= octet < 127 or octet >= 160 or 8 <= octet <= 13 or octet == 27 for octet in octets)
    if not octets:
        return "<<>>"
    if not printable:
        return "<<" + ",".join([str(octet) for octet in octets]) + ">>"
    text = "".join([_ESCAPES.get(ord(char), char) for char in octets.decode("utf-8", "surrogateescape")])
    return f'<<"{text}">>'


def _term_table(table: dict[str, object], depth: int, ordered: bool) -> bytes:
    keys = sorted(table) if ordered else list(table)
    rows = [
        b"\x68\x03" + _term_binary(_octets(key)) + _term_atom(field_type(table[key])) + _term(table[key], depth + 1)
        for key in keys
    ]
    return _term_list(rows)


def _term(value: object, depth: int) -> bytes:
    assert depth <= ARGUMENT_DEPTH_MAX, "field value nested too deeply"
    atom = _atom(value)
    if atom is not None:
        return _term_atom(atom)
    if isinstance(value, (str, bytes, bytearray)):
        return _term_binary(_octets(value))
    if isinstance(value, list):
        return _term_list([b"\x68\x02" + _term_atom(field_type(item)) + _term(item, depth + 1) for item in value])
    if isinstance(value, dict):
        return _term_table(value, depth, False)
    return _term_number(value)


def _term_number(value: object) -> bytes:
    if isinstance(value, float):
        return b"\x46" + struct.pack(">d", value)
    if isinstance(value, Decimal):
        scale, unscaled = _decimal_parts(value)
        return b"\x68\x02" + _term_integer(scale) + _term_integer(unscaled)
    number = _scalar(value)
    assert isinstance(number, int)
    return _term_integer(number)


def _term_list(items: list[bytes]) -> bytes:
    return b"\x6c" + struct.pack(">I", len(items)) + b"".join(items) + b"\x6a" if items else b"\x6a"


def _term_atom(name: str) -> bytes:
    return b"\x64" + struct.pack(">H", len(name)) + name.encode("ascii")


def _term_binary(octets: bytes) -> bytes:
    return b"\x6d" + struct.pack(">I", len(octets)) + octets


def _term_integer(number: int) -> bytes:
    if 0 <= number <= 255:
        return b"\x61" + bytes((number,))
    if -(1 << 31) <= number < 1 << 31:
        return b"\x62" + struct.pack(">i", number)
    size = (abs(number).bit_length() + 7) // 8
    return b"\x6e" + bytes((size, number < 0)) + abs(number).to_bytes(size, "little")
