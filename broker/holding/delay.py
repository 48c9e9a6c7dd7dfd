"""The header `x-delay` of the exchange type `x-delayed-message`, and what a message looks like when it is let go.

Must not: hold or publish anything.
"""

from __future__ import annotations

from typing import Final

from broker.holding.ticket import DELAY, RETRY, Ticket
from broker.holding.times import X_DELAY, as_delay_ms, find_header, value_at
from broker.model.message import Batch
from protocol.properties import Properties

_NAME: Final = X_DELAY.encode()
_LONG: Final = b"l"


def negated(properties: Properties) -> Properties:
    """The same properties with the delay negated, as the plugin marks what it has delayed: all else keeps its bytes."""
    start, end = find_header(properties, _NAME)
    if start == end:
        return properties
    raw, table = properties.raw, properties.headers_start + 4
    delay_ms = as_delay_ms(value_at(raw, start + 1 + len(_NAME), end))
    entry = bytes([len(_NAME)]) + _NAME + _LONG + (-delay_ms).to_bytes(8, "big", signed=True)
    entries = raw[table:start] + entry + raw[end : properties.headers_end]
    return Properties(raw[: table - 4] + len(entries).to_bytes(4, "big") + entries + raw[properties.headers_end :])


def copies_of(properties: Properties) -> list[str]:
    """The further routing keys in CC, which the publisher's channel has checked; those of BCC it has taken away."""
    if not properties.may_copy:
        return []
    keys = properties.headers().get("CC")
    return [key for key in keys if isinstance(key, str)] if isinstance(keys, list) else []


def as_released(held: Batch, start: int, stop: int, ticket: Ticket, now_ms: int) -> Batch:
    """Messages `start..stop` of a held batch as they are published when they are due.

    A refused message keeps what it had left to live, and its deliveries.
    """
    properties = negated(held.properties) if ticket.reason == DELAY else held.properties
    expiration_ms = held.expiration_ms
    if ticket.reason == RETRY:
        expiration_ms = max(0, ticket.expires_ms - now_ms) if ticket.expires_ms else -1
    batch = Batch(held.address, properties, held.bodies[start:stop], expiration_ms)
    batch.deliveries = ticket.deliveries
    return batch
