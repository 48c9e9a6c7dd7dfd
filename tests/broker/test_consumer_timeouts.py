"""Deliveries that are not acknowledged in time: what happens to them, to late acknowledgements and to room."""

from __future__ import annotations

import pytest
from pamqp import commands
from pamqp.commands import Basic, Queue

from broker.config import Config
from broker.connections.consumer import DeliveryContext
from broker.connections.late import RUNS_MAX, LateTags
from broker.connections.output import Output
from broker.consumer_timeouts import MARKS_MAX, Marks
from tests.support.sansio import Received, SansBroker, SansClient

TIMEOUT_MS = 1000
LATE_MS = TIMEOUT_MS + TIMEOUT_MS // 10  # after which it must have been noticed


def opened(broker: SansBroker, **arguments: object) -> SansClient:
    client = broker.connect().open()
    client.channel(1)
    client.answer(1, Queue.Declare(queue="q", arguments=arguments))
    return client


def broker_with(action: str = "requeue", timeout_ms: int = TIMEOUT_MS) -> SansBroker:
    broker = SansBroker(Config(consumer_timeout_ms=timeout_ms, consumer_timeout_action=action))
    broker.node.consumer_timeouts.start()
    return broker


def pass_time(broker: SansBroker, by_ms: int) -> None:
    """Time passes as it does outside, a little at a time."""
    for _ in range(by_ms // 10):
        broker.advance(10)


def consume(client: SansClient, prefetch: int = 0, no_ack: bool = False, **arguments: object) -> None:
    client.answer(1, Basic.Qos(prefetch_count=prefetch))
    client.answer(1, Basic.Consume(queue="q", no_ack=no_ack, arguments=arguments))


def delivered(client: SansClient) -> list[Received]:
    return [event for event in client.take() if event.name == "Basic.Deliver"]


def ready(client: SansClient) -> int:
    frame = client.answer(1, Queue.Declare(queue="q", passive=True))
    assert isinstance(frame, Queue.DeclareOk)
    return int(frame.message_count)


def publish(client: SansClient, *bodies: bytes) -> None:
    for body in bodies:
        client.publish(1, "", "q", body)
    client.broker.turn()


def test_what_is_held_too_long_goes_to_somebody_else() -> None:
    broker = broker_with()
    slow, other = opened(broker), opened(broker)
    consume(slow, prefetch=1)
    publish(slow, b"1")
    assert [event.body for event in delivered(slow)] == [b"1"]
    pass_time(broker, TIMEOUT_MS - 20)
    consume(other)
    assert delivered(other) == []
    pass_time(broker, LATE_MS - TIMEOUT_MS + 20)
    again = delivered(other)
    assert [event.body for event in again] == [b"1"]
    assert isinstance(again[0].frame, Basic.Deliver)
    assert again[0].frame.redelivered
    assert broker.vhost.counters.timed_out == 1


def test_a_late_answer_is_accepted_once_and_gives_the_room_back() -> None:
    broker = broker_with()
    client = opened(broker)
    consume(client, prefetch=1)
    publish(client, b"1", b"2")
    pass_time(broker, LATE_MS)
    assert [event.body for event in delivered(client)] == [b"1"], "it still has that one, and room for no other"
    assert ready(client) == 2
    client.method(1, Basic.Ack(1))
    broker.turn()
    assert [event.body for event in delivered(client)] == [b"1"]
    client.method(1, Basic.Ack(1))
    broker.turn()
    assert [event.name for event in client.take()] == ["Channel.Close"]


@pytest.mark.parametrize("answer", [Basic.Ack(3, True), Basic.Nack(3, True), Basic.Ack(0, True), Basic.Nack(2, True)])
def test_late_answers_for_several(answer: Basic.Ack | Basic.Nack) -> None:
    broker = broker_with()
    client = opened(broker)
    client.channel(2)
    consume(client, prefetch=3)
    publish(client, b"1", b"2", b"3")
    assert len(delivered(client)) == 3
    pass_time(broker, LATE_MS)
    client.method(1, answer)
    broker.turn()
    last = answer.delivery_tag or 3
    assert [event.body for event in client.take()] == [b"1", b"2", b"3"][:last]


def test_the_others_of_its_channel_stay_as_they_are() -> None:
    broker = broker_with()
    client = opened(broker)
    consume(client)
    publish(client, b"1")
    pass_time(broker, TIMEOUT_MS // 2)
    publish(client, b"2")
    delivered(client)
    client.answer(1, Basic.Cancel(broker.vhost.queues["q"].consumers.everyone()[0].tag))
    pass_time(broker, LATE_MS - TIMEOUT_MS // 2)
    queue = broker.vhost.queues["q"]
    assert (queue.ready.count, queue.unacked) == (1, 1)
    client.method(1, Basic.Ack(2))
    client.method(1, Basic.Ack(1))
    broker.turn()
    assert (queue.ready.count, queue.unacked) == (1, 0)
    assert client.take() == []


def test_a_run_of_acknowledgements_may_be_late_in_part() -> None:
    broker = broker_with()
    client = opened(broker)
    consume(client, prefetch=4)
    publish(client, b"1", b"2")
    pass_time(broker, TIMEOUT_MS // 2)
    publish(client, b"3", b"4")
    pass_time(broker, LATE_MS - TIMEOUT_MS // 2)
    assert broker.vhost.queues["q"].unacked == 2
    for tag in (1, 2, 3, 4):
        client.method(1, Basic.Ack(tag))
    broker.turn()
    bodies = [event.body for event in delivered(client)]
    assert sorted(bodies) == [b"1", b"1", b"2", b"2", b"3", b"4"], "what was taken back comes again, and nothing else"


def test_closing_as_rabbitmq_does() -> None:
    broker = broker_with("close")
    client = opened(broker)
    consume(client)
    publish(client, b"1")
    delivered(client)
    pass_time(broker, LATE_MS)
    closes = [event.frame for event in client.take()]
    assert len(closes) == 1
    close = closes[0]
    assert isinstance(close, commands.Channel.Close)
    assert close.reply_code == 406
    assert close.reply_text == (
        "PRECONDITION_FAILED - delivery acknowledgement on channel 1 timed out. Timeout value used: 1000 ms. "
        "This timeout value can be configured, see consumers doc guide to learn more"
    )
    client.method(1, commands.Channel.CloseOk())
    broker.turn()
    assert broker.vhost.queues["q"].ready.count == 1


def test_a_message_that_was_got_counts_too() -> None:
    broker = broker_with()
    client = opened(broker)
    publish(client, b"1")
    client.call(1, Basic.Get(queue="q"))
    pass_time(broker, LATE_MS)
    assert ready(client) == 1


@pytest.mark.parametrize(
    ("of_queue", "of_consumer", "expected_ms"),
    [(500, None, 500), (None, 300, 300), (200, 2000, 2000), (0, None, 0), (None, 0, 0), (5000, None, 5000)],
)
def test_whose_timeout_counts(of_queue: int | None, of_consumer: int | None, expected_ms: int) -> None:
    broker = broker_with()
    client = opened(broker, **({} if of_queue is None else {"x-consumer-timeout": of_queue}))
    consume(client, prefetch=1, **({} if of_consumer is None else {"x-consumer-timeout": of_consumer}))
    publish(client, b"1")
    queue = broker.vhost.queues["q"]
    noticed_ms = 0
    for waited_ms in range(10, 6000, 10):
        broker.advance(10)
        if not queue.unacked:
            noticed_ms = waited_ms
            break
    assert expected_ms <= noticed_ms <= expected_ms * 1.1 + 100


def test_no_ack_and_no_timeout_are_left_alone() -> None:
    broker = broker_with(timeout_ms=0)
    client = opened(broker)
    consume(client)
    publish(client, b"1")
    broker.advance(10**7)
    assert broker.vhost.queues["q"].unacked == 1


# ---- parts


def late_tags() -> LateTags:
    return LateTags(DeliveryContext(1, 4096, Output(), lambda: None))


def test_late_tags_are_bounded() -> None:
    late = late_tags()
    for run in range(RUNS_MAX + 10):
        late.add(run * 10, run * 10 + 4, None)
    assert len(late) == RUNS_MAX
    assert not late.has(0)
    assert late.has((RUNS_MAX + 9) * 10 + 4)
    assert not late.has((RUNS_MAX + 9) * 10 + 5)


def test_a_part_of_a_run_is_taken() -> None:
    late = late_tags()
    late.add(1, 9, None)
    assert late.take_run(4, 6) == []
    assert [late.has(tag) for tag in (1, 3, 4, 6, 7, 9)] == [True, True, False, False, True, True]
    assert late.take_run(3, 4) is None
    assert late.has(3)
    late.take_up_to(7)
    assert [late.has(tag) for tag in (3, 7, 8, 9)] == [False, False, True, True]


def test_marks_are_bounded_and_never_too_early() -> None:
    marks = Marks()
    for tag in range(1, 1000):
        marks.add(tag * 10, tag, 1)
        assert len(marks.tags) <= MARKS_MAX
    assert all(marks.delivered_ms(tag) >= tag * 10 for tag in range(1, 1000))
    marks.add(10_000, 999, 990)
    assert marks.tags[0] >= 990


def test_runs_since_a_tag() -> None:
    broker = broker_with(timeout_ms=0)
    client = opened(broker)
    consume(client)
    unacked = client.connection.channels[1].context.unacked
    assert unacked.since(0, 5) == []
    for body in (b"1", b"2", b"3"):
        publish(client, body)
    assert [run.first for run in unacked.since(0, 5)] == [1, 2, 3]
    assert [run.first for run in unacked.since(2, 1)] == [2]
    client.method(1, Basic.Ack(2))
    broker.turn()
    assert [run.first for run in unacked.since(2, 5)] == [3]
    assert unacked.since(4, 5) == []
