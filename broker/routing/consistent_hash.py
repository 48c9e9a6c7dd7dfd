"""The x-consistent-hash exchange type: every message goes to one target, by a hash; a binding's key is its weight.

Must not: spread two messages with the same value, or depend on the order of bindings: a restart may change that.
Spec: RabbitMQ's consistent hash exchange plugin.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import ClassVar, Final

from broker.routing.binding import Binding, Target
from broker.routing.hashing import hash64, score
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

    __slots__ = ("seed", "target", "weight", "weights")

    def __init__(self, identity: str, target: Target) -> None:
        self.seed: Final = hash64(identity.encode("utf-8", "surrogateescape"))
        self.target: Final = target
        self.weights: dict[Binding, int] = {}
        self.weight = 0.0

    def weigh(self) -> None:
        self.weight = float(max(self.weights.values(), default=0))


class ConsistentHashMatcher:
    """Gives each value to the target that wants it most."""

    __slots__ = ("_buckets", "_choices", "_header", "uses_headers", "uses_property")
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
        self.uses_headers = header is not None
        self.uses_property = "" if name is None else str(name)

    def add(self, binding: Binding, target: Target) -> None:
        """Take a binding that is not there yet. Raises: ChannelException 406 where its key is no weight."""
        weight = read_weight(binding.routing_key)
        identity = f"{binding.destination_kind}/{binding.destination}"
        bucket = self._buckets.get(identity)
        if bucket is None:
            bucket = self._buckets[identity] = _Bucket(identity, target)
        bucket.weights[binding] = weight
        bucket.weigh()
        self._choices.clear()

    def remove(self, binding: Binding, target: Target) -> None:  # noqa: ARG002
        """Forget a binding that is there."""
        identity = f"{binding.destination_kind}/{binding.destination}"
        bucket = self._buckets[identity]
        del bucket.weights[binding]
        bucket.weigh()
        if not bucket.weights:
            del self._buckets[identity]
        self._choices.clear()

    def match(self, routing_key: str, headers: Mapping[str, object]) -> Collection[Target]:
        """The one target for this routing key, header or property."""
        value = self._value(routing_key, headers)
        chosen = self._choices.get(value)
        if chosen is None:
            if not self._buckets:
                return ()
            chosen = self._choose(hash64(value))
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
        best, chosen = -1.0, ""
        for identity, bucket in self._buckets.items():
            wish = score(bucket.seed, value, bucket.weight)
            if wish > best or (wish == best and identity < chosen):
                best, chosen = wish, identity
        return self._buckets[chosen].target
