"""A policy reaches what is there and what comes, in slices, and is gone with everything it said when it is cleared."""

from __future__ import annotations

from itertools import pairwise

from pamqp.commands import Basic, Channel, Exchange, Queue

from broker.introspection.window import Introspection
from broker.model.policy import NO_POLICY
from broker.policies.effective import OBJECTS_PER_SLICE, TESTS_PER_SLICE
from tests.support.sansio import SansBroker, SansClient

TTL_MS = 1000
EXPIRES_MS = 5000


def declared(*queues: str, **kwargs: object) -> tuple[SansBroker, SansClient]:
    broker = SansBroker()
    client = broker.connect().open()
    client.channel()
    for queue in queues:
        assert client.answer(1, Queue.Declare(queue=queue, **kwargs)).name == "Queue.DeclareOk"  # type: ignore[arg-type]
    return broker, client


def depth(client: SansClient, queue: str) -> int:
    answer = client.answer(1, Queue.Declare(queue=queue, passive=True))
    assert isinstance(answer, Queue.DeclareOk)
    return int(answer.message_count)


def test_messages_get_the_ttl_of_the_policy_from_then_on() -> None:
    broker, client = declared("q")
    client.publish(1, "", "q", b"before")
    broker.turn()
    broker.node.policies.set("/", "p", "^q$", {"message-ttl": TTL_MS})
    client.publish(1, "", "q", b"after")
    broker.advance(TTL_MS * 10)
    assert depth(client, "q") == 2, "what waited keeps its expiry and stands in front, as with RabbitMQ"
    assert client.answer(1, Basic.Get(queue="q", no_ack=True)).name == "Basic.GetOk"
    assert depth(client, "q") == 0
    broker.node.policies.clear("/", "p")
    client.publish(1, "", "q", b"later")
    broker.advance(TTL_MS * 10)
    assert depth(client, "q") == 1


def test_the_smaller_of_argument_and_policy_counts() -> None:
    broker, client = declared("q", arguments={"x-message-ttl": 100})
    broker.node.policies.set("/", "p", "", {"message-ttl": TTL_MS})
    client.publish(1, "", "q", b"x")
    broker.turn()
    broker.advance(100)
    assert depth(client, "q") == 0


def test_a_queue_expires_from_the_policy_on() -> None:
    broker, client = declared("q")
    broker.advance(EXPIRES_MS)
    broker.node.policies.set("/", "p", "", {"expires": EXPIRES_MS})
    broker.turn()
    broker.advance(EXPIRES_MS - 1)
    assert "q" in broker.vhost.queues, "its time began with the policy"
    broker.advance(1)
    assert "q" not in broker.vhost.queues
    assert client.answer(1, Queue.Declare(queue="q", passive=True)).name == "Channel.Close"


def test_a_queue_with_a_consumer_does_not_expire_by_policy_either() -> None:
    broker, client = declared("q")
    client.call(1, Basic.Consume(queue="q", consumer_tag="c"))
    broker.node.policies.set("/", "p", "", {"expires": EXPIRES_MS})
    broker.advance(EXPIRES_MS * 2)
    assert "q" in broker.vhost.queues
    client.call(1, Basic.Cancel("c"))
    broker.advance(EXPIRES_MS)
    assert "q" not in broker.vhost.queues


def test_a_cleared_policy_lets_a_queue_live() -> None:
    broker, _ = declared("q")
    broker.node.policies.set("/", "p", "", {"expires": EXPIRES_MS})
    broker.advance(EXPIRES_MS - 1)
    broker.node.policies.clear("/", "p")
    broker.advance(EXPIRES_MS * 2)
    assert "q" in broker.vhost.queues


def test_another_time_replaces_the_one_before() -> None:
    broker, _ = declared("q")
    broker.node.policies.set("/", "p", "", {"expires": EXPIRES_MS})
    broker.node.policies.set("/", "p", "", {"expires": EXPIRES_MS * 3})
    broker.advance(EXPIRES_MS * 3 - 1)
    assert "q" in broker.vhost.queues
    broker.advance(1)
    assert "q" not in broker.vhost.queues


def test_an_exchange_gets_its_alternate_by_policy_and_an_argument_wins() -> None:
    broker, client = declared("lost", "own")
    for name, kwargs in (("ae", {}), ("other", {}), ("x", {}), ("y", {"arguments": {"alternate-exchange": "other"}})):
        client.call(1, Exchange.Declare(exchange=name, exchange_type="fanout", **kwargs))  # type: ignore[arg-type]
    client.call(1, Queue.Bind(queue="lost", exchange="ae"))
    client.call(1, Queue.Bind(queue="own", exchange="other"))
    client.publish(1, "x", "", b"dropped")
    broker.turn()
    broker.node.policies.set("/", "p", "^[xy]$", {"alternate-exchange": "ae"}, apply_to="exchanges")
    client.publish(1, "x", "", b"kept")
    client.publish(1, "y", "", b"as declared")
    broker.turn()
    assert (depth(client, "lost"), depth(client, "own")) == (1, 1)
    broker.node.policies.clear("/", "p")
    client.publish(1, "x", "", b"dropped again")
    broker.turn()
    assert depth(client, "lost") == 1


def test_apply_to_chooses_by_kind_and_type() -> None:
    broker, client = declared("classic")
    client.call(1, Queue.Declare(queue="quorum", durable=True, arguments={"x-queue-type": "quorum"}))
    queues, exchange = broker.vhost.queues, broker.vhost.table.exchanges["amq.fanout"]
    wanted = {
        "all": (True, True, True), "queues": (True, True, False), "classic_queues": (True, False, False),
        "quorum_queues": (False, True, False), "streams": (False, False, False), "exchanges": (False, False, True),
    }  # fmt: skip
    for apply_to, applies in wanted.items():
        broker.node.policies.set("/", "p", "", {"max-length-bytes": 9}, apply_to=apply_to)
        broker.turn()
        found = [one.policy.policy == "p" for one in (queues["classic"], queues["quorum"], exchange)]
        assert tuple(found) == applies, apply_to


