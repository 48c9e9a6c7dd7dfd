"""Reads when a message is to be let go from its headers. Must not: decode more of a header table than one entry.

A time is ISO 8601 (without an offset it is UTC), or a number since 1970: seconds, or milliseconds where it is
100,000,000,000 or more; as a text, an integer, a float or an AMQP timestamp.
"""

from __future__ import annotations

from datetime import UTC, datetime
from math import isfinite
from struct import unpack
from typing import Final

from protocol.errors import ConnectionException
from protocol.properties import Properties, table_entry

HOLD_UNTIL: Final = "x-hold-until"
X_DELAY: Final = "x-delay"
DELAY_MS_MAX: Final = 2**32 - 1  # as of the plugin, where Erlang's timers end
HOLD_MS_MAX: Final = 100 * 365 * 86_400_000  # from now on; what is due later is held for so long
MILLISECONDS_MIN: Final = 100_000_000_000  # as seconds the year 5138, as milliseconds March 1973
TEXT_BYTES_MAX: Final = 64

NO_TIME: Final = 0  # nothing says when
UNREADABLE: Final = -1  # something does, and nobody knows what

_INTEGERS: Final = frozenset(b"bsIlBuiL")
_SIGNED: Final = frozenset(b"bsIl")
_VOID: Final = ord("V")
_TEXT: Final = ord("S")
_TIMESTAMP: Final = ord("T")


def find_header(properties: Properties, name: bytes) -> tuple[int, int]:
    """Start and end of a header's entry in the raw properties; an empty range where it is not there."""
    raw = properties.raw
    if not properties.headers_end or bytes([len(name)]) + name not in raw:
        return 0, 0
    try:
        return table_entry(raw, properties.headers_start, name)
    except ConnectionException:
        return 0, 0


def header_number(properties: Properties, name: bytes) -> int | float | str | None:
    """A header as a number or a text; None where there is none, or one of another type.

    An AMQP timestamp is a number; a void value is none.
    """
    start, end = find_header(properties, name)
    if start == end:
        return None
    at = start + 1 + len(name)
    kind, value = properties.raw[at], properties.raw[at + 1 : end]
    if kind in _INTEGERS:
        return int.from_bytes(value, "big", signed=kind in _SIGNED)
    if kind == _TIMESTAMP:
        return int.from_bytes(value, "big")
    if kind == _TEXT:
        return value[4 : 4 + TEXT_BYTES_MAX].decode("utf-8", "replace")
    if kind in b"fd":
        return float(unpack(">f" if kind == ord("f") else ">d", value)[0])
    return None


def is_void(properties: Properties, name: bytes) -> bool:
    """Whether a header is not there, or says nothing, as `eta` of a Celery task that has none."""
    start, end = find_header(properties, name)
    if start == end:
        return True
    at = start + 1 + len(name)
    kind = properties.raw[at]
    return kind == _VOID or (kind == _TEXT and end == at + 5)


def time_of(properties: Properties, name: bytes) -> int:
    """When a header says a message is due, in ms since 1970; NO_TIME or UNREADABLE."""
    if is_void(properties, name):
        return NO_TIME
    value = header_number(properties, name)
    if isinstance(value, str):
        value = _from_text(value.strip())
    if value is None or not isfinite(value):
        return UNREADABLE
    if abs(value) < MILLISECONDS_MIN:
        value *= 1000
    return max(1, int(value))


def _from_text(text: str) -> int | float | None:
    try:
        return float(text)
    except ValueError:
        pass
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    if found.tzinfo is None:
        found = found.replace(tzinfo=UTC)
    return max(MILLISECONDS_MIN, -int(-found.timestamp() * 1000 // 1))


def delay_ms(properties: Properties) -> int:
    """The delay that `x-delay` asks for; 0 where there is none that the plugin takes."""
    value = header_number(properties, X_DELAY.encode())
    if isinstance(value, str):
        try:
            value = int(value)
        except ValueError:
            return 0
    if value is None or not isfinite(value) or not 0 < int(value) <= DELAY_MS_MAX:
        return 0
    return int(value)
