"""The x-modulus-hash exchange type: the routing key's hash, modulo the number of bindings, is the place of its binding.

Must not: look at headers. Every change of the bindings moves most keys; x-consistent-hash moves few.
Spec: RabbitMQ's sharding plugin.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Collection, Mapping
from typing import ClassVar, Final

from broker.routing.binding import Binding, Target
from broker.routing.hashing import hashed


class _Row:
    """A binding in its place, which does not depend on when it came."""

    __slots__ = ("place", "target")

    def __init__(self, binding: Binding, target: Target) -> None:
        self.place: Final = (
            binding.destination_kind, binding.destination, binding.routing_key, binding.properties_key,
        )  # fmt: skip
        self.target: Final = target

    def __lt__(self, other: _Row) -> bool:
        return self.place < other.place


class ModulusHashMatcher:
    """Counts through its bindings in a fixed order."""

    __slots__ = ("_rows",)
    uses_headers: ClassVar[bool] = False
    uses_property: ClassVar[str] = ""
    picks_one: ClassVar[bool] = True
    varies: ClassVar[bool] = False

    def __init__(self) -> None:
        self._rows: list[_Row] = []

    def add(self, binding: Binding, target: Target) -> None:
        """Take a binding that is not there yet."""
        insort(self._rows, _Row(binding, target))

    def remove(self, binding: Binding, target: Target) -> None:
        """Forget a binding that is there."""
        self._rows.pop(bisect_left(self._rows, _Row(binding, target)))

    def match(self, routing_key: str, headers: Mapping[str, object]) -> Collection[Target]:  # noqa: ARG002
        """One target."""
        rows = self._rows
        if not rows:
            return ()
        return (rows[hashed(routing_key.encode("utf-8", "surrogateescape")) % len(rows)].target,)
