"""x-consistent-hash and x-modulus-hash: the same key the same way, even shares by weight, few moves."""

from __future__ import annotations

import itertools
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.routing.consistent_hash import CHOICE_BYTES_MAX, CHOICES_KEPT_MAX, ConsistentHashMatcher, read_weight
from broker.routing.hashing import hashed, weighted, wish
from broker.routing.modulus_hash import ModulusHashMatcher
from protocol.errors import ChannelException
from tests.broker.routing.support import NamedQueue, add, binding

KEYS = [f"key-{number}" for number in range(1000)]
Weights = dict[str, int]
weights = st.dictionaries(st.text("abcdefgh", min_size=1, max_size=3), st.integers(1, 5), min_size=1, max_size=6)


def made(of: Weights, arguments: dict[str, object] | None = None) -> ConsistentHashMatcher:
    matcher = ConsistentHashMatcher(arguments or {})
    for queue, weight in of.items():
        add(matcher, str(weight), queue=queue)
    return matcher


def way(matcher: ConsistentHashMatcher | ModulusHashMatcher, key: str) -> str:
    (target,) = matcher.match(key, {})
    return target.name


@settings(max_examples=25)
@given(weights, st.randoms(use_true_random=False))
def test_a_key_goes_the_same_way_whatever_the_order_of_the_bindings(of: Weights, chance: object) -> None:
    shuffled = sorted(of, key=lambda _: chance.random())  # type: ignore[attr-defined]
    one, other = made(of), made({queue: of[queue] for queue in shuffled})
    assert [way(one, key) for key in KEYS[:50]] == [way(other, key) for key in KEYS[:50]]


@settings(max_examples=25)
@given(weights)
def test_shares_are_as_the_weights(of: Weights) -> None:
    matcher = made(of)
    got = Counter(way(matcher, key) for key in KEYS)
    for queue, weight in of.items():
        share = weight / sum(of.values())
        deviation = (share * (1 - share) * len(KEYS)) ** 0.5
        assert abs(got[queue] - share * len(KEYS)) <= 6 * deviation


@settings(max_examples=25)
@given(weights, st.integers(1, 5))
def test_a_new_target_takes_its_share_and_moves_nothing_else(of: Weights, weight: int) -> None:
    matcher = made(of)
    before = {key: way(matcher, key) for key in KEYS[:200]}
    added = add(matcher, str(weight), queue="new")
    after = {key: way(matcher, key) for key in before}
    assert {after[key] for key in before if after[key] != before[key]} <= {"new"}
    matcher.remove(added, NamedQueue("new"))
    assert {key: way(matcher, key) for key in before} == before


def test_this_is_how_it_goes_for_ever() -> None:
    """Other figures mean that an upgrade sends keys elsewhere than before."""
    matcher = made({"a": 1, "b": 1, "c": 2})
    assert "".join(way(matcher, key) for key in KEYS[:24]) == "ccbccccabbccccabcbcbccbc"
    assert hashed(b"leveret") == 0x51B1D1FF
    assert weighted(wish(1, 2), 1.0) == pytest.approx(2.666970811069025)


def test_of_two_bindings_of_one_target_the_larger_weight_counts() -> None:
    matcher = made({"a": 1, "b": 3})
    alone = [way(matcher, key) for key in KEYS[:200]]
    second = add(matcher, "3", queue="a")
    assert [way(matcher, key) for key in KEYS[:200]] == [way(made({"a": 3, "b": 3}), key) for key in KEYS[:200]]
    matcher.remove(second, NamedQueue("a"))
    assert [way(matcher, key) for key in KEYS[:200]] == alone


def test_an_exchange_of_that_name_is_another_target() -> None:
    matcher = made({})
    assert matcher.match("k", {}) == ()
    first = binding("1")
    matcher.add(first, NamedQueue("q"))
    assert way(matcher, "k") == "q"
    matcher.remove(first, NamedQueue("q"))
    assert matcher.match("k", {}) == ()


