"""A binding and what every exchange type's matcher offers: the words that the matchers and the exchange share.

Must not: know exchange types or walk from one exchange to the next.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Collection, Mapping
from typing import Final, Literal, Protocol
from urllib.parse import quote_plus

from broker.routing.terms import encode_term, frozen_table

DestinationKind = Literal["queue", "exchange"]


class Target(Protocol):
    """Where a binding leads: a queue or an exchange."""

    @property
    def name(self) -> str: ...


class Binding:
    """One rule of one exchange; equal to another when all five parts are (never changed once made)."""

    __slots__ = ("_hash", "_identity", "arguments", "destination", "destination_kind", "routing_key", "source")

    def __init__(
        self,
        source: str,
        destination: str,
        destination_kind: DestinationKind,
        routing_key: str,
        arguments: dict[str, object],
    ) -> None:
        self.source: Final = source
        self.destination: Final = destination
        self.destination_kind: Final[DestinationKind] = destination_kind
        self.routing_key: Final = routing_key
        self.arguments: Final = arguments
        self._identity: Final = (source, destination, destination_kind, routing_key, frozen_table(arguments))
        self._hash: Final = hash(self._identity)

    @property
    def properties_key(self) -> str:
        """The name of this binding in RabbitMQ's HTTP API: routing key, or `key~hash` when there are arguments."""
        key = _quote(self.routing_key)
        if self.arguments:
            digest = hashlib.md5(encode_term(self.arguments), usedforsecurity=False).digest()
            return f"{key}~{base64.urlsafe_b64encode(digest).decode('ascii').rstrip('=')}"
        return key or "~"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Binding) and self._hash == other._hash and self._identity == other._identity

    def __hash__(self) -> int:
        return self._hash

    def __repr__(self) -> str:
        return f"Binding{self._identity!r}"


class Matcher(Protocol):
    """The part of an exchange that its type decides.

    `uses_headers` says whether `match` looks at headers, so that its answer depends on more than the routing key.
    `uses_property` names the one property that it looks at instead (empty: none). `picks_one` says that it is asked
    once for a message, however many keys that has; `varies` that messages which are alike may go different ways.
    """

    @property
    def uses_headers(self) -> bool: ...
    @property
    def uses_property(self) -> str: ...
    @property
    def picks_one(self) -> bool: ...
    @property
    def varies(self) -> bool: ...

    def add(self, binding: Binding, target: Target) -> None:
        """Take a binding that is not there yet. Raises: ChannelException where its arguments are refused."""

    def remove(self, binding: Binding, target: Target) -> None:
        """Forget a binding that is there."""

    def match(self, routing_key: str, headers: Mapping[str, object]) -> Collection[Target]:
        """The targets of all bindings that match, one of them perhaps more than once; read it before any change."""


def _quote(text: str) -> str:
    return quote_plus(text.encode("utf-8", "surrogateescape")).replace("~", "%7E")
