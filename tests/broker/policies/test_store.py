"""Policies are checked in the words of RabbitMQ (those quoted here are a 3.10.8's), and the right one wins."""

from __future__ import annotations

import re
from typing import Any

import pytest

from broker.model.arguments import NO_ARGUMENTS, TIMER_MS_MAX
from broker.model.policy import EffectivePolicy
from broker.model.settings import queue_settings
from broker.policies.policy import OPERATOR_POLICY, POLICY, Policy
from broker.policies.store import POLICIES_MAX, PolicyStore, UnknownPolicyError
from broker.policies.validation import InvalidError


def store(component: str = POLICY) -> PolicyStore:
    def require(vhost: str) -> None:
        if vhost != "/":
            raise LookupError(f'Virtual host "{vhost}" does not exist')

    return PolicyStore(component, require)


@pytest.mark.parametrize(
    ("definition", "reason"),
    [
        ({}, "no policy provided"),
        ({"bogus": 1}, '[{<<"bogus">>,1}] are not recognised policy settings'),
        (
            {"message-ttl": 1, "bogus": 2, "other": 3},
            '[{<<"bogus">>,2},{<<"other">>,3}] are not recognised policy settings',
        ),
        ({"message-ttl": -1}, "-1 is not a valid message TTL"),
        ({"message-ttl": "x"}, '<<"x">> is not a valid message TTL'),
        ({"message-ttl": True}, "true is not a valid message TTL"),
        ({"message-ttl": 2**63}, f"{2**63} is not a valid message TTL"),
        ({"expires": 0}, "0 is not a valid queue expiry"),
        ({"max-length": -1}, "-1 is not a valid maximum length"),
        ({"max-length-bytes": 1.5}, "1.5 is not a valid maximum length in bytes"),
        ({"dead-letter-exchange": 1}, "1 is not a valid dead letter exchange name"),
        ({"alternate-exchange": []}, "[] is not a valid alternate exchange name"),
        ({"overflow": "x"}, '<<"x">> is not a valid overflow value'),
        ({"queue-mode": "x"}, '<<"x">> is not a valid queue-mode value'),
        ({"queue-version": 7}, "7 is not a valid queue-version value"),
        ({"queue-version": 0}, "0 is not a valid queue-version value"),
        ({"dead-letter-strategy": "x"}, '<<"x">> is not a valid dead letter strategy'),
        ({"queue-leader-locator": "x"}, '<<"x">> is not a valid queue leader locator value'),
        ({"delivery-limit": None}, "null is not a valid delivery limit"),
        ({"max-length": {"a": [1]}}, '#{<<"a">> => [1]} is not a valid maximum length'),
    ],
)
def test_a_wrong_definition(definition: dict[str, Any], reason: str) -> None:
    with pytest.raises(InvalidError) as caught:
        store().set("/", "p", "^a", definition)
    assert str(caught.value) == f"Validation failed\n\n{reason}\n"


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"priority": "x"}, 'priority should be a number, actually was <<"x">>'),
        ({"priority": True}, "priority should be a number, actually was true"),
        ({"pattern": 1}, "pattern should be a binary but was 1"),
        ({"apply_to": "foo"}, "apply-to 'foo' unrecognised; should be one of: 'queues', 'classic_queues', "),
        ({"pattern": "("}, "pattern should be regular expression but is invalid: "),
        ({"pattern": "(?=a)"}, "look-around and back-references are not supported"),
        ({"definition": "x"}, 'parse error while reading policy p: <<"x">>'),
        ({"name": ""}, "the name of a policy has 1 to 255 bytes"),
    ],
)
def test_anything_else_wrong(wrong: dict[str, Any], reason: str) -> None:
    right: dict[str, Any] = {"name": "p", "pattern": "^a", "definition": {"message-ttl": 1}}
    policies = store()
    with pytest.raises(ValueError, match=re.escape(reason)):
        policies.set("/", **{**right, **wrong})
    assert not policies.all(), "nothing is kept of it"


@pytest.mark.parametrize("key", ["dead-letter-exchange", "alternate-exchange", "overflow", "queue-mode"])
def test_what_operators_cannot_set(key: str) -> None:
    with pytest.raises(ValueError, match="are not recognised policy settings"):
        store(OPERATOR_POLICY).set("/", "p", "", {key: "drop-head"})


@pytest.mark.parametrize("key", ["message-ttl", "expires", "max-length", "max-length-bytes", "delivery-limit"])
def test_what_operators_can_set(key: str) -> None:
    assert store(OPERATOR_POLICY).set("/", "p", "", {key: 5})


@pytest.mark.parametrize(
    "definition",
    [{"ha-mode": "all"}, {"ha-mode": "exactly", "ha-params": 2}, {"max-age": "1D"}, {"queue-mode": "lazy"}],
)
def test_keys_of_older_brokers_are_kept(definition: dict[str, Any]) -> None:
    policies = store()
    policies.set("/", "p", "", definition)
    assert policies.get("/", "p").definition == definition


def test_a_time_longer_than_an_argument_may_be_is_taken_and_counts_as_that() -> None:
    policies = store()
    policies.set("/", "p", "", {"message-ttl": 10**16})
    effective = EffectivePolicy("p", "", policies.get("/", "p").definition)
    assert queue_settings(NO_ARGUMENTS, effective).ttl_ms == TIMER_MS_MAX


def test_set_replaces_and_clear_forgets() -> None:
    policies = store()
    told: list[Policy | None] = []
    policies.on_store = lambda _vhost, _name, policy: told.append(policy)
    assert policies.set("/", "p", "^a", {"message-ttl": 1}) is True
    assert policies.set("/", "p", "^b", {"message-ttl": 2}, 1.5, "queues") is False
    kept = Policy("/", "p", "^b", {"message-ttl": 2}, 1.5, "queues")
    assert policies.all("/") == policies.all() == [kept]
    policies.clear("/", "p")
    assert policies.all() == []
    assert told == [Policy("/", "p", "^a", {"message-ttl": 1}), kept, None]
    with pytest.raises(UnknownPolicyError, match="policy 'p' in vhost '/' does not exist"):
        policies.clear("/", "p")


@pytest.mark.parametrize("method", ["all", "get", "set", "clear"])
def test_a_vhost_must_be_there(method: str) -> None:
    arguments: dict[str, tuple[Any, ...]] = {
        "all": (), "get": ("p",), "set": ("p", "", {"message-ttl": 1}), "clear": ("p",),
    }  # fmt: skip
    with pytest.raises(LookupError, match='Virtual host "nowhere" does not exist'):
        getattr(store(), method)("nowhere", *arguments[method])


def test_the_strongest_come_first_and_of_equals_the_first_by_name() -> None:
    policies = store()
    for name, priority in (("b", 0), ("z", 7), ("a", 0), ("n", -1), ("h", 6.5)):
        policies.set("/", name, "", {"message-ttl": 1}, priority)
    assert [policy.name for policy, _ in policies.of_vhost("/")] == ["z", "h", "a", "b", "n"]


def test_there_are_only_so_many() -> None:
    policies = store()
    for number in range(POLICIES_MAX):
        policies.set("/", str(number), "", {"message-ttl": 1})
    policies.set("/", "0", "", {"message-ttl": 2})
    with pytest.raises(ValueError, match=f"there are {POLICIES_MAX} policies in vhost '/'"):
        policies.set("/", "more", "", {"message-ttl": 1})
