"""A property list with a place for a number in its header table, so that many deliveries share the rest of it.

    | flags | .. | table's size | its entries | name, 'l' | number | what stands behind the table |
    '------------------------ before ---------------------'        '---------- behind -----------'

Must not: decode what is only passed on.
"""

from __future__ import annotations

from typing import Final

from protocol.header_table import header_entries, rewritten
from protocol.properties import CONTENT_ENCODING, CONTENT_TYPE, HEADERS, Properties

_LONG: Final = b"l"
NUMBER_BYTES: Final = 8


def around_number(properties: Properties, name: bytes) -> tuple[bytes, bytes]:
    """What stands before and behind a number that the header `name` (at most 255 bytes) is to have.

    A header of that name is left out, whoever set it.
    In a malformed table, which is passed on, nothing is looked for.
    Spec: 2.3.5.2 (content header), 2.2.5.9 (field tables); l is RabbitMQ's signed 64-bit integer.
    """
    assert len(name) <= 255
    entry = bytes((len(name),)) + name + _LONG
    if properties.headers_end:
        entries = header_entries(properties)
        if entries and any(one.key == name for one in entries):
            properties = rewritten(properties, b"".join(one.raw for one in entries if one.key != name))
        raw, start, end = properties.raw, properties.headers_start, properties.headers_end
        return raw[:start] + _size(end - start - 4 + len(entry)) + raw[start + 4 : end] + entry, raw[end:]
    raw, start = properties.raw, _headers_place(properties)
    flags = (properties.flags | HEADERS).to_bytes(2, "big")
    return flags + raw[2:start] + _size(len(entry)) + entry, raw[start:]


def _size(before_bytes: int) -> bytes:
    return (before_bytes + NUMBER_BYTES).to_bytes(4, "big")


def _headers_place(properties: Properties) -> int:
    """Where a header table would stand in a list that has none."""
    raw, place = properties.raw, 2
    for flag in (CONTENT_TYPE, CONTENT_ENCODING):
        if properties.flags & flag:
            place += 1 + raw[place]
    return place
