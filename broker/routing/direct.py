"""The direct exchange type: the routing key equals the binding key.

Must not: look at headers. Spec: 3.1.3.1.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import ClassVar

from broker.routing.binding import Binding, Target


class DirectMatcher:
    """Finds bindings in one dictionary look-up."""

    __slots__ = ("_by_key",)
    uses_headers: ClassVar[bool] = False
    uses_property: ClassVar[str] = ""
    picks_one: ClassVar[bool] = False
    varies: ClassVar[bool] = False

    def __init__(self) -> None:
        self._by_key: dict[str, dict[Binding, Target]] = {}

    def add(self, binding: Binding, target: Target) -> None:
        """Take a binding that is not there yet."""
        self._by_key.setdefault(binding.routing_key, {})[binding] = target

    def remove(self, binding: Binding, target: Target) -> None:  # noqa: ARG002
        """Forget a binding that is there."""
        bucket = self._by_key[binding.routing_key]
        del bucket[binding]
        if not bucket:
            del self._by_key[binding.routing_key]

    def match(self, routing_key: str, headers: Mapping[str, object]) -> Collection[Target]:  # noqa: ARG002
        """The targets bound with exactly this key."""
        bucket = self._by_key.get(routing_key)
        return () if bucket is None else bucket.values()
