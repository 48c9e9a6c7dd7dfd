"""Each key of the table by itself: it reaches a queue that is there, is shown, merges, and is gone when cleared."""

from __future__ import annotations

from typing import Any

import pytest
from pamqp.commands import Queue

from broker.introspection.infos import QueueInfo
from broker.introspection.window import Introspection
from broker.management import shapes
from broker.model.arguments import BY_POLICY_KEY, QUEUE, Argument
from broker.policies.store import PolicyStore
from tests.support.sansio import SansBroker

ROWS = [row for row in BY_POLICY_KEY.values() if row.on == QUEUE]
WITH = {  # what else a key needs to say anything
    "dead-letter-routing-key": {"dead-letter-exchange": "amq.direct"},
    "dead-letter-strategy": {"dead-letter-exchange": "amq.direct", "overflow": "reject-publish"},
    "rate-limit-burst": {"rate-limit": 100}, "rate-limit-period": {"rate-limit": 100},
    "retry-backoff-max": {"retry-backoff-base": 1000}, "retry-attempts-max": {"retry-backoff-base": 1000},
}  # fmt: skip
AGES = ("1h", "2h")


def values(row: Argument) -> tuple[Any, Any]:
    """Two values of a key, the first smaller."""
    if row.kind == "boolean":
        return True, False
    if row.kind == "age" or row.policy_key == "max-age":
        return AGES
    if row.choices:
        return row.choices[-1], row.choices[0]
    return (row.minimum + 1, row.minimum + 2) if row.kind == "integer" else ("a", "b")


def started(row: Argument) -> SansBroker:
    broker = SansBroker()
    client = broker.connect().open()
    client.channel()
    kind = next(kind for kind in ("quorum", "classic", "stream") if kind in row.policy_types)
    frame = client.answer(1, Queue.Declare(queue="q", durable=True, arguments={"x-queue-type": kind}))
    assert isinstance(frame, Queue.DeclareOk)
    return broker


def shown(broker: SansBroker) -> dict[str, Any]:
    info = next(iter(next(Introspection(broker.node).queues().slices())))
    assert isinstance(info, QueueInfo)
    return shapes.queue(info)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.policy_key)
def test_a_key_reaches_a_live_queue_and_leaves_it_again(row: Argument) -> None:
    broker = started(row)
    queue, policies = broker.vhost.queues["q"], broker.node.policies
    base = WITH.get(row.policy_key, {})
    if base:
        policies.set("/", "p", "^q$", base)
    before = queue.settings
    definition = {**base, row.policy_key: values(row)[0]}
    policies.set("/", "p", "^q$", definition)
    broker.turn()
    assert (queue.settings == before) == (not row.acts), queue.settings
    fields = shown(broker)
    assert (fields["policy"], dict(fields["effective_policy_definition"])) == ("p", definition)
    if base:
        policies.set("/", "p", "^q$", base)
    else:
        policies.clear("/", "p")
    broker.turn()
    assert queue.settings == before
    assert dict(shown(broker)["effective_policy_definition"]) == base


@pytest.mark.parametrize("row", [row for row in ROWS if row.merge], ids=lambda row: row.policy_key)
@pytest.mark.parametrize("is_operators_first", [True, False])
def test_of_a_policy_and_an_operators_one_value_counts(row: Argument, is_operators_first: bool) -> None:
    broker = started(row)
    queue = broker.vhost.queues["q"]
    stores: list[PolicyStore] = [broker.node.policies, broker.node.operator_policies]
    if is_operators_first:
        stores.reverse()
    smaller, larger = values(row)
    base = WITH.get(row.policy_key, {})
    broker.node.policies.set("/", "base", "^q$", {"max-length": 10})
    for store, value in zip(stores, (smaller, larger), strict=True):
        extra = base if store is broker.node.policies else {}
        store.set("/", "p", "^q$", {**extra, row.policy_key: value}, 5)
    broker.turn()
    effective = dict(shown(broker)["effective_policy_definition"])
    assert effective[row.policy_key] == (smaller if row.merge == "min" else larger)
    merged = queue.settings
    broker.node.operator_policies.clear("/", "p")
    broker.turn()
    of_policy = smaller if stores[0] is broker.node.policies else larger
    assert dict(shown(broker)["effective_policy_definition"])[row.policy_key] == of_policy
    assert (queue.settings == merged) == (effective[row.policy_key] == of_policy)


@pytest.mark.parametrize("row", [row for row in ROWS if not row.merge], ids=lambda row: row.policy_key)
def test_what_has_no_rule_to_merge_is_not_for_operators(row: Argument) -> None:
    broker = started(row)
    with pytest.raises(ValueError, match="are not recognised policy settings"):
        broker.node.operator_policies.set("/", "p", "", {row.policy_key: values(row)[0]})
