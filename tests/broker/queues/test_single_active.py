"""Single active consumer: who is active, who takes over, and what is said of it; RabbitMQ's answers."""

from __future__ import annotations

import pytest
from pamqp import commands
from pamqp.commands import Basic, Queue

from broker.introspection.window import Introspection
from broker.management import shapes
from tests.support.sansio import SansBroker, SansClient


@pytest.fixture
def broker() -> SansBroker:
    """A broker without sockets; hides the process the other tests share."""
    return SansBroker()


def consumer(broker: SansBroker, tag: str, prefetch: int = 0, **arguments: object) -> SansClient:
    client = broker.connect().open()
    client.channel(1)
    client.answer(1, Queue.Declare(queue="q", arguments={"x-single-active-consumer": True}))
    client.answer(1, Basic.Qos(prefetch_count=prefetch))
    client.answer(1, Basic.Consume(queue="q", consumer_tag=tag, arguments=arguments))
    return client


def publish(client: SansClient, *bodies: bytes) -> None:
    for body in bodies:
        client.publish(1, "", "q", body)
    client.broker.turn()


def delivered(client: SansClient) -> list[bytes]:
    return [event.body for event in client.take() if event.name == "Basic.Deliver"]


def statuses(broker: SansBroker) -> dict[str, tuple[bool, str]]:
    rows = [shapes.consumer(info, "node") for info in Introspection(broker.node).consumers().items]
    return {row["consumer_tag"]: (row["active"], row["activity_status"]) for row in rows}


def test_priority_does_not_change_who_is_active(broker: SansBroker) -> None:
    first, second = consumer(broker, "first"), consumer(broker, "second", **{"x-priority": 10})
    publish(second, b"1", b"2")
    assert delivered(first) == [b"1", b"2"]
    assert statuses(broker) == {"first": (True, "single_active"), "second": (False, "waiting")}


def test_a_full_active_consumer_makes_the_queue_wait(broker: SansBroker) -> None:
    first, second = consumer(broker, "first", prefetch=1), consumer(broker, "second")
    publish(first, b"1", b"2")
    assert delivered(first) == [b"1"]
    assert delivered(second) == []


@pytest.mark.parametrize("how", ["cancel", "channel", "connection"])
def test_the_next_one_takes_over(broker: SansBroker, how: str) -> None:
    first, second = consumer(broker, "first", prefetch=1), consumer(broker, "second")
    publish(first, b"1", b"2")
    delivered(first)
    if how == "cancel":
        first.answer(1, Basic.Cancel("first"))
    elif how == "channel":
        first.answer(1, commands.Channel.Close(200, "", 0, 0))
    else:
        first.lose()
    broker.turn()
    assert delivered(second) == ([b"2"] if how == "cancel" else [b"1", b"2"])
    assert statuses(broker) == {"second": (True, "single_active")}


def test_other_queues_say_up(broker: SansBroker) -> None:
    client = broker.connect().open()
    client.channel(1)
    client.answer(1, Queue.Declare(queue="plain"))
    client.answer(1, Basic.Consume(queue="plain", consumer_tag="one", arguments={"x-priority": 2**40}))
    assert statuses(broker) == {"one": (True, "up")}
