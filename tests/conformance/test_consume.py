"""basic.consume, cancel, deliver, get, qos (specification 1.8.3.1-1.8.3.6, 1.8.3.9-1.8.3.12)."""

from __future__ import annotations

from typing import Any

import pytest
from pamqp.commands import Basic, Queue

from tests.conformance.conftest import Connect, Name
from tests.support.raw_channel import RawChannel

ONE_TO_SIX = [b"1", b"2", b"3", b"4", b"5", b"6"]


def in_use(queue: str) -> str:
    """The text of 403 where an exclusive consumer is in the way."""
    return f"ACCESS_REFUSED - queue '{queue}' in vhost '/' in exclusive use"


def test_a_delivery_says_where_it_comes_from(channel: RawChannel, exchange: str, queue: str) -> None:
    channel.bind(queue, exchange, "k")
    tag = channel.consume(queue, "mine")
    channel.publish("k", b"x", exchange)
    delivery = channel.deliveries(1)[0]
    assert (tag, delivery.consumer_tag, delivery.delivery_tag) == ("mine", "mine", 1)
    assert (delivery.redelivered, delivery.exchange, delivery.routing_key) == (False, exchange, "k")


def test_the_server_makes_up_a_consumer_tag(channel: RawChannel, queue: str) -> None:
    tags = {channel.consume(queue) for _ in range(3)}
    assert len(tags) == 3
    assert all(tag.startswith("amq.ctag-") and len(tag) == len("amq.ctag-") + 22 for tag in tags)


def test_what_waited_is_delivered_after_consume_ok(channel: RawChannel, queue: str) -> None:
    channel.publish_all(queue, ONE_TO_SIX)
    channel.consume(queue, no_ack=True)
    assert channel.bodies(6) == ONE_TO_SIX


def test_consumers_take_turns(channel: RawChannel, queue: str) -> None:
    channel.consume(queue, "a", no_ack=True)
    channel.consume(queue, "b", no_ack=True)
    channel.publish_all(queue, ONE_TO_SIX)
    deliveries = channel.deliveries(6)
    by_tag = {tag: [item.body for item in deliveries if item.consumer_tag == tag] for tag in "ab"}
    assert by_tag == {"a": [b"1", b"3", b"5"], "b": [b"2", b"4", b"6"]}


def test_a_consumer_tag_in_use_closes_the_connection(channel: RawChannel, queue: str) -> None:
    channel.consume(queue, "t")
    channel.connection_refuses(
        Basic.Consume(queue=queue, consumer_tag="t"), 530, "NOT_ALLOWED - attempt to reuse consumer tag 't'"
    )


def test_a_cancelled_tag_and_another_channels_tag_may_be_used(channel: RawChannel, queue: str) -> None:
    channel.consume(queue, "t")
    channel.connection.channel().consume(queue, "t")
    assert channel.call(Basic.Cancel("t"), Basic.CancelOk).consumer_tag == "t"
    channel.consume(queue, "t")


def test_cancelling_an_unknown_consumer_is_fine(channel: RawChannel) -> None:
    assert channel.call(Basic.Cancel("nobody"), Basic.CancelOk).consumer_tag == "nobody"


def test_a_cancelled_consumer_gets_nothing_more_but_may_settle(channel: RawChannel, queue: str) -> None:
    tag = channel.consume(queue)
    channel.publish(queue, b"1")
    channel.deliveries(1)
    channel.call(Basic.Cancel(tag), Basic.CancelOk)
    channel.publish(queue, b"2")
    channel.expect_nothing(queue)
    channel.ack(1)
    assert channel.drain(queue) == [b"2"]


def test_nowait_leaves_consume_and_cancel_without_an_answer(channel: RawChannel, queue: str) -> None:
    channel.send(Basic.Consume(queue=queue, consumer_tag="t", nowait=True, no_ack=True))
    channel.publish(queue, b"1")
    assert channel.deliveries(1)[0].consumer_tag == "t"
    channel.send(Basic.Cancel("t", nowait=True))
    channel.expect_nothing(queue)


def test_an_exclusive_consumer_keeps_others_out(channel: RawChannel, queue: str, connect: Connect) -> None:
    other = connect().channel()
    tag = channel.consume(queue, exclusive=True)
    other.refuses(Basic.Consume(queue=queue), 403, in_use(queue))
    channel.call(Basic.Cancel(tag), Basic.CancelOk)
    other.consume(queue)


def test_a_queue_with_consumers_takes_no_exclusive_one(channel: RawChannel, queue: str) -> None:
    channel.consume(queue)
    channel.refuses(Basic.Consume(queue=queue, exclusive=True), 403, in_use(queue))


def test_an_exclusive_consumer_does_not_keep_get_out(channel: RawChannel, queue: str) -> None:
    channel.consume(queue, exclusive=True)
    assert channel.get(queue) is None


def test_deleting_the_queue_cancels_its_consumers(channel: RawChannel, queue: str, connect: Connect) -> None:
    tag = channel.consume(queue)
    connect().channel().call(Queue.Delete(queue=queue), Queue.DeleteOk)
    cancel = channel.expect(Basic.Cancel)
    assert (cancel.consumer_tag, cancel.nowait) == (tag, True)


def test_a_client_without_the_capability_is_not_told(connect: Connect, queue: str) -> None:
    channel = connect(client_properties={}).channel()
    channel.consume(queue)
    channel.call(Queue.Delete(queue=queue), Queue.DeleteOk)
    channel.expect_nothing()


