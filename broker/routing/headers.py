"""The headers exchange type: a binding's arguments are compared with the message's headers.

Must not: look at routing keys. Spec: 3.1.3.4; RabbitMQ's `any-with-x` and `all-with-x`.

An `all` binding waits under one of its conditions, an `any` binding under each of its own, so that a message only
meets bindings of which it meets a condition. Values are compared as `terms.compared` says; a binding's void value asks
for the header's presence only.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import ClassVar, Final

from broker.routing.binding import Binding, Target
from broker.routing.terms import compared, field_type, print_term
from protocol.constants import PRECONDITION_FAILED
from protocol.errors import ChannelException

MATCH_KEY = "x-match"
MATCH_MODES: Final = ("all", "any", "all-with-x", "any-with-x")
IGNORED_PREFIX = "x-"


class _Condition:
    """A header that has to be there, with one value unless `any_value`."""

    __slots__ = ("any_value", "key", "value")

    def __init__(self, key: str, given: object) -> None:
        self.key: Final = key
        self.any_value: Final = given is None
        self.value: Final = compared(given)

    def holds(self, headers: Mapping[str, object]) -> bool:
        if self.key not in headers:
            return False
        return self.any_value or compared(headers[self.key]) == self.value


class _Rule:
    """A binding read once: its conditions, how many it needs, and those it waits under."""

    __slots__ = ("anchors", "conditions", "needs_all", "target")

    def __init__(self, binding: Binding, target: Target) -> None:
        mode = read_match_mode(binding.arguments)
        self.target: Final = target
        self.needs_all: Final = mode.startswith("all")
        self.conditions: Final = _conditions(binding.arguments, mode.endswith("-with-x"))
        self.anchors: list[_Condition] = []

    def holds(self, headers: Mapping[str, object]) -> bool:
        """Whether a message that meets one of the anchors matches."""
        return not self.needs_all or all(condition.holds(headers) for condition in self.conditions)


class _Waiting:
    """The rules that wait under one header: by its value, or for its presence."""

    __slots__ = ("by_value", "present")

    def __init__(self) -> None:
        self.by_value: dict[object, dict[Binding, _Rule]] = {}
        self.present: dict[Binding, _Rule] = {}

    def bucket(self, condition: _Condition) -> dict[Binding, _Rule]:
        return self.present if condition.any_value else self.by_value.setdefault(condition.value, {})

    def drop(self, condition: _Condition, binding: Binding) -> None:
        bucket = self.bucket(condition)
        del bucket[binding]
        if not bucket and not condition.any_value:
            del self.by_value[condition.value]


class HeadersMatcher:
    """Finds rules through their anchors; `visited` counts the rules that matches have looked at."""

    __slots__ = ("_always", "_rules", "_waiting", "visited")
    uses_headers: ClassVar[bool] = True
    uses_property: ClassVar[str] = ""
    picks_one: ClassVar[bool] = False
    varies: ClassVar[bool] = False

    def __init__(self) -> None:
        self._rules: dict[Binding, _Rule] = {}
        self._always: dict[Binding, Target] = {}
        self._waiting: dict[str, _Waiting] = {}
        self.visited = 0

    def add(self, binding: Binding, target: Target) -> None:
        """Take a binding that is not there yet. Raises: ChannelException 406 for an invalid `x-match`."""
        rule = _Rule(binding, target)
        self._rules[binding] = rule
        if not rule.conditions:
            if rule.needs_all:
                self._always[binding] = target
            return
        rule.anchors = [min(rule.conditions, key=self._crowding)] if rule.needs_all else rule.conditions
        for anchor in rule.anchors:
            self._waiting.setdefault(anchor.key, _Waiting()).bucket(anchor)[binding] = rule

    def remove(self, binding: Binding, target: Target) -> None:  # noqa: ARG002
        """Forget a binding that is there."""
        rule = self._rules.pop(binding)
        self._always.pop(binding, None)
        for anchor in rule.anchors:
            waiting = self._waiting[anchor.key]
            waiting.drop(anchor, binding)
            if not waiting.by_value and not waiting.present:
                del self._waiting[anchor.key]

    def match(self, routing_key: str, headers: Mapping[str, object]) -> Collection[Target]:  # noqa: ARG002
        """The targets of all bindings that these headers satisfy."""
        found = list(self._always.values())
        for key, value in headers.items():
            waiting = self._waiting.get(key)
            if waiting is None:
                continue
            for bucket in (waiting.by_value.get(compared(value)), waiting.present):
                if bucket:
                    self.visited += len(bucket)
                    found.extend([rule.target for rule in bucket.values() if rule.holds(headers)])
        return found

    def _crowding(self, condition: _Condition) -> tuple[bool, int]:
        """Sort key of a condition as an anchor: one with a value first, then the one under which fewest rules wait."""
        waiting = self._waiting.get(condition.key)
        if waiting is None:
            return condition.any_value, 0
        bucket = waiting.present if condition.any_value else waiting.by_value.get(condition.value)
        return condition.any_value, len(bucket) if bucket else 0


def read_match_mode(arguments: Mapping[str, object]) -> str:
    """A binding's `x-match`, `all` where there is none.

    Raises: ChannelException 406 with RabbitMQ's text for anything but the four modes.
    """
    if MATCH_KEY not in arguments:
        return "all"
    mode = arguments[MATCH_KEY]
    if not isinstance(mode, str):
        text = f"type {field_type(mode)} (value {print_term(mode)}); expected longstr"
        raise ChannelException(PRECONDITION_FAILED, f"Invalid x-match field {text}")
    if mode not in MATCH_MODES:
        text = f"value {print_term(mode)}; expected all, any, all-with-x, or any-with-x"
        raise ChannelException(PRECONDITION_FAILED, f"Invalid x-match field {text}")
    return mode


def _conditions(arguments: Mapping[str, object], with_x: bool) -> list[_Condition]:
    return [
        _Condition(key, value)
        for key, value in arguments.items()
        if key != MATCH_KEY and (with_x or not key.startswith(IGNORED_PREFIX))
    ]
