"""The headers matcher against a naive one, RabbitMQ 3.10.8's answers and texts, and its bound on work."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.routing.headers import HeadersMatcher
from protocol.constants import PRECONDITION_FAILED
from protocol.errors import ChannelException
from tests.broker.routing.support import NamedQueue, add, binding, naive_headers, names

# Binding arguments, message headers, whether RabbitMQ 3.10.8 routed.
OBSERVED: list[tuple[dict[str, object], dict[str, object], bool]] = [
    ({}, {}, True),
    ({}, {"a": 1}, True),
    ({"x-match": "any"}, {"a": 1}, False),
    ({"x-match": "any"}, {}, False),
    ({"x-match": "all-with-x"}, {"a": 1}, True),
    ({"x-match": "any-with-x"}, {"x-match": "any-with-x"}, False),
    ({"x-match": "all-with-x", "x-a": 1}, {"x-a": 1}, True),
    ({"x-match": "all-with-x", "x-a": 1}, {"x-a": 2}, False),
    ({"x-match": "any", "x-a": 1}, {"x-a": 1}, False),
    ({"x-match": "all", "x-a": 1}, {"x-a": 2}, True),
    ({"x-match": "any-with-x", "x-a": 1}, {"x-a": 1}, True),
    ({"a": None}, {"a": 1}, True),
    ({"a": None}, {"a": None}, True),
    ({"a": 1}, {"a": None}, False),
    ({"a": 1}, {"a": True}, False),
    ({"a": 1}, {"a": 1.0}, True),
    ({"a": 1}, {"a": 1 << 40}, False),
    ({"a": "x"}, {"a": b"x"}, True),
    ({"a": [1]}, {"a": [1]}, True),
    ({"a": [1]}, {"a": [1.0]}, False),
    ({"a": [1, True]}, {"a": [1, 1]}, False),
    ({"a": {"x": 1, "y": 2}}, {"a": {"x": 1, "y": 2}}, True),
    ({"a": {"x": 1, "y": 2}}, {"a": {"y": 2, "x": 1}}, False),
    ({"a": 1, "b": 2}, {"a": 1, "b": 2, "c": 3}, True),
    ({"a": 1, "b": 2}, {"a": 1}, False),
    ({"a": 1, "b": 2}, {"a": 1, "b": 3}, False),
    ({"a": 1, "b": None}, {"a": 1}, False),
    ({"x-match": "any", "a": None}, {"b": 1}, False),
    ({"x-match": "any", "a": 1, "b": 2}, {"b": 2}, True),
]
REFUSED = [
    ("bad", 'value <<"bad">>; expected all, any, all-with-x, or any-with-x'),
    ("", "value <<>>; expected all, any, all-with-x, or any-with-x"),
    ("é", 'value <<"é">>; expected all, any, all-with-x, or any-with-x'),
    ('a"b\n', 'value <<"a\\"b\\n">>; expected all, any, all-with-x, or any-with-x'),
    ("all\x01", "value <<97,108,108,1>>; expected all, any, all-with-x, or any-with-x"),
    (1, "type signedint (value 1); expected longstr"),
    (3_000_000_000_000, "type long (value 3000000000000); expected longstr"),
    (True, "type bool (value true); expected longstr"),
    (None, "type void (value undefined); expected longstr"),
    (b"all", 'type binary (value <<"all">>); expected longstr'),
    (b"\xff\x00", "type binary (value <<255,0>>); expected longstr"),
    ([1], "type array (value [{signedint,1}]); expected longstr"),
    ({"a": "b"}, 'type table (value [{<<"a">>,longstr,<<"b">>}]); expected longstr'),
    (Decimal("1.5"), "type decimal (value {1,15}); expected longstr"),
    (datetime(2020, 1, 1, tzinfo=UTC), "type timestamp (value 1577836800); expected longstr"),
]
scalars = st.sampled_from([None, True, 1, 1.0, "x", b"x"])
tables = st.dictionaries(st.sampled_from(["a", "b", "x-a", "x-match-more"]), scalars, max_size=4)
modes = st.sampled_from([None, "all", "any", "all-with-x", "any-with-x"])


@st.composite
def arguments(draw: st.DrawFn) -> dict[str, object]:
    mode = draw(modes)
    table: dict[str, object] = dict(draw(tables))
    return table if mode is None else {**table, "x-match": mode}


@pytest.mark.parametrize(("wanted", "headers", "matches"), OBSERVED)
def test_matches_as_rabbitmq_was_seen_to(wanted: dict[str, object], headers: dict[str, object], matches: bool) -> None:
    matcher = HeadersMatcher()
    made = add(matcher, arguments=wanted)
    assert bool(names(matcher, headers=headers)) is matches
    matcher.remove(made, NamedQueue("q"))
    assert names(matcher, headers=headers) == set()


@settings(max_examples=300)
@given(st.lists(arguments(), min_size=1, max_size=6), st.data(), tables)
def test_agrees_with_the_naive_matcher_after_removals(
    bound: list[dict[str, object]], data: st.DataObject, headers: dict[str, object]
) -> None:
    matcher = HeadersMatcher()
    made = [add(matcher, arguments=one, queue=str(number)) for number, one in enumerate(bound)]
    near = data.draw(st.sampled_from(bound))  # headers near one of the bindings: all of its pairs but some, and more
    kept = data.draw(st.sets(st.sampled_from(sorted(near)))) if near else set()
    headers = {**headers, **{key: near[key] for key in kept}}
    gone = data.draw(st.sets(st.sampled_from(range(len(bound))), max_size=2))
    for number in gone:
        matcher.remove(made[number], NamedQueue(str(number)))
    expected = {str(n) for n, one in enumerate(bound) if n not in gone and naive_headers(one, headers)}
    assert names(matcher, headers=headers) == expected


@pytest.mark.parametrize(("mode", "text"), REFUSED)
def test_an_invalid_mode_is_refused_with_rabbitmqs_text_and_changes_nothing(mode: object, text: str) -> None:
    matcher = HeadersMatcher()
    with pytest.raises(ChannelException) as refused:
        add(matcher, arguments={"x-match": mode, "a": 1})
    assert refused.value.code == PRECONDITION_FAILED
    assert refused.value.text == f"Invalid x-match field {text}"
    assert names(matcher, headers={"a": 1}) == set()


def test_work_does_not_grow_with_bindings_that_do_not_match() -> None:
    matcher = HeadersMatcher()
    for number in range(10_000):
        add(matcher, arguments={"format": "pdf", "customer": number}, queue=f"all{number}")
        add(matcher, arguments={"x-match": "any", "customer": number, "order": f"n{number}"}, queue=f"any{number}")
    assert names(matcher, headers={"format": "pdf", "customer": 77, "order": "none"}) == {"all77", "any77"}
    assert matcher.visited <= 3  # the two, and the first of the rules, which waits under its format


def test_a_removed_rule_leaves_no_index_behind() -> None:
    matcher = HeadersMatcher()
    made = [binding(arguments={"x-match": "any", "a": 1, "b": None}), binding(arguments={"a": 1, "b": None})]
    for one in made:
        matcher.add(one, NamedQueue("q"))
    for one in made:
        matcher.remove(one, NamedQueue("q"))
    assert matcher.match("", {"a": 1, "b": 2}) == []
    assert matcher.visited == 0
