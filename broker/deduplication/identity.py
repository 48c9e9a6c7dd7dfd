"""What tells a message from another one: its header `x-deduplication-header`. Must not: remember who came before."""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

from broker.model.arguments import TIMER_MS_MAX
from broker.routing.terms import encode_term
from protocol.properties import NO_PROPERTIES, Properties

HEADER: Final = "x-deduplication-header"
TTL_HEADER: Final = "x-cache-ttl"
IDENTITY_BYTES: Final = 16
NO_TTL: Final = 0
_HEADER_BYTES: Final = HEADER.encode()


def identity_of(value: object) -> bytes:
    """A header's value and type as so many bytes that two values share them by a chance nobody has to reckon with."""
    return blake2b(encode_term({"": value}), digest_size=IDENTITY_BYTES).digest()


class Reader:
    """Reads identities; messages of one run share their properties, which are decoded once."""

    __slots__ = ("_identity", "_properties", "_ttl_ms")

    def __init__(self) -> None:
        self._properties: Properties = NO_PROPERTIES
        self._identity: bytes | None = None
        self._ttl_ms = NO_TTL

    def identity(self, properties: Properties) -> bytes | None:
        """The identity of a message; None where it has none."""
        if properties is not self._properties:
            self._read(properties)
        return self._identity

    def ttl_ms(self, properties: Properties) -> int:
        """For how long the message wants to be the only one of its identity; NO_TTL where it does not say."""
        if properties is not self._properties:
            self._read(properties)
        return self._ttl_ms

    def _read(self, properties: Properties) -> None:
        self._properties, self._identity, self._ttl_ms = properties, None, NO_TTL
        if not properties.headers_end or _HEADER_BYTES not in properties.raw:
            return
        headers = properties.headers()
        if HEADER in headers:
            self._identity = identity_of(headers[HEADER])
            ttl = headers.get(TTL_HEADER)
            if isinstance(ttl, int) and not isinstance(ttl, bool) and ttl > 0:
                self._ttl_ms = min(ttl, TIMER_MS_MAX)
