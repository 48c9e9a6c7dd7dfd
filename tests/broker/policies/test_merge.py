"""What arguments, policy and operator policy say together, against a naive model that looks things up one by one."""

from __future__ import annotations

import re
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from broker.clock import ManualClock
from broker.config import Config
from broker.model.arguments import BY_POLICY_KEY
from broker.model.settings import QueueSettings
from broker.node import Node
from broker.policies.policy import APPLIES_TO
from broker.queues.definition import QueueDefinition
from tests.broker.policies.support import arguments

MINIMA = ("message-ttl", "expires", "max-length", "max-length-bytes", "delivery-limit")
OTHERS = ("overflow", "dead-letter-exchange", "dead-letter-strategy")
NEVER_ON_CLASSIC = ("dead-letter-strategy",)
FIELDS = {
    "message-ttl": ("ttl_ms", -1), "expires": ("expires_ms", 0), "max-length": ("length_max", -1),
    "max-length-bytes": ("length_bytes_max", -1), "delivery-limit": ("delivery_limit", -1),
    "overflow": ("overflow", "drop-head"), "dead-letter-exchange": ("dead_letter_exchange", None),
    "dead-letter-strategy": ("dead_letter_strategy", "at-most-once"),
}  # fmt: skip
VALUES: dict[str, st.SearchStrategy[Any]] = {
    **dict.fromkeys(MINIMA, st.integers(1, 50)),
    "overflow": st.sampled_from(["drop-head", "reject-publish"]),
    "dead-letter-exchange": st.sampled_from(["x", "y"]),
    "dead-letter-strategy": st.sampled_from(["at-most-once", "at-least-once"]),
}


def definitions(keys: tuple[str, ...], least: int = 0) -> st.SearchStrategy[dict[str, Any]]:
    chosen = st.lists(st.sampled_from(keys), min_size=least, max_size=4, unique=True)
    return chosen.flatmap(lambda names: st.fixed_dictionaries({name: VALUES[name] for name in names}))


def policies(keys: tuple[str, ...]) -> st.SearchStrategy[list[dict[str, Any]]]:
    one = st.fixed_dictionaries({
        "pattern": st.sampled_from(["", "^q", "q$", "^other", "."]), "definition": definitions(keys, 1),
        "priority": st.integers(0, 2), "apply_to": st.sampled_from(sorted(APPLIES_TO)),
    })  # fmt: skip
    return st.lists(one, max_size=4)


class Naive:
    """One queue's value of each key, by RabbitMQ's documentation."""

    def __init__(self, kind: str, own: list[dict[str, Any]], operators: list[dict[str, Any]]) -> None:
        self.kind = kind
        self.definitions = [self.winner(own), self.winner(operators)]

    def winner(self, candidates: list[dict[str, Any]]) -> dict[str, Any]:
        best: dict[str, Any] | None = None
        for candidate in candidates:
            if self.fits(candidate) and (best is None or candidate["priority"] > best["priority"]):
                best = candidate
        return {} if best is None else dict(best["definition"])

    def fits(self, candidate: dict[str, Any]) -> bool:
        wanted = {"classic": ("all", "queues", "classic_queues"), "quorum": ("all", "queues", "quorum_queues")}
        if candidate["apply_to"] not in wanted[self.kind] or not re.search(candidate["pattern"], "queue"):
            return False
        return self.kind == "quorum" or not set(candidate["definition"]) & set(NEVER_ON_CLASSIC)

    def value(self, key: str, given: dict[str, Any]) -> Any:
        own, operators = self.definitions
        found = [part[key] for part in (given, own, operators) if key in part]
        if not found:
            return FIELDS[key][1]
        return min(found) if key in MINIMA else found[0]


@settings(deadline=None, max_examples=150)
@given(
    st.sampled_from(["classic", "quorum"]), definitions((*MINIMA, *OTHERS)), policies((*MINIMA, *OTHERS)),
    policies(MINIMA), st.booleans(),
)  # fmt: skip
def test_settings_are_what_a_naive_model_says(
    kind: str, given_arguments: dict[str, Any], own: list[dict[str, Any]], operators: list[dict[str, Any]],
    declared_first: bool,
) -> None:  # fmt: skip
    waiting: list[Any] = []
    node = Node(Config(), ManualClock(), waiting.append)
    node.administration.add_vhost("/")
    vhost = node.vhosts["/"]
    values = {f"x-{key}": value for key, value in given_arguments.items()} | {"x-queue-type": kind}
    definition = QueueDefinition("queue", False, False, False, arguments(values))
    if declared_first:
        vhost.add_queue(definition)
    for store, candidates in ((node.policies, own), (node.operator_policies, operators)):
        for number, candidate in enumerate(candidates):
            store.set("/", str(number), **candidate)
    if not declared_first:
        vhost.add_queue(definition)
    queue, naive = vhost.queues["queue"], Naive(kind, own, operators)
    found = {key: getattr(queue.settings, field) for key, (field, _) in FIELDS.items()}
    assert found == {key: naive.value(key, given_arguments) for key in FIELDS}
    shown = {key: naive.value(key, {}) for key in {*naive.definitions[0], *naive.definitions[1]}}
    assert dict(queue.policy.definition) == shown


def test_every_key_that_a_queue_acts_on_has_settings() -> None:
    """So that the keys above are all there are: what is not among them must not be a queue's."""
    fields = set(QueueSettings.__slots__)
    assert {field for field, _ in FIELDS.values()} < fields
    assert set(FIELDS) <= set(BY_POLICY_KEY)
