"""The fanout exchange type: every binding matches.

Must not: look at routing keys or headers. Spec: 3.1.3.2.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import ClassVar

from broker.routing.binding import Binding, Target


class FanoutMatcher:
    """Hands out all its targets."""

    __slots__ = ("_targets",)
    uses_headers: ClassVar[bool] = False
    uses_property: ClassVar[str] = ""
    picks_one: ClassVar[bool] = False
    varies: ClassVar[bool] = False

    def __init__(self) -> None:
        self._targets: dict[Binding, Target] = {}

    def add(self, binding: Binding, target: Target) -> None:
        """Take a binding that is not there yet."""
        self._targets[binding] = target

    def remove(self, binding: Binding, target: Target) -> None:  # noqa: ARG002
        """Forget a binding that is there."""
        del self._targets[binding]

    def match(self, routing_key: str, headers: Mapping[str, object]) -> Collection[Target]:  # noqa: ARG002
        """All targets."""
        return self._targets.values()
