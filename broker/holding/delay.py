"""What becomes of headers that say when a message is due: `x-delay`, and those that policies name.

Must not: hold or publish anything.
"""

from __future__ import annotations

from typing import Final

from broker.holding.ticket import DELAY, ETA, RETRY, Ticket
from broker.holding.times import X_DELAY, as_delay_ms, find_header, time_of, value_at
from broker.model.message import Batch
from protocol.properties import Properties
from protocol.tables import decode_table

_NAME: Final = X_DELAY.encode()
_LONG: Final = b"l"
_VOID: Final = b"V"


def negated(properties: Properties) -> Properties:
    """The same properties with the delay negated, as the plugin marks what it has delayed: all else keeps its bytes."""
    start, end = find_header(properties, _NAME)
    if start == end:
        return properties
    delay_ms = as_delay_ms(value_at(properties.raw, start + 1 + len(_NAME), end))
    return _replaced(properties, start, end, _NAME, _LONG + (-delay_ms).to_bytes(8, "big", signed=True))


def voided(properties: Properties, name: bytes) -> Properties:
    """The same properties with a header that says nothing any more: its value is void."""
    start, end = find_header(properties, name)
    return properties if start == end else _replaced(properties, start, end, name, _VOID)


def _replaced(properties: Properties, start: int, end: int, name: bytes, value: bytes) -> Properties:
    """The same properties with another value, given with its type, in the place of an entry of that name."""
    raw, table = properties.raw, properties.headers_start + 4
    entries = raw[table:start] + bytes([len(name)]) + name + value + raw[end : properties.headers_end]
    changed = raw[: table - 4] + len(entries).to_bytes(4, "big") + entries + raw[properties.headers_end :]
    return Properties(changed, properties.hidden)


def copies_of(properties: Properties) -> list[str]:
    """The further routing keys in CC and BCC, which the publisher's channel has checked."""
    keys: list[str] = []
    if properties.may_copy:
        keys += _texts(properties.headers().get("CC"))
    if properties.hidden:
        hidden = len(properties.hidden).to_bytes(4, "big") + properties.hidden
        keys += [key for value in decode_table(hidden).values() for key in _texts(value)]
    return keys


def _texts(value: object) -> list[str]:
    return [text for text in value if isinstance(text, str)] if isinstance(value, list) else []


def as_released(held: Batch, start: int, stop: int, ticket: Ticket, now_ms: int) -> Batch:
    """Messages `start..stop` of a held batch as they are published when they are due.

    A refused message keeps what it had left to live, and its deliveries. One that is let go before its time says no
    time any more: whoever gets it would hold it himself.
    """
    properties, expiration_ms = held.properties, held.expiration_ms
    if ticket.reason == DELAY:
        properties = negated(properties)
    elif ticket.reason == ETA and ticket.copies:
        header = ticket.copies[0].encode()
        properties = voided(properties, header) if time_of(properties, header) > now_ms else properties
    if ticket.reason == RETRY:
        expiration_ms = max(0, ticket.expires_ms - now_ms) if ticket.expires_ms else -1
    batch = Batch(held.address, properties, held.bodies[start:stop], expiration_ms)
    batch.deliveries = ticket.deliveries
    return batch
