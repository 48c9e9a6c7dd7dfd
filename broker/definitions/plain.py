"""Arguments as the HTTP API and definitions files write them: plain JSON, in which some types become others.

Must not: be used for what is stored; `fields` keeps every type.
"""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from broker.model.arguments import NO_ARGUMENTS, Arguments
from protocol.tables import TABLE_DEPTH_MAX, TABLE_ENTRIES_MAX

NOT_UTF8: Final = "Not UTF-8, base64 is: "  # what RabbitMQ puts before octets that are no text
LONG_MIN: Final = -(2**63)
LONG_MAX: Final = 2**63 - 1
KEY_BYTES_MAX: Final = 255


def plain(value: object) -> Any:
    """A field value as JSON's own types: a time is a number of seconds, a decimal a number, octets a marked text."""
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    convert = _PLAIN.get(type(value))
    return value if convert is None else convert(value)


def _octets(value: bytes | bytearray) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return NOT_UTF8 + base64.b64encode(value).decode()


_PLAIN: Final[dict[type, Callable[[Any], Any]]] = {
    bytes: _octets,
    bytearray: _octets,
    datetime: lambda value: int(value.timestamp()),
    Decimal: float,
    float: lambda value: value if math.isfinite(value) else None,
}


def arguments_of(values: object) -> Arguments:
    """The arguments that plain JSON stands for; integers are longs. Raises: ValueError that names what cannot be."""
    if values is None or values == []:  # as RabbitMQ writes an empty object
        return NO_ARGUMENTS
    if not isinstance(values, Mapping):
        raise ValueError("arguments must be an object")
    if not values:
        return NO_ARGUMENTS
    table = _Table()
    converted = {key: table.value(key, value, 0) for key, value in values.items()}
    return Arguments(converted, {key: _type(value) for key, value in converted.items()})


class _Table:
    """Converts one table and counts what is in it, however deep."""

    def __init__(self) -> None:
        self._entries = 0

    def value(self, key: str, value: object, depth: int) -> object:
        """A field value. Raises: ValueError."""
        self._entries += 1
        if self._entries > TABLE_ENTRIES_MAX or depth >= TABLE_DEPTH_MAX:
            raise ValueError(f"argument '{key}' has more than {TABLE_ENTRIES_MAX} values or {TABLE_DEPTH_MAX} levels")
        if len(key.encode("utf-8", "surrogateescape")) > KEY_BYTES_MAX:
            raise ValueError(f"the name of an argument has at most {KEY_BYTES_MAX} bytes")
        if isinstance(value, int) and not LONG_MIN <= value <= LONG_MAX:
            raise ValueError(f"argument '{key}' does not fit 64 bits")
        if isinstance(value, list):
            return [self.value(key, item, depth + 1) for item in value]
        if isinstance(value, Mapping):
            return {name: self.value(name, item, depth + 1) for name, item in value.items()}
        if isinstance(value, str) and value.startswith(NOT_UTF8):
            return _bytes(value)
        return value


def _bytes(text: str) -> str | bytearray:
    try:
        return bytearray(base64.b64decode(text.removeprefix(NOT_UTF8), validate=True))
    except binascii.Error:
        return text


_TYPES: Final[dict[type, str]] = {
    bool: "t", int: "l", float: "d", str: "S", bytearray: "x", list: "A", dict: "F", type(None): "V",
}  # fmt: skip


def _type(value: object) -> str:
    return _TYPES[type(value)]