def test_a_policy_of_another_vhost_does_not_apply() -> None:
    broker, _ = declared("q")
    broker.node.administration.add_vhost("other")
    broker.node.policies.set("other", "p", "", {"message-ttl": 1})
    broker.turn()
    assert broker.vhost.queues["q"].policy is NO_POLICY


def test_many_queues_are_reached_in_slices_and_new_ones_at_once() -> None:
    count = OBJECTS_PER_SLICE * 3
    broker, client = declared()
    for number in range(count):
        client.method(1, Queue.Declare(queue=f"q{number}", nowait=True))
    broker.turn()
    node = broker.node
    node.policies.set("/", "first", "", {"message-ttl": 5})

    def reached(name: str) -> int:
        return sum(queue.policy.policy == name for queue in broker.vhost.queues.values())

    assert 0 < reached("first") < OBJECTS_PER_SLICE
    assert node.rules.engine.is_busy
    seen = [reached("first")]
    while node.rules.engine.is_busy:
        broker.one_turn()
        seen.append(reached("first"))
    assert seen[-1] == count
    assert max(after - before for before, after in pairwise(seen)) <= OBJECTS_PER_SLICE
    node.policies.set("/", "second", "", {"message-ttl": 6}, 1)
    client.method(1, Queue.Declare(queue="new", nowait=True))
    broker.one_turn()
    assert broker.vhost.queues["new"].policy.policy == "second"
    node.policies.clear("/", "second")  # while the walk of the one before is under way
    broker.turn()
    assert reached("first") == count + 1


def test_with_many_policies_a_slice_is_shorter() -> None:
    broker, client = declared()
    for number in range(60):
        client.method(1, Queue.Declare(queue=f"q{number}", nowait=True))
    broker.turn()
    for number in range(TESTS_PER_SLICE // 10):
        broker.node.policies.set("/", f"p{number}", f"^x{number}$", {"message-ttl": 5})
    broker.turn()
    broker.node.policies.set("/", "last", "^q", {"message-ttl": 7}, -1)
    assert sum(queue.settings.ttl_ms == 7 for queue in broker.vhost.queues.values()) < TESTS_PER_SLICE // 10
    broker.turn()
    assert all(queue.settings.ttl_ms == 7 for queue in broker.vhost.queues.values())


def test_what_applies_is_shown() -> None:
    broker, client = declared("q")
    node = broker.node
    node.policies.set("/", "p", "", {"max-length": 10, "overflow": "reject-publish"})
    node.operator_policies.set("/", "op", "^q", {"max-length": 5, "message-ttl": 7})
    broker.turn()
    window = Introspection(node)
    queue = next(iter(next(window.queues().slices())))
    merged = {"max-length": 5, "message-ttl": 7, "overflow": "reject-publish"}
    assert (queue.policy, queue.operator_policy, queue.effective_policy_definition) == ("p", "op", merged)
    exchange = next(one for one in next(window.exchanges().slices()) if one.name == "amq.fanout")
    assert (exchange.policy, exchange.operator_policy) == ("p", None)
    assert exchange.effective_policy_definition == {"max-length": 10, "overflow": "reject-publish"}
    node.policies.clear("/", "p")
    node.operator_policies.clear("/", "op")
    broker.turn()
    queue = next(iter(next(window.queues().slices())))
    assert (queue.policy, queue.operator_policy, queue.effective_policy_definition) == (None, None, {})
    assert client.answer(1, Channel.Close(200, "", 0, 0)).name == "Channel.CloseOk"


def test_everything_is_as_before_after_a_kill() -> None:
    broker, client = declared("q", durable=True)
    client.call(1, Exchange.Declare(exchange="x", durable=True))
    node = broker.node
    node.policies.set("/", "p", "", {"max-length": 10, "alternate-exchange": "amq.fanout"}, -2)
    node.policies.set("/", "gone", "", {"max-length": 11})
    node.policies.clear("/", "gone")
    node.operator_policies.set("/", "op", "^q", {"max-length": 5}, 1.5, "queues")
    broker.turn()
    after = broker.killed()
    assert after.node.policies.all() == node.policies.all()
    assert after.node.operator_policies.all() == node.operator_policies.all()
    assert after.vhost.queues["q"].policy == broker.vhost.queues["q"].policy
    assert after.vhost.queues["q"].settings.length_max == 5
    for name in ("x", "amq.topic"):
        assert after.vhost.table.exchanges[name].alternate == "amq.fanout"
        assert after.vhost.table.exchanges[name].policy.policy == "p"


def test_a_deleted_vhost_leaves_nothing_of_its_rules() -> None:
    broker, _ = declared()
    node = broker.node
    node.administration.add_vhost("v")
    node.policies.set("v", "p", "", {"message-ttl": 1})
    node.operator_policies.set("v", "op", "", {"message-ttl": 1})
    node.parameters.set("shovel", "v", "s", {"a": 1})
    node.vhost_limits.set("v", {"max-queues": 1})
    broker.turn()
    node.administration.delete_vhost("v")
    node.administration.add_vhost("v")
    broker.turn()
    for one in (broker, broker.killed()):
        rules = one.node.rules
        assert not [*rules.policies.all(), *rules.operator_policies.all(), *rules.parameters.all()]
        assert not rules.vhost_limits.all()
        assert rules.engine.of("v", "classic", "q") is NO_POLICY
