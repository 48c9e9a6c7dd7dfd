"""x-random: one binding drawn for every message."""

from __future__ import annotations

from collections import Counter
from random import Random

from broker.routing.random_choice import RandomMatcher
from tests.broker.routing.support import NamedQueue, add, names


def test_every_binding_is_as_likely() -> None:
    matcher = RandomMatcher(Random(7).randrange)
    for key, queue in (("1", "a"), ("2", "a"), ("", "b"), ("", "c")):
        add(matcher, key, queue=queue)
    got = Counter(target.name for _ in range(8000) for target in matcher.match("any", {}))
    assert sum(got.values()) == 8000
    assert abs(got["a"] - 4000) < 300
    assert abs(got["b"] - 2000) < 300


def test_what_is_unbound_is_never_drawn_again() -> None:
    drawn: list[int] = []
    matcher = RandomMatcher(lambda count: drawn.append(count) or 0)  # type: ignore[func-returns-value]
    added = [add(matcher, "", queue=queue) for queue in "abc"]
    assert names(matcher) == {"a"}
    matcher.remove(added[0], NamedQueue("a"))
    assert names(matcher) == {"c"}  # the last one has its place
    matcher.remove(added[2], NamedQueue("c"))
    assert names(matcher) == {"b"}
    matcher.remove(added[1], NamedQueue("b"))
    assert names(matcher) == set()
    assert drawn == [3, 2, 1]
