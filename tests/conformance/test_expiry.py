"""x-message-ttl, expiration and x-expires, RabbitMQ's extensions; waits are polls with a deadline, never sleeps."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from pamqp.commands import Basic, Queue

from tests.conformance.conftest import Name
from tests.support.raw_channel import RawChannel

DEADLINE_SECONDS = 10.0
SHORT = Basic.Properties(expiration="30")


def wait_until(condition: Callable[[], bool]) -> None:
    """Asks the broker again and again until the condition holds."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "the condition never held"


def ready(channel: RawChannel, queue: str) -> int:
    """Ready messages, by passive declare."""
    return int(channel.declare_queue(queue, passive=True).message_count)


def is_routable(channel: RawChannel, queue: str) -> bool:
    """Whether a mandatory message still finds the queue, which does not count as using it; ends with confirm mode."""
    channel.publish(queue, b"", mandatory=True)
    received = channel.connection.receive(channel.number)
    if isinstance(received, Basic.Ack):
        return True
    channel.expect(Basic.Ack)
    return False


def test_a_queue_ttl_of_0_keeps_nothing_without_a_consumer(channel: RawChannel, name: Name) -> None:
    queue = channel.declare_queue(name("q"), {"x-message-ttl": 0}).queue
    channel.publish_all(queue, [b"1", b"2"])
    assert channel.get(queue) is None


@pytest.mark.parametrize("how", ["queue", "message"])
def test_a_ttl_of_0_still_reaches_a_waiting_consumer(channel: RawChannel, name: Name, how: str) -> None:
    queue = channel.declare_queue(name("q"), {"x-message-ttl": 0} if how == "queue" else {}).queue
    channel.consume(queue, no_ack=True)
    channel.publish(queue, b"1", properties=Basic.Properties(expiration="0") if how == "message" else None)
    assert channel.bodies(1) == [b"1"]


def test_an_expiration_of_0_keeps_nothing_without_a_consumer(channel: RawChannel, queue: str) -> None:
    channel.publish(queue, b"1", properties=Basic.Properties(expiration="0"))
    channel.publish(queue, b"2")
    assert channel.drain(queue) == [b"2"]


def test_a_queue_ttl_takes_messages_after_a_while(channel: RawChannel, name: Name) -> None:
    queue = channel.declare_queue(name("q"), {"x-message-ttl": 30}).queue
    channel.confirm_select()
    channel.publish_all(queue, [b"1", b"2"])
    channel.expect_confirms(1, 2)
    wait_until(lambda: ready(channel, queue) == 0)
    assert channel.get(queue) is None


def test_a_messages_own_expiration_takes_it_alone(channel: RawChannel, queue: str) -> None:
    channel.confirm_select()
    channel.publish(queue, b"short", properties=SHORT)
    channel.publish(queue, b"stays")
    channel.expect_confirms(1, 2)
    wait_until(lambda: ready(channel, queue) == 1)
    assert channel.drain(queue) == [b"stays"]


def test_the_smaller_of_both_times_counts(channel: RawChannel, name: Name) -> None:
    queue = channel.declare_queue(name("q"), {"x-message-ttl": 600_000}).queue
    channel.confirm_select()
    channel.publish(queue, b"short", properties=SHORT)
    channel.expect_confirms(1, 1)
    wait_until(lambda: ready(channel, queue) == 0)


def test_what_is_held_does_not_expire_but_does_when_it_comes_back(channel: RawChannel, queue: str, name: Name) -> None:
    short = channel.declare_queue(name("short"), {"x-message-ttl": 30}).queue
    channel.consume(short)
    channel.publish(short, b"held")
    held = channel.deliveries(1)[0]
    channel.call(Basic.Cancel(held.consumer_tag), Basic.CancelOk)
    channel.confirm_select()
    channel.publish(queue, b"clock", properties=Basic.Properties(expiration="60"))
    channel.expect_confirms(1, 1)
    wait_until(lambda: ready(channel, queue) == 0)
    channel.send(Basic.Reject(held.delivery_tag, True))
    wait_until(lambda: ready(channel, short) == 0)
    assert channel.get(short) is None


def test_a_delivered_message_still_shows_its_expiration(channel: RawChannel, queue: str) -> None:
    channel.publish(queue, b"1", properties=Basic.Properties(expiration="600000"))
    content = channel.get(queue)
    assert content is not None
    assert content.properties.expiration == "600000"


def test_an_unused_queue_expires(channel: RawChannel, name: Name) -> None:
    queue = name("q")
    channel.confirm_select()
    channel.declare_queue(queue, {"x-expires": 50})
    wait_until(lambda: not is_routable(channel, queue))
    channel.refuses(Queue.Declare(queue=queue, passive=True), 404)


def test_a_queue_with_a_consumer_does_not_expire_until_it_is_alone(channel: RawChannel, name: Name, queue: str) -> None:
    short = channel.declare_queue(name("short"), {"x-expires": 40}).queue
    tag = channel.consume(short, no_ack=True)
    channel.confirm_select()
    channel.publish(queue, b"clock", properties=Basic.Properties(expiration="100"))
    channel.expect_confirms(1, 1)
    wait_until(lambda: ready(channel, queue) == 0)
    channel.publish(short, b"alive")
    assert channel.expect(Basic.Deliver).body == b"alive"
    channel.expect_confirms(2, 2)
    channel.call(Basic.Cancel(tag), Basic.CancelOk)
    wait_until(lambda: not is_routable(channel, short))


@pytest.mark.ours  # RabbitMQ looks at the front of a queue only
@pytest.mark.parametrize("priority_max", [0, 3])
def test_a_message_expires_behind_one_that_lives_longer(channel: RawChannel, name: Name, priority_max: int) -> None:
    queue = channel.declare_queue(name("q"), {"x-max-priority": priority_max} if priority_max else {}).queue
    channel.confirm_select()
    channel.publish(queue, b"stays")
    channel.publish(queue, b"short", properties=SHORT)
    channel.publish(queue, b"long", properties=Basic.Properties(expiration="600000"))
    channel.expect_confirms(1, 3)
    wait_until(lambda: ready(channel, queue) == 2)
    assert channel.drain(queue) == [b"stays", b"long"]
