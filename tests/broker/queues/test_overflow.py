"""Length limits in a whole broker: policies, consumers with room, messages on disk only, and what is counted."""

from __future__ import annotations

from collections import Counter

import pytest
from pamqp.commands import Basic, Confirm, Queue

from broker.introspection.copies import queue_stats
from broker.queues.overflow import SPANS_MAX
from tests.model.home import DurableHome
from tests.support.sansio import SansBroker, SansClient


@pytest.fixture
def broker() -> SansBroker:
    """A broker without sockets; hides the process the other tests share."""
    return SansBroker()


def opened(broker: SansBroker) -> SansClient:
    client = broker.connect().open()
    client.channel(1)
    return client


@pytest.fixture
def client(broker: SansBroker) -> SansClient:
    return opened(broker)


def declare(client: SansClient, **arguments: object) -> None:
    named = {f"x-{name.replace('_', '-')}": value for name, value in arguments.items()}
    client.answer(1, Queue.Declare(queue="q", arguments=named))


def publish(client: SansClient, *bodies: bytes) -> None:
    for body in bodies:
        client.publish(1, "", "q", body)
    client.broker.turn()


def drained(client: SansClient) -> list[bytes]:
    found: list[bytes] = []
    while (event := client.call(1, Basic.Get(queue="q", no_ack=True))[0]).name != "Basic.GetEmpty":
        found.append(event.body)
    return found


def delivered(client: SansClient) -> list[bytes]:
    return [event.body for event in client.take() if event.name == "Basic.Deliver"]


def set_policy(broker: SansBroker, definition: dict[str, object], is_operators: bool = False) -> None:
    rules = broker.node.rules
    (rules.operator_policies if is_operators else rules.policies).set("/", "p", "q", definition, 0, "queues")
    broker.turn()


def test_a_lowered_limit_drops_what_is_too_much(broker: SansBroker, client: SansClient) -> None:
    declare(client)
    publish(client, b"1", b"2", b"3", b"4")
    set_policy(broker, {"max-length": 2})
    queue = broker.vhost.queues["q"]
    assert queue.ready.count == 2
    assert queue.counters.dropped == 2
    set_policy(broker, {"max-length": 10})
    publish(client, b"5")
    assert drained(client) == [b"3", b"4", b"5"]


def test_a_queue_that_refuses_keeps_what_it_has(broker: SansBroker, client: SansClient) -> None:
    declare(client)
    publish(client, b"1", b"2", b"3")
    set_policy(broker, {"max-length": 2, "overflow": "reject-publish"})
    publish(client, b"4")
    assert drained(client) == [b"1", b"2", b"3"]
    publish(client, b"5", b"6", b"7")
    assert drained(client) == [b"5", b"6"]


def test_the_smallest_limit_counts(broker: SansBroker, client: SansClient) -> None:
    declare(client, max_length=4)
    set_policy(broker, {"max-length": 3})
    set_policy(broker, {"max-length": 2, "max-length-bytes": 100}, is_operators=True)
    publish(client, b"1", b"2", b"3", b"4", b"5")
    assert drained(client) == [b"4", b"5"]


def test_a_large_queue_comes_down_in_steps(broker: SansBroker, client: SansClient) -> None:
    declare(client)
    publish(client, *(b"%d" % number for number in range(3 * SPANS_MAX)))
    set_policy(broker, {"max-length-bytes": 6})
    queue = broker.vhost.queues["q"]
    assert queue.counters.dropped == SPANS_MAX
    broker.advance(0)
    assert drained(client) == [b"%d" % (3 * SPANS_MAX - 2), b"%d" % (3 * SPANS_MAX - 1)]


@pytest.mark.parametrize("overflow", ["drop-head", "reject-publish"])
def test_consumers_with_room_get_theirs_first(broker: SansBroker, client: SansClient, overflow: str) -> None:
    declare(client, max_length=2, overflow=overflow)
    client.answer(1, Basic.Qos(prefetch_count=3))
    client.answer(1, Basic.Consume(queue="q"))
    publisher = opened(broker)
    publish(publisher, *(b"%d" % number for number in range(8)))
    assert delivered(client) == [b"0", b"1", b"2"]
    client.method(1, Basic.Ack(3, True))
    broker.turn()
    assert delivered(client) == ([b"6", b"7"] if overflow == "drop-head" else [b"3", b"4"])


def test_what_comes_back_before_a_get_is_dropped(client: SansClient) -> None:
    declare(client, max_length=1)
    publish(client, b"1")
    client.call(1, Basic.Get(queue="q"))
    publish(client, b"2")
    client.method(1, Basic.Reject(1, True))
    assert drained(client) == [b"2"]


def test_what_is_counted(broker: SansBroker, client: SansClient) -> None:
    declare(client, max_length=1)
    publish(client, b"1", b"2", b"3")
    set_policy(broker, {"overflow": "reject-publish"})
    publish(client, b"4")
    stats = queue_stats(broker.vhost.queues["q"].counters)
    assert (stats.drop_overflow, stats.refuse_overflow, stats.publish) == (2, 1, 3)


def test_a_quorum_queue_that_cannot_divert_drops_others(client: SansClient) -> None:
    declaration = Queue.Declare(queue="q", durable=True, arguments={"x-queue-type": "quorum"})
    client.answer(1, declaration)
    set_policy(client.broker, {"max-length": 1, "overflow": "reject-publish-dlx"})
    publish(client, b"1", b"2")
    assert drained(client) == [b"2"]


@pytest.mark.parametrize("is_late", [False, True])
def test_messages_on_disk_only_are_dropped_when_they_are_there(is_late: bool) -> None:
    home = DurableHome(is_late, 1, Counter())
    client = opened(home.broker)
    client.answer(1, Confirm.Select())
    client.method(1, Queue.Declare(queue="q", durable=True))
    home.finish()
    client.take()
    for number in range(60):
        client.publish(1, "", "q", b"%040d" % number, Basic.Properties(delivery_mode=2))
        home.broker.turn()
        home.finish()
    client.take()
    queue = home.broker.vhost.queues["q"]
    assert queue.ready.paged_out()[0] > 30
    home.broker.node.rules.policies.set("/", "p", "q", {"max-length": 5}, 0, "queues")
    home.broker.turn()
    home.finish()
    assert (queue.ready.count, queue.counters.dropped) == (5, 55)
    home.broker.advance(100)
    home.finish()
    assert [found.body for found in home.find()["q"]] == [b"%040d" % number for number in range(55, 60)]
