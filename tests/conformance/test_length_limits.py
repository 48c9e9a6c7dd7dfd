"""x-max-length, x-max-length-bytes and x-overflow, RabbitMQ's extensions: what is ready counts, by body bytes."""

from __future__ import annotations

import pytest
from pamqp.commands import Basic, Tx

from tests.conformance.conftest import Connect, Name
from tests.support.raw_channel import RawChannel

OVERFLOWS = ("reject-publish", "reject-publish-dlx")


def declare(channel: RawChannel, name: Name, **arguments: object) -> str:
    """A queue with x-… arguments."""
    named = {f"x-{key.replace('_', '-')}": value for key, value in arguments.items()}
    return str(channel.declare_queue(name("q"), named).queue)


def verdicts(channel: RawChannel, count: int) -> list[str]:
    """What became of publishes 1..count, once all are answered: ack or nack."""
    found: dict[int, str] = {}
    while len(found) < count:
        frame = channel.connection.receive(channel.number)
        kind = "ack" if isinstance(frame, Basic.Ack) else "nack"
        assert isinstance(frame, Basic.Ack | Basic.Nack), frame
        tags = range(1, frame.delivery_tag + 1) if frame.multiple else [frame.delivery_tag]
        for tag in tags:
            found.setdefault(tag, kind)
    return [found[number] for number in sorted(found)]


def test_the_oldest_go_where_there_are_too_many(channel: RawChannel, name: Name) -> None:
    queue = declare(channel, name, max_length=2)
    channel.publish_all(queue, [b"1", b"2", b"3", b"4"])
    assert channel.drain(queue) == [b"3", b"4"]


def test_what_is_dropped_was_confirmed(channel: RawChannel, name: Name) -> None:
    queue = declare(channel, name, max_length=1)
    channel.confirm_select()
    channel.publish_all(queue, [b"1", b"2", b"3"])
    assert verdicts(channel, 3) == ["ack", "ack", "ack"]
    assert channel.drain(queue) == [b"3"]


def test_body_bytes_count_and_properties_do_not(channel: RawChannel, name: Name) -> None:
    queue = declare(channel, name, max_length_bytes=10)
    headers = Basic.Properties(headers={"long": "x" * 100})
    channel.publish(queue, b"12345", properties=headers)
    channel.publish(queue, b"12345", properties=headers)
    channel.publish(queue, b"", properties=headers)
    channel.publish(queue, b"6")
    assert channel.drain(queue) == [b"12345", b"", b"6"]


def test_a_message_larger_than_the_queue_may_be_leaves_it_empty(channel: RawChannel, name: Name) -> None:
    queue = declare(channel, name, max_length_bytes=10)
    channel.publish_all(queue, [b"12345", b"x" * 11])
    assert channel.drain(queue) == []


def test_a_length_of_0_keeps_nothing(channel: RawChannel, name: Name) -> None:
    queue = declare(channel, name, max_length=0)
    channel.publish(queue, b"1")
    assert channel.get(queue) is None


def test_unacknowledged_messages_do_not_count_until_they_come_back(channel: RawChannel, name: Name) -> None:
    queue = declare(channel, name, max_length=2)
    channel.publish_all(queue, [b"1", b"2"])
    held = channel.get(queue, no_ack=False)
    assert held is not None
    channel.publish(queue, b"3")
    channel.send(Basic.Reject(held.delivery_tag, True))
    assert channel.drain(queue) == [b"2", b"3"], "what came back to the front was too much"


def test_of_a_priority_queue_the_highest_go_first(channel: RawChannel, name: Name) -> None:
    queue = declare(channel, name, max_length=2, max_priority=5)
    for priority, body in ((1, b"low 1"), (5, b"high"), (1, b"low 2")):
        channel.publish(queue, body, properties=Basic.Properties(priority=priority))
    assert channel.drain(queue) == [b"low 1", b"low 2"]


@pytest.mark.parametrize("overflow", OVERFLOWS)
def test_what_does_not_fit_is_refused_alone(channel: RawChannel, name: Name, overflow: str) -> None:
    queue = declare(channel, name, max_length=2, overflow=overflow)
    channel.confirm_select()
    channel.publish_all(queue, [b"1", b"2", b"3", b"4"])
    assert verdicts(channel, 4) == ["ack", "ack", "nack", "nack"]
    assert channel.drain(queue) == [b"1", b"2"]


def test_bytes_that_do_not_fit_are_refused_and_smaller_ones_taken(channel: RawChannel, name: Name) -> None:
    queue = declare(channel, name, max_length_bytes=10, overflow="reject-publish")
    channel.confirm_select()
    channel.publish_all(queue, [b"12345678", b"123", b"12"])
    assert verdicts(channel, 3) == ["ack", "nack", "ack"]
    assert channel.drain(queue) == [b"12345678", b"12"]


def test_a_length_of_0_refuses_even_where_a_consumer_waits(channel: RawChannel, name: Name) -> None:
    queue = declare(channel, name, max_length=0, overflow="reject-publish")
    channel.consume(queue, no_ack=True)
    channel.confirm_select()
    channel.publish_all(queue, [b"1", b"2"])
    assert verdicts(channel, 2) == ["nack", "nack"]


def test_without_confirms_what_is_refused_is_gone_silently(channel: RawChannel, name: Name) -> None:
    queue = declare(channel, name, max_length=1, overflow="reject-publish")
    channel.publish(queue, b"1", mandatory=True)
    channel.publish(queue, b"2", mandatory=True)
    assert channel.drain(queue) == [b"1"]


def test_one_queue_of_two_that_refuses_makes_a_nack_and_the_other_takes_it(
    channel: RawChannel, name: Name, exchange: str
) -> None:
    full, other = declare(channel, name, max_length=1, overflow="reject-publish"), declare(channel, name)
    channel.bind(full, exchange, "k")
    channel.bind(other, exchange, "k")
    channel.confirm_select()
    channel.publish_all("k", [b"1", b"2", b"3"], exchange=exchange, mandatory=True)
    assert verdicts(channel, 3) == ["ack", "nack", "nack"]
    assert channel.drain(full) == [b"1"]
    assert channel.drain(other) == [b"1", b"2", b"3"]


def test_a_transaction_with_a_refused_message_is_completed_in_part(
    connect: Connect, channel: RawChannel, name: Name
) -> None:
    full, other = declare(channel, name, max_length=1, overflow="reject-publish"), declare(channel, name)
    transaction = connect().channel()
    transaction.call(Tx.Select(), Tx.SelectOk)
    transaction.publish_all(full, [b"1", b"2"])
    transaction.publish(other, b"3")
    transaction.send(Tx.Commit())
    transaction.expect_close(406, "PRECONDITION_FAILED - partial tx completion")
    assert channel.drain(full) == [b"1"]
    assert channel.drain(other) == [b"3"]


def test_consumers_with_room_make_room(channel: RawChannel, name: Name) -> None:
    queue = declare(channel, name, max_length=1, overflow="reject-publish")
    channel.consume(queue, no_ack=True)
    channel.confirm_select()
    for number in range(1, 21):
        channel.publish(queue, b"%d" % number)
        received = {type(channel.connection.receive(channel.number)) for _ in range(2)}
        assert Basic.Nack not in received
