"""Direct and fanout matchers: spec 3.1.3.1 and 3.1.3.2."""

from __future__ import annotations

import pytest

from broker.routing.direct import DirectMatcher
from broker.routing.exchange import EXCHANGE_TYPES, default_exchanges
from broker.routing.fanout import FanoutMatcher
from tests.broker.routing.support import add, names


def test_direct_matches_the_whole_key_only() -> None:
    matcher = DirectMatcher()
    add(matcher, "a", queue="one")
    add(matcher, "a.b", queue="two")
    assert names(matcher, "a") == {"one"}
    assert names(matcher, "a.b") == {"two"}
    assert names(matcher, "") == set()


def test_direct_keeps_a_target_until_its_last_binding_of_a_key_goes() -> None:
    matcher = DirectMatcher()
    first, second = add(matcher, "a"), add(matcher, "a", {"n": 1})
    target = next(iter(matcher.match("a", {})))
    matcher.remove(first, target)
    assert names(matcher, "a") == {"q"}
    matcher.remove(second, target)
    assert names(matcher, "a") == set()


def test_fanout_matches_whatever_the_key() -> None:
    matcher = FanoutMatcher()
    add(matcher, "a", queue="one")
    second = add(matcher, "b", queue="two")
    assert names(matcher, "anything") == {"one", "two"}
    matcher.remove(second, next(iter(matcher.match("", {}))))
    assert names(matcher) == {"one"}


@pytest.mark.parametrize("kind", ["direct", "fanout", "topic", "headers"])
def test_every_type_makes_an_empty_matcher_of_its_own(kind: str) -> None:
    first, second = EXCHANGE_TYPES[kind]({}), EXCHANGE_TYPES[kind]({})
    add(first, "k")
    assert names(first, "k") == {"q"}
    assert names(second, "k") == set()
    assert first.uses_headers is (kind == "headers")


def test_default_exchanges() -> None:
    made = {exchange.name: exchange for exchange in default_exchanges()}
    assert {name: exchange.type for name, exchange in made.items()} == {
        "": "direct",
        "amq.direct": "direct",
        "amq.fanout": "fanout",
        "amq.topic": "topic",
        "amq.headers": "headers",
        "amq.match": "headers",
        "amq.rabbitmq.trace": "topic",
    }
    assert all(exchange.durable and not exchange.auto_delete for exchange in made.values())
    assert [name for name, exchange in made.items() if exchange.internal] == ["amq.rabbitmq.trace"]
    assert default_exchanges()[0] is not made[""]
