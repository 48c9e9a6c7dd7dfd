"""Field tables as JSON that people can read and that gives every value back with its type.

Texts, booleans, void, integers, finite floats and arrays are what they are in JSON; the rest is an object with one
member that names the type: {"table": {...}}, {"bytes": base64}, {"timestamp": ISO 8601}, {"decimal": "1.50"},
{"float": "nan"}. Must not: know an argument.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

_TO_JSON: Final[dict[type, Callable[[Any], object]]] = {
    bytes: lambda value: {"bytes": base64.b64encode(value).decode()},
    bytearray: lambda value: {"bytes": base64.b64encode(value).decode()},
    datetime: lambda value: {"timestamp": value.isoformat()},
    Decimal: lambda value: {"decimal": str(value)},
    list: lambda value: [to_json(item) for item in value],
    dict: lambda value: {"table": table_to_json(value)},
    float: lambda value: value if math.isfinite(value) else {"float": repr(value)},
}
_PLAIN: Final = frozenset({str, bool, int, type(None)})


def to_json(value: object) -> object:
    """A field value as JSON's own types. Raises: TypeError for what no field table can hold."""
    if type(value) in _PLAIN:
        return value
    convert = _TO_JSON.get(type(value))
    if convert is None:
        raise TypeError(f"not a field value: {type(value).__name__}")
    return convert(value)


def from_json(held: object) -> object:
    """The field value that `to_json` made this of. Raises: ValueError, KeyError, TypeError."""
    if isinstance(held, list):
        return [from_json(item) for item in held]
    if isinstance(held, dict):
        ((kind, value),) = held.items()
        return _FROM_JSON[kind](value)
    return held


def table_to_json(table: Mapping[str, object]) -> dict[str, object]:
    """A table, its keys in their order."""
    return {key: to_json(value) for key, value in table.items()}


def table_from_json(held: Mapping[str, object]) -> dict[str, object]:
    """The table that `table_to_json` made this of."""
    return {key: from_json(value) for key, value in held.items()}


_FROM_JSON: Final[dict[str, Callable[[Any], object]]] = {
    "bytes": base64.b64decode,  # which the decoder of the wire gives as bytearray too; nobody tells them apart
    "timestamp": datetime.fromisoformat,
    "decimal": Decimal,
    "table": table_from_json,
    "float": float,
}
