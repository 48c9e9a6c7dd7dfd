"""Publisher confirms, RabbitMQ's confirm class; acks may be single or multiple and in any order."""

from __future__ import annotations

import pytest
from pamqp.commands import Basic, Confirm, Queue, Tx

from tests.conformance.conftest import Name
from tests.support.raw_channel import RawChannel

PERSISTENT = Basic.Properties(delivery_mode=2)


@pytest.mark.parametrize("durable", [True, False])
def test_publishes_are_numbered_from_1_and_each_is_confirmed_once(
    channel: RawChannel, name: Name, durable: bool
) -> None:
    queue = channel.declare_queue(name("q"), durable=durable).queue
    channel.confirm_select()
    channel.publish_all(queue, [b"x"] * 100, properties=PERSISTENT)
    channel.expect_confirms(1, 100)
    channel.publish(queue, b"y")
    channel.expect_confirms(101, 101)
    channel.expect_nothing(queue)


def test_numbering_starts_at_select_and_not_at_the_first_publish(channel: RawChannel, queue: str) -> None:
    channel.publish_all(queue, [b"before"] * 3)
    channel.confirm_select()
    channel.publish(queue)
    channel.expect_confirms(1, 1)


def test_selecting_again_does_not_restart_the_numbers(channel: RawChannel, queue: str) -> None:
    channel.confirm_select()
    channel.publish(queue)
    channel.expect_confirms(1, 1)
    channel.confirm_select()
    channel.publish(queue)
    channel.expect_confirms(2, 2)


def test_select_with_nowait_has_no_answer(channel: RawChannel, queue: str) -> None:
    channel.send(Confirm.Select(nowait=True))
    channel.publish(queue)
    channel.expect_confirms(1, 1)


def test_an_unroutable_message_is_confirmed(channel: RawChannel) -> None:
    channel.confirm_select()
    channel.publish("nowhere")
    channel.expect_confirms(1, 1)


def test_a_return_comes_before_its_ack(channel: RawChannel) -> None:
    channel.confirm_select()
    channel.publish("nowhere", b"x", mandatory=True)
    assert channel.expect(Basic.Return).body == b"x"
    channel.expect_confirms(1, 1)


def test_a_message_for_many_queues_is_confirmed_once(channel: RawChannel, name: Name) -> None:
    exchange = name("x")
    channel.declare_exchange(exchange, "fanout")
    queues = [channel.declare_queue(name(f"q{number}"), durable=number % 2 == 0).queue for number in range(5)]
    for queue in queues:
        channel.bind(queue, exchange)
    channel.confirm_select()
    channel.publish("", b"x", exchange, properties=PERSISTENT)
    channel.expect_confirms(1, 1)
    channel.expect_nothing()
    assert [channel.drain(queue) for queue in queues] == [[b"x"]] * 5


def test_numbers_are_the_channels_own(channel: RawChannel, queue: str) -> None:
    other = channel.connection.channel()
    for publisher in (channel, other):
        publisher.confirm_select()
        publisher.publish(queue)
        publisher.expect_confirms(1, 1)


def test_a_failed_publish_closes_the_channel_and_is_not_confirmed(channel: RawChannel, name: Name) -> None:
    channel.confirm_select()
    channel.publish("k", b"", name("missing"))
    channel.expect_close(404, "no exchange", (60, 40))
    channel.open().expect_nothing()


def test_a_message_confirmed_is_there_for_others(channel: RawChannel, queue: str) -> None:
    other = channel.connection.channel()
    channel.confirm_select()
    channel.publish(queue, b"x")
    channel.expect_confirms(1, 1)
    assert other.declare_queue(queue, passive=True).message_count == 1


def test_a_reopened_channel_is_no_longer_in_confirm_mode(channel: RawChannel, queue: str) -> None:
    channel.confirm_select()
    channel.close()
    channel.open()
    channel.publish(queue)
    channel.expect_nothing(queue)


def test_confirm_and_tx_exclude_each_other(channel: RawChannel) -> None:
    channel.confirm_select()
    channel.refuses(Tx.Select(), 406, "PRECONDITION_FAILED - cannot switch from confirm to tx mode")
    channel.call(Tx.Select(), Tx.SelectOk)
    channel.refuses(Confirm.Select(), 406, "PRECONDITION_FAILED - cannot switch from tx to confirm mode")


def test_a_message_in_a_queue_deleted_meanwhile_is_still_confirmed(channel: RawChannel, name: Name) -> None:
    queue = channel.declare_queue(name("q"), durable=True).queue
    channel.confirm_select()
    channel.publish(queue, b"x", properties=PERSISTENT)
    channel.send(Queue.Delete(queue=queue))
    received = [channel.connection.receive(channel.number) for _ in range(2)]
    assert sorted(method.name for method in received) == ["Basic.Ack", "Queue.DeleteOk"]
