"""The x-consistent-hash exchange type: every message goes to one target, by a hash; a binding's key is its weight.

Must not: spread two messages with the same value, or depend on the order of bindings: a restart may change that.
Spec: RabbitMQ's consistent hash exchange plugin.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import ClassVar, Final

from broker.routing.binding import Binding, Target
from broker.routing.hashing import hashed, weighted, wish
from broker.routing.terms import encode_term, print_term
from protocol.constants import PRECONDITION_FAILED
from protocol.errors import ChannelException

HASH_HEADER: Final = "hash-header"
HASH_PROPERTY: Final = "hash-property"
PROPERTIES: Final = ("correlation_id", "message_id", "timestamp")
CHOICES_KEPT_MAX: Final = 16_384
CHOICE_BYTES_MAX: Final = 255  # a longer value is hashed each time
ABSENT: Final = b"\x00absent"  # messages without the header or property go one way, together
_INTEGER: Final = re.compile(r"[+-]?[0-9]+", re.ASCII)


def read_weight(routing_key: str) -> int:
    """A binding's weight.

    Raises: ChannelException 406 with the plugin's text for anything but a number above 0.
    """
    if not _INTEGER.fullmatch(routing_key):
        shown = print_term(routing_key.encode("utf-8", "surrogateescape"))
        raise ChannelException(PRECONDITION_FAILED, f"The binding key must be an integer: {shown}")
    weight = int(routing_key)
    if weight < 1:
        raise ChannelException(PRECONDITION_FAILED, "The binding key must be greater than 0")
    return weight


class _Bucket:
    """A target with all its bindings; the largest of their weights counts."""

    __slots__ = ("target", "weights")

    def __init__(self, target: Target) -> None:
        self.target: Final = target
        self.weights: dict[Binding, int] = {}


def _identity(row: tuple[str, _Bucket]) -> str:
    return row[0]


class ConsistentHashMatcher:
    """Gives each value to the target that wants it most."""

    __slots__ = ("_buckets", "_choices", "_header", "_is_even", "_is_stale", "_seeds", "_targets", "_weights",
                 "uses_headers", "uses_property")  # fmt: skip
    picks_one: ClassVar[bool] = True
    varies: ClassVar[bool] = False

    def __init__(self, arguments: Mapping[str, object]) -> None:
        """Raises: ChannelException 406 with the plugin's texts for arguments that contradict themselves."""
        header, name = arguments.get(HASH_HEADER), arguments.get(HASH_PROPERTY)
        if header is not None and name is not None:
            raise ChannelException(PRECONDITION_FAILED, "hash-header and hash-property are mutually exclusive")
        if name is not None and name not in PROPERTIES:
            raise ChannelException(PRECONDITION_FAILED, f"Unsupported property: {name}")
        self._header = header
        self._buckets: dict[str, _Bucket] = {}
        self._choices: dict[bytes, Target] = {}
        self._seeds: list[int] = []  # by target, in the order of their names, as the next two
        self._weights: list[float] = []
        self._targets: list[Target] = []
        self._is_even = True  # all weights are the same
        self._is_stale = False  # bindings have changed since
        self.uses_headers = header is not None
        self.uses_property = "" if name is None else str(name)

    def add(self, binding: Binding, target: Target) -> None:
        """Take a binding that is not there yet. Raises: ChannelException 406 where its key is no weight."""
        weight = read_weight(binding.routing_key)
        identity = f"{binding.destination_kind}/{binding.destination}"
        bucket = self._buckets.get(identity)
        if bucket is None:
            bucket = self._buckets[identity] = _Bucket(target)
        bucket.weights[binding] = weight
        self._is_stale = True

    def remove(self, binding: Binding, target: Target) -> None:  # noqa: ARG002
        """Forget a binding that is there."""
        identity = f"{binding.destination_kind}/{binding.destination}"
        bucket = self._buckets[identity]
        del bucket.weights[binding]
        if not bucket.weights:
            del self._buckets[identity]
        self._is_stale = True

    def _arrange(self) -> None:
        rows = sorted(self._buckets.items(), key=_identity)
        self._seeds = [hashed(identity.encode("utf-8", "surrogateescape")) for identity, _ in rows]
        self._weights = [float(max(bucket.weights.values())) for _, bucket in rows]
        self._targets = [bucket.target for _, bucket in rows]
        self._is_even = len(set(self._weights)) < 2
        self._choices.clear()
        self._is_stale = False

    def match(self, routing_key: str, headers: Mapping[str, object]) -> Collection[Target]:
        """The one target for this routing key, header or property."""
        if self._is_stale:
            self._arrange()
        value = self._value(routing_key, headers)
        chosen = self._choices.get(value)
        if chosen is None:
            if not self._targets:
                return ()
            chosen = self._choose(hashed(value))
            if len(value) <= CHOICE_BYTES_MAX:
                if len(self._choices) >= CHOICES_KEPT_MAX:
                    self._choices.clear()
                self._choices[value] = chosen
        return (chosen,)

    def _value(self, routing_key: str, headers: Mapping[str, object]) -> bytes:
        if self.uses_property:
            found = headers.get(self.uses_property)
            return found if isinstance(found, bytes) else ABSENT
        if self.uses_headers:
            name = str(self._header)
            return encode_term({"": headers[name]}) if name in headers else ABSENT
        return routing_key.encode("utf-8", "surrogateescape")

    def _choose(self, value: int) -> Target:
        """Of equal wishes the first one's, in the order of names."""
        at, best, chosen = 0, -1, 0
        if self._is_even:
            for seed in self._seeds:
                wished = wish(seed, value)
                if wished > best:
                    best, chosen = wished, at
                at += 1
            return self._targets[chosen]
        highest = -1.0
        for seed in self._seeds:
            scored = weighted(wish(seed, value), self._weights[at])
            if scored > highest:
                highest, chosen = scored, at
            at += 1
        return self._targets[chosen]
