"""basic.qos for each consumer, from a client that expects it to reach running ones (docs/prefetch.md)."""

from __future__ import annotations

import pytest

from tests.conformance.conftest import Connect
from tests.support.raw_channel import RawChannel

pytestmark = pytest.mark.ours

PY_AMQP = {"product": "py-amqp", "capabilities": {"consumer_cancel_notify": True}}
BODIES = [b"%d" % number for number in range(1, 9)]


@pytest.fixture
def channel(connect: Connect) -> RawChannel:
    return connect(client_properties=PY_AMQP).channel()


def test_a_larger_prefetch_lets_more_through_at_once(channel: RawChannel, queue: str) -> None:
    channel.qos(1)
    channel.consume(queue)
    channel.publish_all(queue, BODIES)
    assert channel.bodies(1) == BODIES[:1]
    channel.qos(3)
    assert channel.bodies(2) == BODIES[1:3]
    channel.expect_nothing(queue)


def test_a_smaller_prefetch_holds_once_enough_is_acknowledged(channel: RawChannel, queue: str) -> None:
    channel.qos(4)
    channel.consume(queue)
    channel.publish_all(queue, BODIES)
    deliveries = channel.deliveries(4)
    channel.qos(2)
    channel.ack(deliveries[1].delivery_tag, multiple=True)
    channel.expect_nothing(queue)
    channel.ack(deliveries[2].delivery_tag)
    assert channel.bodies(1) == [b"5"]
    channel.expect_nothing(queue)


def test_every_consumer_of_the_channel_has_it_for_itself(channel: RawChannel, queue: str) -> None:
    channel.qos(1)
    channel.consume(queue, "one")
    channel.consume(queue, "two")
    channel.publish_all(queue, BODIES)
    channel.deliveries(2)
    channel.qos(3)
    tags = sorted(delivery.consumer_tag for delivery in channel.deliveries(4))
    assert tags == ["one", "one", "two", "two"]
    channel.expect_nothing(queue)


def test_no_limit_lets_everything_through(channel: RawChannel, queue: str) -> None:
    channel.qos(1)
    channel.consume(queue)
    channel.publish_all(queue, BODIES)
    channel.deliveries(1)
    channel.qos(0)
    channel.deliveries(7)


def test_consumers_of_another_channel_keep_theirs(channel: RawChannel, queue: str) -> None:
    other = channel.connection.channel()
    other.qos(1)
    other.consume(queue)
    channel.qos(5)
    channel.publish_all(queue, BODIES)
    other.deliveries(1)
    other.expect_nothing(queue)


def test_the_shared_limit_stays_one_for_all(channel: RawChannel, queue: str) -> None:
    channel.qos(2, global_=True)
    channel.consume(queue)
    channel.publish_all(queue, BODIES)
    channel.deliveries(2)
    channel.qos(6)
    channel.expect_nothing(queue)
