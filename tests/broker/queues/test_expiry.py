"""What expires, when, and what it uncovers; RabbitMQ's answers, on a whole broker without time."""

from __future__ import annotations

import pytest
from pamqp import commands
from pamqp.commands import Basic, Tx

from broker.queues.expiry import FRONT_SPANS_MAX
from tests.support.sansio import SansBroker, SansClient, publish_frames

MANY = 5 * FRONT_SPANS_MAX


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


def overdue_then_one(broker: SansBroker, client: SansClient) -> None:
    """Many messages leave at once, in front of one that stays."""
    publish(client, *([10] * MANY), None)
    broker.wake(11)
    assert MANY > count(client) > MANY - 3 * FRONT_SPANS_MAX, "a turn's worth has left"


def test_what_leaves_at_once_leaves_over_several_turns(broker: SansBroker, client: SansClient) -> None:
    overdue_then_one(broker, client)
    broker.advance(0)
    assert count(client) == 1


def test_what_is_still_to_leave_is_not_delivered_and_what_stands_behind_it_is(
    broker: SansBroker, client: SansClient
) -> None:
    overdue_then_one(broker, client)
    client.method(1, Basic.Consume(queue="q"))
    broker.advance(0)
    assert delivered(client) == [b"%d" % MANY]


@pytest.mark.parametrize("overflow", ["drop-head", "reject-publish"])
def test_publishing_into_a_full_queue_delivers_nothing_that_is_still_to_leave(
    broker: SansBroker, client: SansClient, overflow: str
) -> None:
    arguments = {"x-max-length": MANY + 1, "x-overflow": overflow}
    client.answer(1, commands.Queue.Delete(queue="q"))
    client.answer(1, commands.Queue.Declare(queue="q", arguments=arguments))
    publish(client, *([10] * MANY), None)
    client.method(1, Basic.Qos(prefetch_count=MANY))
    broker.clock.advance(11)
    client.method(1, Basic.Consume(queue="q"))
    client.send(b"".join(publish_frames(1, "", "q", b"%d" % (MANY + number)) for number in range(1, MANY)))
    broker.advance(0)
    assert [body for body in delivered(client) if int(body) < MANY] == []


def test_a_get_waits_for_what_is_still_to_leave(broker: SansBroker, client: SansClient) -> None:
    overdue_then_one(broker, client)
    client.method(1, Basic.Get(queue="q"))
    client.method(1, Basic.Get(queue="q"))
    broker.advance(0)
    answers = client.take()
    assert [event.name for event in answers] == ["Basic.GetOk", "Basic.GetEmpty"]
    assert answers[0].body == b"%d" % MANY


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


# ---- behind what lives longer


def test_of_a_priority_queue_each_level_is_exact(broker: SansBroker, client: SansClient) -> None:
    client.answer(1, commands.Queue.Declare(queue="p", arguments={"x-max-priority": 5}))
    for priority, life_ms in ((5, None), (5, 30), (1, None), (1, 10), (1, 20)):
        expiration = None if life_ms is None else str(life_ms)
        client.publish(1, "", "p", b"x", Basic.Properties(priority=priority, expiration=expiration))
    broker.turn()
    queue = broker.vhost.queues["p"]
    counts = []
    for _ in range(4):
        counts.append(queue.ready.count)
        broker.advance(10)
    assert [*counts, queue.ready.count] == [5, 4, 3, 2, 2]


def test_many_that_are_due_at_once_leave_in_pieces(broker: SansBroker, client: SansClient) -> None:
    publish(client, None, *(value for number in range(600) for value in (100, 10_000 + number)))
    broker.advance(99)
    assert count(client) == 1201
    broker.advance(1)
    assert count(client) == 601
    broker.advance(20_000)
    assert count(client) == 1
    assert broker.vhost.queues["q"].counters.expired == 1200


def test_what_comes_back_after_its_time_leaves_behind_what_came_back_too(
    broker: SansBroker, client: SansClient
) -> None:
    publish(client, None, 50)
    client.call(1, Basic.Get(queue="q"))
    client.call(1, Basic.Get(queue="q"))
    broker.advance(100)
    client.method(1, Basic.Nack(2, True, True))
    broker.turn()
    assert count(client) == 1
    assert broker.vhost.queues["q"].counters.expired == 1


def test_another_ttl_counts_for_what_comes_then(broker: SansBroker, client: SansClient) -> None:
    def set_ttl(ttl_ms: int) -> None:
        broker.node.rules.policies.set("/", "ttl", "q", {"message-ttl": ttl_ms})
        broker.turn()

    set_ttl(1000)
    publish(client, None)
    set_ttl(100)
    publish(client, None)
    broker.advance(100)
    assert count(client) == 1, "as with RabbitMQ, what waits keeps its time; what came behind it is not held up by that"
    set_ttl(5000)
    broker.advance(900)
    assert count(client) == 0


def test_a_purge_forgets_what_was_noted(broker: SansBroker, client: SansClient) -> None:
    publish(client, None, 100)
    client.answer(1, commands.Queue.Purge(queue="q"))
    publish(client, None, 200)
    broker.advance(150)
    assert count(client) == 2
    broker.advance(50)
    assert count(client) == 1