def test_a_consumer_without_acks_holds_nothing(channel: RawChannel, queue: str) -> None:
    channel.publish(queue, b"1")
    channel.consume(queue, no_ack=True)
    tag = channel.deliveries(1)[0].delivery_tag
    channel.send(Basic.Ack(tag))
    channel.expect_close(406, f"PRECONDITION_FAILED - unknown delivery tag {tag}", (60, 80))


@pytest.mark.parametrize("value", ["high", True])
def test_a_consumer_priority_must_be_an_integer(channel: RawChannel, queue: str, value: Any) -> None:
    kind = "bool" if value is True else "longstr"
    channel.refuses(
        Basic.Consume(queue=queue, arguments={"x-priority": value}),
        406,
        f"invalid arg 'x-priority' for queue '{queue}' in vhost '/': \"expected integer, got {kind}\"",
    )


def test_a_higher_consumer_priority_is_served_first(channel: RawChannel, queue: str) -> None:
    channel.qos(2)
    channel.consume(queue, "low", {"x-priority": -5})
    channel.consume(queue, "none")
    channel.consume(queue, "high", {"x-priority": 5})
    channel.publish_all(queue, ONE_TO_SIX)
    assert [item.consumer_tag for item in channel.deliveries(6)] == ["high", "high", "none", "none", "low", "low"]


def test_a_single_active_consumer_has_the_queue_until_it_goes(channel: RawChannel, name: Name) -> None:
    queue = channel.declare_queue(name("q"), {"x-single-active-consumer": True}).queue
    channel.consume(queue, "first", no_ack=True)
    channel.consume(queue, "second", no_ack=True)
    channel.publish_all(queue, [b"1", b"2"])
    assert [item.consumer_tag for item in channel.deliveries(2)] == ["first", "first"]
    channel.call(Basic.Cancel("first"), Basic.CancelOk)
    channel.publish(queue, b"3")
    assert channel.deliveries(1)[0].consumer_tag == "second"


def test_a_single_active_queue_takes_no_exclusive_consumer(channel: RawChannel, name: Name) -> None:
    queue = channel.declare_queue(name("q"), {"x-single-active-consumer": True}).queue
    channel.refuses(Basic.Consume(queue=queue, exclusive=True), 403, in_use(queue))


def test_get_counts_what_is_left_and_says_empty(channel: RawChannel, queue: str) -> None:
    channel.publish_all(queue, [b"1", b"2"])
    first, second = channel.get(queue, no_ack=False), channel.get(queue, no_ack=False)
    assert first is not None
    assert second is not None
    assert [(item.body, item.delivery_tag, item.message_count) for item in (first, second)] == [
        (b"1", 1, 1),
        (b"2", 2, 0),
    ]
    assert channel.get(queue) is None


def test_get_and_deliver_share_the_channels_tags(channel: RawChannel, queue: str) -> None:
    channel.publish_all(queue, [b"1", b"2"])
    first = channel.get(queue, no_ack=True)
    channel.consume(queue)
    assert first is not None
    assert (first.delivery_tag, channel.deliveries(1)[0].delivery_tag) == (1, 2)


def test_prefetch_holds_for_each_consumer_made_after_it(channel: RawChannel, queue: str) -> None:
    channel.qos(1)
    channel.consume(queue, "one")
    channel.qos(2)
    channel.consume(queue, "two")
    channel.publish_all(queue, ONE_TO_SIX)
    deliveries = channel.deliveries(3)
    assert sorted(item.consumer_tag for item in deliveries) == ["one", "two", "two"]
    channel.expect_nothing(queue)
    channel.ack(next(item.delivery_tag for item in deliveries if item.consumer_tag == "one"))
    assert channel.deliveries(1)[0].consumer_tag == "one"
    channel.expect_nothing(queue)


def test_a_new_prefetch_does_not_touch_running_consumers(channel: RawChannel, queue: str) -> None:
    channel.qos(2)
    channel.consume(queue)
    channel.qos(1)
    channel.publish_all(queue, ONE_TO_SIX)
    assert channel.bodies(2) == [b"1", b"2"]
    channel.expect_nothing(queue)


def test_a_global_prefetch_is_shared_by_the_channel(channel: RawChannel, queue: str) -> None:
    channel.qos(3, global_=True)
    channel.consume(queue, "a")
    channel.consume(queue, "b")
    channel.publish_all(queue, ONE_TO_SIX)
    channel.deliveries(3)
    channel.expect_nothing(queue)
    channel.ack(0, multiple=True)
    channel.deliveries(3)


def test_prefetch_0_means_no_limit(channel: RawChannel, queue: str) -> None:
    channel.qos(1)
    channel.qos(0)
    channel.consume(queue)
    channel.publish_all(queue, [b"x"] * 300)
    channel.deliveries(300)


def test_get_and_no_ack_consumers_are_not_limited_by_prefetch(channel: RawChannel, queue: str) -> None:
    channel.qos(1)
    channel.publish_all(queue, ONE_TO_SIX)
    assert [channel.get(queue, no_ack=False) is not None for _ in range(2)] == [True, True]
    channel.consume(queue, no_ack=True)
    assert channel.bodies(4) == ONE_TO_SIX[2:]


def test_a_prefetch_in_bytes_is_not_implemented(channel: RawChannel) -> None:
    channel.connection_refuses(Basic.Qos(5, 0, False), 540, "NOT_IMPLEMENTED - prefetch_size!=0 (5)")


def test_the_same_connection_may_consume_what_it_publishes_in_spite_of_no_local(
    channel: RawChannel, queue: str
) -> None:
    channel.consume(queue, no_local=True, no_ack=True)
    channel.publish(queue, b"1")
    assert channel.bodies(1) == [b"1"]
