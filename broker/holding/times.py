"""Reads when a message is to be let go from its headers. Must not: decode more of a header table than one entry.

A time is ISO 8601 (without an offset it is UTC), or a number since 1970: seconds, or milliseconds where it is
100,000,000,000 or more; as a text, an integer, a float or an AMQP timestamp.
"""

from __future__ import annotations

from datetime import UTC, datetime
from math import isfinite
from struct import unpack
from typing import Final

from protocol.octets import u32
from protocol.properties import Properties
from protocol.tables import FIXED_SIZES

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
_SIZED: Final = frozenset(b"SxAF")  # values that begin with their length in four octets
_VOID: Final = ord("V")
_TEXT: Final = ord("S")
_TIMESTAMP: Final = ord("T")


def find_header(properties: Properties, name: bytes) -> tuple[int, int]:
    """Start and end of a header's entry in the raw properties; an empty range where it is not there.

    Values before it are skipped by their length; what is in them is looked at by nobody here.
    """
    raw, pos, end = properties.raw, properties.headers_start + 4, properties.headers_end
    entry = bytes([len(name)]) + name
    if not end or entry not in raw:
        return 0, 0
    try:
        while pos < end:
            at = pos + 1 + raw[pos]
            kind = raw[at]
            stop = at + 5 + u32(raw, at + 1) if kind in _SIZED else at + 1 + FIXED_SIZES[kind]
            if stop > end:
                break
            if raw.startswith(entry, pos):
                return pos, stop
            pos = stop
    except (IndexError, KeyError):
        pass  # malformed, and passed on as it is
    return 0, 0


def header_number(properties: Properties, name: bytes) -> int | float | str | None:
    """A header as a number or a text; None where there is none, or one of another type.

    An AMQP timestamp is a number; a void value is none.
    """
    start, end = find_header(properties, name)
    return value_at(properties.raw, start + 1 + len(name), end) if start < end else None


def value_at(raw: bytes, at: int, end: int) -> int | float | str | None:
    """The value whose type octet stands at a place, as `header_number` gives it."""
    kind, value = raw[at], raw[at + 1 : end]
    if kind in _INTEGERS:
        return int.from_bytes(value, "big", signed=kind in _SIGNED)
    if kind == _TIMESTAMP:
        return int.from_bytes(value, "big")
    if kind == _TEXT:
        return value[4 : 4 + TEXT_BYTES_MAX].decode("utf-8", "replace")
    if kind in b"fd":
        return float(unpack(">f" if kind == ord("f") else ">d", value)[0])
    return None


def time_of(properties: Properties, name: bytes) -> int:
    """When a header says a message is due, in ms since 1970; NO_TIME or UNREADABLE.

    A header that is void or empty, as `eta` of a Celery task that has none, says nothing.
    """
    raw = properties.raw
    start, end = find_header(properties, name)
    at = start + 1 + len(name)
    if start == end or raw[at] == _VOID or (raw[at] == _TEXT and end == at + 5):
        return NO_TIME
    value = value_at(raw, at, end)
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
    return as_delay_ms(header_number(properties, X_DELAY.encode()))


def as_delay_ms(value: int | float | str | None) -> int:
    """A delay in a header; 0 where it is none that the plugin takes."""
    if isinstance(value, str):
        try:
            value = int(value)
        except ValueError:
            return 0
    if value is None or not isfinite(value) or not 0 < int(value) <= DELAY_MS_MAX:
        return 0
    return int(value)