def test_a_header_decides_with_its_type() -> None:
    matcher = made({"a": 1, "b": 1, "c": 1}, {"hash-header": "h"})
    assert matcher.uses_headers
    ways = [next(iter(matcher.match("k", {"h": value}))).name for value in range(200)]
    assert set(ways) == {"a", "b", "c"}
    assert ways == [next(iter(matcher.match("other", {"h": value}))).name for value in range(200)]
    assert ways != [next(iter(matcher.match("k", {"h": str(value)}))).name for value in range(200)]
    without = {next(iter(matcher.match(key, {"other": key}))).name for key in KEYS[:50]}
    assert len(without) == 1


def test_a_property_decides() -> None:
    matcher = made({"a": 1, "b": 1, "c": 1}, {"hash-property": "message_id"})
    assert (matcher.uses_headers, matcher.uses_property) == (False, "message_id")
    ways = {next(iter(matcher.match("k", {"message_id": key.encode()}))).name for key in KEYS[:50]}
    assert ways == {"a", "b", "c"}
    assert len({next(iter(matcher.match(key, {"message_id": None}))).name for key in KEYS[:50]}) == 1


def test_choices_are_kept_within_bounds() -> None:
    matcher = made({"a": 1})
    for number in range(CHOICES_KEPT_MAX + 2):
        matcher.match(str(number), {})
    assert len(matcher._choices) == 2
    matcher.match("k" * (CHOICE_BYTES_MAX + 1), {})
    assert len(matcher._choices) == 2


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("0", "The binding key must be greater than 0"),
        ("-1", "The binding key must be greater than 0"),
        ("x", 'The binding key must be an integer: <<"x">>'),
        ("", "The binding key must be an integer: <<>>"),
        ("1.5", 'The binding key must be an integer: <<"1.5">>'),
        (" 1", 'The binding key must be an integer: <<" 1">>'),
        ("1_0", 'The binding key must be an integer: <<"1_0">>'),
        ('a"b', 'The binding key must be an integer: <<"a\\"b">>'),
    ],
)
def test_a_bad_weight_is_refused(key: str, text: str) -> None:
    with pytest.raises(ChannelException, match="binding key") as refused:
        read_weight(key)
    assert refused.value.text == text


def test_weights_may_have_a_sign_and_zeros() -> None:
    assert [read_weight(key) for key in ("+1", "01", "12")] == [1, 1, 12]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"hash-header": "a", "hash-property": "message_id"}, "hash-header and hash-property are mutually exclusive"),
        ({"hash-property": "nope"}, "Unsupported property: nope"),
    ],
)
def test_arguments_that_contradict_themselves_are_refused(arguments: dict[str, object], text: str) -> None:
    with pytest.raises(ChannelException) as refused:
        ConsistentHashMatcher(arguments)
    assert refused.value.text == text


def test_modulus_counts_through_the_bindings_in_a_fixed_order() -> None:
    queues = ["c", "a", "b"]
    found = []
    for order in itertools.permutations(queues):
        matcher = ModulusHashMatcher()
        for queue in order:
            add(matcher, "1", queue=queue)
        found.append([way(matcher, key) for key in KEYS[:60]])
    assert found == [found[0]] * len(found)
    assert set(found[0]) == {"a", "b", "c"}
    assert found[0] == ["abc"[hashed(key.encode()) % 3] for key in KEYS[:60]]


def test_modulus_forgets_a_binding() -> None:
    matcher = ModulusHashMatcher()
    assert matcher.match("k", {}) == ()
    added = [add(matcher, key, queue=queue) for key, queue in (("1", "a"), ("2", "a"), ("1", "b"))]
    matcher.remove(added[0], NamedQueue("a"))
    assert found(matcher) == {"a", "b"}
    matcher.remove(added[1], NamedQueue("a"))
    assert found(matcher) == {"b"}


def found(matcher: ModulusHashMatcher) -> set[str]:
    return {way(matcher, key) for key in KEYS[:40]}
