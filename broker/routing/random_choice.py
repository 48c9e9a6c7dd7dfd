"""The x-random exchange type: every message goes to one target, chosen by lot, however often its like came before.

Must not: look at keys or headers. Spec: RabbitMQ's random exchange plugin.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from random import randrange
from typing import ClassVar

from broker.routing.binding import Binding, Target


class RandomMatcher:
    """Draws one of its bindings; a target with two of them is drawn twice as often as one with one."""

    __slots__ = ("_draw", "_places", "_rows")
    uses_headers: ClassVar[bool] = False
    uses_property: ClassVar[str] = ""
    picks_one: ClassVar[bool] = True
    varies: ClassVar[bool] = True

    def __init__(self, draw: Callable[[int], int] = randrange) -> None:
        """Args: draw gives a number from 0 up to its argument, each as likely."""
        self._draw = draw
        self._rows: list[tuple[Binding, Target]] = []
        self._places: dict[Binding, int] = {}

    def add(self, binding: Binding, target: Target) -> None:
        """Take a binding that is not there yet."""
        self._places[binding] = len(self._rows)
        self._rows.append((binding, target))

    def remove(self, binding: Binding, target: Target) -> None:  # noqa: ARG002
        """Forget a binding that is there; the last one takes its place."""
        place = self._places.pop(binding)
        last = self._rows.pop()
        if place < len(self._rows):
            self._rows[place] = last
            self._places[last[0]] = place

    def match(self, routing_key: str, headers: Mapping[str, object]) -> Collection[Target]:  # noqa: ARG002
        """One target."""
        rows = self._rows
        return (rows[self._draw(len(rows))][1],) if rows else ()
