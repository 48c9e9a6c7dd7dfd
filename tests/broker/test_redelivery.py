"""Delivery limits on every kind of queue, and the count that consumers see."""

from __future__ import annotations

import pytest
from pamqp.commands import Basic, Queue

from tests.broker.letters import Desk, deaths, headers, properties

KINDS = {
    "transient": {}, "durable": {"durable": True}, "priority": {"durable": True, "max_priority": 3},
    "quorum": {"durable": True, "queue_type": "quorum"},
}  # fmt: skip


def limited(desk: Desk, kind: str = "transient", limit: int = 2) -> str:
    desk.queue("work", dead_letter_exchange="", dead_letter_routing_key="dead", delivery_limit=limit, **KINDS[kind])
    desk.queue("dead")
    return "work"


@pytest.mark.parametrize("kind", KINDS)
def test_a_message_comes_back_as_often_as_the_limit_says(kind: str) -> None:
    desk = Desk()
    work = limited(desk, kind)
    desk.publish(work, "a", delivery_mode=2)
    for count in range(3):
        held = desk.get(work, no_ack=False)
        assert held is not None
        assert isinstance(held.frame, Basic.GetOk)
        assert headers(held)["x-delivery-count"] == count
        assert held.frame.redelivered is (count > 0)
        desk.client.method(1, Basic.Nack(delivery_tag=held.frame.delivery_tag, requeue=True))
        desk.broker.turn()
    assert desk.bodies(work) == []
    letter = desk.got("dead")
    assert deaths(letter) == [("work", "delivery_limit", 1)]
    assert "x-delivery-count" not in headers(letter)
    assert desk.broker.vhost.queues[work].counters.over_limit == 1


def test_a_limit_of_0_lets_nothing_come_back() -> None:
    desk = Desk()
    work = limited(desk, limit=0)
    desk.publish(work, "a")
    desk.reject(work, requeue=True)
    assert desk.bodies("dead") == ["a"]


def test_what_a_lost_connection_gives_back_counts() -> None:
    desk = Desk()
    work = limited(desk, limit=1)
    desk.publish(work, "a")
    for _ in range(2):
        other = Desk(desk.broker)
        other.held(work)
        other.client.lose()
        desk.broker.turn()
    assert desk.bodies("dead") == ["a"]


def test_a_limited_queue_without_a_dead_letter_exchange_drops() -> None:
    desk = Desk()
    desk.queue("work", delivery_limit=1)
    desk.publish("work", "a", "b")
    desk.reject("work", 2, requeue=True)
    desk.reject("work", 2, requeue=True)
    assert desk.bodies("work") == []
    assert desk.broker.vhost.counters.left.numbers == {("classic", "disabled", "delivery_limit"): 2}


def consumed(desk: Desk) -> list[tuple[int, object]]:
    return [
        (event.frame.delivery_tag, headers(event).get("x-delivery-count"))
        for event in desk.client.take(1)
        if isinstance(event.frame, Basic.Deliver)
    ]


def test_consumers_of_a_quorum_queue_see_the_count_from_the_second_delivery_on() -> None:
    desk = Desk()
    desk.queue("work", durable=True, queue_type="quorum")
    desk.client.call(1, Basic.Consume(queue="work"))
    desk.publish("work", "a", "b", headers={"own": 1, "x-delivery-count": 99})
    found = consumed(desk)
    assert [count for _, count in found] == [99, 99], "before that it is whatever the publisher wrote"
    for _, count in enumerate(range(1, 4)):
        desk.client.method(1, Basic.Nack(delivery_tag=found[-1][0], multiple=True, requeue=True))
        desk.broker.turn()
        found = consumed(desk)
        assert [seen for _, seen in found] == [count, count]


def test_a_classic_queue_without_a_limit_adds_nothing() -> None:
    desk = Desk()
    desk.queue("work")
    desk.publish("work", "a")
    desk.reject("work", requeue=True)
    assert properties(desk.got("work")).headers is None


def test_a_lowered_limit_counts_before_the_next_delivery() -> None:
    desk = Desk()
    desk.queue("work", dead_letter_exchange="", dead_letter_routing_key="dead")
    desk.queue("dead")
    desk.publish("work", "a", "b")
    for _ in range(3):
        desk.reject("work", requeue=True)
    desk.broker.node.policies.set(
        "/", "p", pattern="work", definition={"delivery-limit": 2}, priority=0, apply_to="queues"
    )
    desk.broker.advance(1000)
    assert desk.bodies("work") == ["b"]
    assert desk.bodies("dead") == ["a"]
    desk.broker.node.policies.clear("/", "p")
    desk.broker.advance(1000)
    desk.publish("work", "c")
    for _ in range(5):
        desk.reject("work", requeue=True)
    assert desk.bodies("work") == ["c"]


def test_headers_that_cannot_be_read_are_delivered_as_they_are() -> None:
    desk = Desk()
    desk.queue("work", durable=True, queue_type="quorum")
    desk.publish("work", "a", headers={"k": "v"})
    queue = desk.broker.vhost.queues["work"]
    span = queue.ready.take(1)
    assert span is not None
    raw = span.batch.properties.raw.replace(b"\x01kS", b"\x01kZ")
    span.batch.properties = type(span.batch.properties)(raw)
    queue.ready.put_back(span)
    desk.reject("work", requeue=True)
    assert desk.got("work").properties == raw


def test_ready_counts_after_a_message_left_at_its_delivery() -> None:
    desk = Desk()
    work = limited(desk)
    desk.publish(work, "a", "b")
    for _ in range(3):
        desk.reject(work, 2, requeue=True)
    answer = desk.client.answer(1, Queue.Declare(queue=work, passive=True))
    assert isinstance(answer, Queue.DeclareOk)
    assert answer.message_count == 0
    assert desk.bodies("dead") == ["a", "b"]
