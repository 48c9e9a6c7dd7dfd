"""Helpers of the routing tests: a queue that is only a name, and matchers as naive as the rules read."""

from __future__ import annotations

from collections.abc import Mapping

from broker.routing.exchange import Binding, Matcher

NO_HEADERS: dict[str, object] = {}


class NamedQueue:
    """A destination that is only a name."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"NamedQueue({self.name!r})"


def binding(key: str = "", arguments: dict[str, object] | None = None, queue: str = "q") -> Binding:
    return Binding("x", queue, "queue", key, arguments or {})


def add(matcher: Matcher, key: str = "", arguments: dict[str, object] | None = None, queue: str = "q") -> Binding:
    made = binding(key, arguments, queue)
    matcher.add(made, NamedQueue(queue))
    return made


def names(matcher: Matcher, key: str = "", headers: Mapping[str, object] = NO_HEADERS) -> set[str]:
    return {target.name for target in matcher.match(key, headers)}


def no_headers() -> Mapping[str, object]:
    raise AssertionError("headers were asked for without a headers exchange on the way")


def naive_topic(pattern: str, key: str) -> bool:
    def fits(rules: list[str], words: list[str]) -> bool:
        if not rules:
            return not words
        if rules[0] == "#":
            return any(fits(rules[1:], words[skip:]) for skip in range(len(words) + 1))
        return bool(words) and rules[0] in ("*", words[0]) and fits(rules[1:], words[1:])

    return fits(pattern.split(".") if pattern else [], key.split(".") if key else [])


def naive_headers(arguments: Mapping[str, object], headers: Mapping[str, object]) -> bool:
    mode = str(arguments.get("x-match", "all"))
    wanted = {k: v for k, v in arguments.items() if k != "x-match" and ("with-x" in mode or not k.startswith("x-"))}
    met = [k in headers and (v is None or naive_equal(v, headers[k])) for k, v in wanted.items()]
    return all(met) if mode.startswith("all") else any(met)


def naive_equal(one: object, other: object) -> bool:
    """RabbitMQ 3.10's comparison, for scalars: numbers and octets by value, booleans only with booleans."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    return octets(one) == octets(other)


def octets(value: object) -> object:
    return value.encode() if isinstance(value, str) else value
