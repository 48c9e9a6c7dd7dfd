"""How long tasks were ready is noted once a message, by a bounded number of names, and only where it is wanted."""

from __future__ import annotations

from pamqp.commands import Basic, Queue

from broker.config import Config
from broker.queues.waits import NAME_CHARS_MAX, OTHERS, TASKS_MAX, TimedReady, task_name
from protocol.properties import Properties
from tests.support.sansio import SansBroker, SansClient


def raw(properties: Basic.Properties) -> Properties:
    return Properties(properties.marshal())


def timed(arguments: dict[str, object] | None = None) -> tuple[SansBroker, SansClient]:
    broker = SansBroker(Config(task_wait_metrics=True))
    client = broker.connect().open()
    client.channel()
    client.answer(1, Queue.Declare(queue="q", arguments=arguments or {}))
    return broker, client


def publish(client: SansClient, task: str, **more: object) -> None:
    client.publish(1, "", "q", b"[]", Basic.Properties(headers={"task": task, "id": "1"}, **more))


def counts(broker: SansBroker) -> dict[str, int]:
    assert broker.node.task_waits is not None
    return {name: spread.count for name, spread in broker.node.task_waits.copy().items()}


def test_only_celerys_messages_have_a_name() -> None:
    assert task_name(raw(Basic.Properties(headers={"task": "shop.pay"}))) == "shop.pay"
    assert task_name(raw(Basic.Properties(headers={"other": "x", "tasks": "y"}))) is None
    assert task_name(raw(Basic.Properties(headers={"task": 7}))) is None
    assert task_name(raw(Basic.Properties(content_type="task"))) is None
    long = task_name(raw(Basic.Properties(headers={"task": "x" * 1000})))
    assert long is not None
    assert len(long) == NAME_CHARS_MAX


def test_a_wait_ends_with_the_first_delivery() -> None:
    broker, client = timed()
    publish(client, "shop.pay")
    broker.advance(700)
    client.call(1, Basic.Get(0, "q"))
    client.method(1, Basic.Nack(1, False, True))
    broker.advance(5000)
    client.call(1, Basic.Get(0, "q", True))
    assert broker.node.task_waits is not None
    spread = broker.node.task_waits.copy()["shop.pay"]
    assert (spread.count, spread.total) == (1, 700)


def test_priorities_and_consumers_are_timed_too() -> None:
    broker, client = timed({"x-max-priority": 5})
    for priority in (1, 5):
        publish(client, f"p{priority}", priority=priority)
    client.call(1, Basic.Consume(0, "q", "c"))
    assert counts(broker) == {"p5": 1, "p1": 1}
    assert broker.vhost.queues["q"].ready.count == 0


def test_what_expires_has_not_been_delivered() -> None:
    broker, client = timed({"x-message-ttl": 1000})
    publish(client, "shop.pay")
    broker.turn()
    broker.advance(3000)
    assert broker.vhost.queues["q"].counters.expired == 1
    assert counts(broker) == {}


def test_names_are_bounded() -> None:
    broker, client = timed()
    for number in range(TASKS_MAX + 20):
        publish(client, f"task{number}")
    broker.turn()
    client.call(1, Basic.Consume(0, "q", "c", False, True))
    found = counts(broker)
    assert len(found) == TASKS_MAX + 1
    assert found[OTHERS] == 20


def test_without_the_setting_nothing_stands_in_between() -> None:
    broker = SansBroker()
    client = broker.connect().open()
    client.channel()
    client.answer(1, Queue.Declare(queue="q"))
    assert broker.node.task_waits is None
    assert not isinstance(broker.vhost.queues["q"].ready, TimedReady)
