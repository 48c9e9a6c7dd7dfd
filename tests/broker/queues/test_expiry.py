"""What expires, when, and what it uncovers; RabbitMQ's answers, on a whole broker without time."""

from __future__ import annotations

import pytest
from pamqp import commands
from pamqp.commands import Basic, Tx

from tests.support.sansio import SansBroker, SansClient


@pytest.fixture
def broker() -> SansBroker:
    """A broker without sockets; hides the process the other tests share."""
    return SansBroker()


@pytest.fixture
def client(broker: SansBroker) -> SansClient:
    client = broker.connect().open()
    client.channel(1)
    client.answer(1, commands.Queue.Declare(queue="q"))
    return client


def publish(client: SansClient, *lives_ms: int | None) -> None:
    for number, life_ms in enumerate(lives_ms):
        properties = Basic.Properties(expiration=None if life_ms is None else str(life_ms))
        client.publish(1, "", "q", b"%d" % number, properties)
    client.broker.turn()


def count(client: SansClient) -> int:
    frame = client.answer(1, commands.Queue.Declare(queue="q", passive=True))
    assert isinstance(frame, commands.Queue.DeclareOk)
    return int(frame.message_count)


def delivered(client: SansClient) -> list[bytes]:
    return [event.body for event in client.take() if event.name == "Basic.Deliver"]


def test_messages_go_when_their_time_has_come(broker: SansBroker, client: SansClient) -> None:
    publish(client, 10, 20)
    broker.advance(9)
    assert count(client) == 2
    broker.advance(1)
    assert count(client) == 1
    broker.advance(10)
    assert count(client) == 0


def test_what_is_overdue_behind_the_front_is_not_delivered(broker: SansBroker, client: SansClient) -> None:
    publish(client, None, 10, None)
    broker.advance(1000)
    assert count(client) == 2
    client.method(1, Basic.Consume(queue="q"))
    broker.turn()
    assert delivered(client) == [b"0", b"2"]


def test_what_a_get_uncovers_expires(broker: SansBroker, client: SansClient) -> None:
    publish(client, None, 100)
    assert client.call(1, Basic.Get(queue="q"))[0].body == b"0"
    broker.advance(100)
    assert count(client) == 0


def test_a_get_does_not_count_what_it_uncovers_and_is_overdue(broker: SansBroker, client: SansClient) -> None:
    publish(client, None, 10)
    broker.advance(1000)
    assert client.call(1, Basic.Get(queue="q"))[0].frame.message_count == 0


def test_a_life_of_zero_is_for_consumers_that_wait(client: SansClient) -> None:
    publish(client, 0)
    assert count(client) == 0
    client.answer(1, Basic.Consume(queue="q"))
    publish(client, 0)
    assert delivered(client) == [b"0"]


def test_a_requeued_message_keeps_its_end(broker: SansBroker, client: SansClient) -> None:
    publish(client, 50)
    client.call(1, Basic.Get(queue="q"))
    broker.advance(49)
    client.method(1, Basic.Reject(1, True))
    broker.turn()
    assert count(client) == 1
    broker.advance(1)
    assert count(client) == 0


def test_a_rollback_gives_settled_tags_back(broker: SansBroker, client: SansClient) -> None:
    publish(client, None, None)
    client.answer(1, Tx.Select())
    client.method(1, Basic.Consume(queue="q"))
    broker.turn()
    client.method(1, Basic.Ack(1))
    assert client.call(1, Tx.Rollback())[-1].name == "Tx.RollbackOk"
    client.method(1, Basic.Ack(1))
    assert [event.name for event in client.call(1, Tx.Commit())] == ["Tx.CommitOk"]
    assert broker.vhost.queues["q"].unacked == 1
