"""The topic matcher against a naive one, RabbitMQ 3.10.8's answers, and its bound on work."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.routing.topic import TopicMatcher
from tests.broker.routing.support import NamedQueue, add, naive_topic, names

PATTERNS = ["", "*", "#", "a.*", "a.#", "#.#", "*.*", "a.", ".", "#.", "*.#", "#.*", "a..b", "a.*.b", "#.b.#", "a.#.b"]
PATTERNS += ["##", "a*"]
# Key to the patterns that matched it on RabbitMQ 3.10.8.
OBSERVED = {
    "": ["", "#", "#.#"],
    "a": ["*", "#", "a.#", "#.#", "*.#", "#.*"],
    "a.": ["#", "a.*", "a.#", "#.#", "*.*", "a.", "#.", "*.#", "#.*"],
    ".": ["#", "#.#", "*.*", ".", "#.", "*.#", "#.*"],
    "a.b": ["#", "a.*", "a.#", "#.#", "*.*", "*.#", "#.*", "#.b.#", "a.#.b"],
    "a..b": ["#", "a.#", "#.#", "*.#", "#.*", "a..b", "a.*.b", "#.b.#", "a.#.b"],
    ".a": ["#", "#.#", "*.*", "*.#", "#.*"],
    "..": ["#", "#.#", "#.", "*.#", "#.*"],
    "#": ["*", "#", "#.#", "*.#", "#.*"],
    "*": ["*", "#", "#.#", "*.#", "#.*"],
    "##": ["*", "#", "#.#", "*.#", "#.*", "##"],
    "a*": ["*", "#", "#.#", "*.#", "#.*", "a*"],
}
patterns = st.lists(st.sampled_from(["a", "b", "", "*", "#"]), max_size=6).map(".".join)
keys = st.lists(st.sampled_from(["a", "b", "", "*", "#"]), max_size=7).map(".".join)


@pytest.mark.parametrize("key", OBSERVED)
def test_matches_as_rabbitmq_was_seen_to(key: str) -> None:
    matcher = TopicMatcher()
    for pattern in PATTERNS:
        add(matcher, pattern, queue=pattern)
    assert names(matcher, key) == set(OBSERVED[key])


@given(st.lists(patterns, max_size=12, unique=True), st.data(), keys)
def test_agrees_with_the_naive_matcher_after_removals(bound: list[str], data: st.DataObject, key: str) -> None:
    matcher = TopicMatcher()
    made = {pattern: add(matcher, pattern, queue=pattern) for pattern in bound}
    gone = data.draw(st.sets(st.sampled_from(bound))) if bound else set()
    for pattern in gone:
        matcher.remove(made[pattern], NamedQueue(pattern))
    assert names(matcher, key) == {p for p in bound if p not in gone and naive_topic(p, key)}


def test_an_emptied_trie_keeps_no_nodes() -> None:
    matcher = TopicMatcher()
    made = [add(matcher, pattern, queue=pattern) for pattern in ("a.#.b.*", "a.#", "#.#.x")]
    for one in made:
        matcher.remove(one, NamedQueue("q"))
    before = matcher.visited
    matcher.match("a.b.c.d.x", {})
    assert matcher.visited - before == 1  # the root


def test_work_does_not_grow_with_bindings_that_do_not_match() -> None:
    matcher = TopicMatcher()
    for pattern in ("stock.#.usd", "stock.*.nyse.usd", "#"):
        add(matcher, pattern, queue=pattern)
    matcher.match("stock.ibm.nyse.usd", {})
    alone = matcher.visited
    for number in range(5_000):
        add(matcher, f"other{number}.a", queue="n")
        add(matcher, f"stock.ibm.other{number}", queue="n")
        add(matcher, f"stock.ibm.nyse.usd.{number}", queue="n")
        add(matcher, f"stock.#.other{number}.#", queue="n")
    matcher.visited = 0
    assert names(matcher, "stock.ibm.nyse.usd") == {"stock.#.usd", "stock.*.nyse.usd", "#"}
    assert matcher.visited <= alone + 5  # the shared prefix stock.ibm.nyse.usd, not the 20,000 ends


def test_many_any_words_stay_polynomial() -> None:
    matcher = TopicMatcher()
    depth = 20
    add(matcher, ".".join(["#", "a"] * depth) + ".b")
    words = 100
    assert names(matcher, ".".join(["a"] * words)) == set()
    assert matcher.visited <= (words + 1) * (2 * depth + 2)


def test_a_key_of_the_longest_size_does_not_recurse() -> None:
    matcher = TopicMatcher()
    longest = "." * 255
    add(matcher, longest)
    assert names(matcher, longest) == {"q"}
