"""Streams over AMQP 0-9-1, as RabbitMQ 3.10.8 answers; 3.13's source says the same where it could be compared.

Where RabbitMQ closes the connection with 541 INTERNAL_ERROR (an offset or an age it cannot read), we refuse what was
asked for with 406; where it deletes a stream that is in use or not empty although it was told not to, we do not.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pamqp.commands import Basic, Queue

from tests.conformance.conftest import Connect, Name
from tests.support.raw import RawConnection
from tests.support.raw_channel import RawChannel
from tests.support.raw_frames import loose

STREAM = {"x-queue-type": "stream"}
EMPTY_LIST_WITH_OFFSET_7 = b"\x20\x00\x00\x00\x00\x19\x0fx-stream-offsetl\x00\x00\x00\x00\x00\x00\x00\x07"


@pytest.fixture
def stream(channel: RawChannel, name: Name) -> str:
    """An empty stream."""
    return str(channel.declare_queue(name("s"), STREAM, durable=True).queue)


@pytest.fixture
def filled(channel: RawChannel, stream: str) -> str:
    """A stream with the confirmed messages b"0" to b"4"."""
    channel.confirm_select()
    channel.publish_all(stream, [b"%d" % number for number in range(5)])
    channel.expect_confirms(1, 5)
    return stream


@pytest.fixture
def reading(connect: Connect) -> RawChannel:
    """A channel of another connection, with a prefetch of 10."""
    connection: RawConnection = connect()
    channel = connection.channel()
    channel.qos(10)
    return channel


def read(channel: RawChannel, stream: str, count: int, **arguments: Any) -> list[bytes]:
    """The bodies of the first deliveries to a consumer with these arguments, whose offsets have no gaps."""
    channel.consume(stream, "", {f"x-stream-{name}": value for name, value in arguments.items()})
    deliveries = channel.deliveries(count)
    offsets = [delivery.properties.headers["x-stream-offset"] for delivery in deliveries]
    assert offsets == list(range(offsets[0], offsets[0] + count)) if offsets else True
    return [delivery.body for delivery in deliveries]


# ---- declaring


@pytest.mark.parametrize(
    ("flags", "property_name"),
    [
        ({"durable": False}, "non-durable"),
        ({"durable": True, "exclusive": True}, "exclusive-owner"),
        ({"durable": True, "auto_delete": True}, "auto-delete"),
    ],
)
def test_a_stream_is_durable_shared_and_stays(
    channel: RawChannel, name: Name, flags: dict[str, bool], property_name: str
) -> None:
    queue = name("s")
    channel.refuses(
        loose(Queue.Declare, queue=queue, arguments=STREAM, **flags),
        406,
        f"PRECONDITION_FAILED - invalid property '{property_name}' for queue '{queue}' in vhost '/'",
    )


@pytest.mark.parametrize(
    "argument",
    [
        {"x-max-length-bytes": 1000},
        {"x-max-age": "7D"},
        {"x-max-age": "1Y"},
        {"x-stream-max-segment-size-bytes": 1000},
        {"x-initial-cluster-size": 1},
        {"x-queue-leader-locator": "client-local"},
        {"x-stream-filter-size-bytes": 16},
    ],
)
def test_a_stream_takes_its_arguments(channel: RawChannel, name: Name, argument: dict[str, Any]) -> None:
    assert channel.declare_queue(name("s"), {**STREAM, **argument}, durable=True).message_count == 0


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("x-message-ttl", 100),
        ("x-expires", 1000),
        ("x-max-length", 10),
        ("x-overflow", "drop-head"),
        ("x-dead-letter-exchange", "a"),
        ("x-dead-letter-routing-key", "a"),
        ("x-dead-letter-strategy", "at-most-once"),
        ("x-max-priority", 3),
        ("x-single-active-consumer", True),
        ("x-delivery-limit", 2),
        ("x-queue-mode", "lazy"),
        ("x-queue-version", 2),
        ("x-queue-master-locator", "min-masters"),
        ("x-quorum-initial-group-size", 3),
    ],
)
def test_a_stream_refuses_what_is_not_for_streams(channel: RawChannel, name: Name, argument: str, value: Any) -> None:
    queue = name("s")
    channel.refuses(
        Queue.Declare(queue=queue, durable=True, arguments={**STREAM, argument: value}),
        406,
        f"PRECONDITION_FAILED - invalid arg '{argument}' for queue '{queue}' in vhost '/' of queue type "
        "rabbit_stream_queue",
    )


@pytest.mark.parametrize(
    ("argument", "value", "reason"),
    [
        ("x-max-age", "1x", "invalid_max_age"),
        ("x-max-age", "0h", "invalid_max_age"),
        ("x-max-age", 5, "{unacceptable_type,byte}"),
        ("x-stream-max-segment-size-bytes", -1, "{value_negative,-1}"),
        ("x-stream-max-segment-size-bytes", "a", '"expected integer, got longstr"'),
        ("x-initial-cluster-size", 0, "{value_zero,0}"),
        ("x-queue-leader-locator", "foo", "invalid_queue_locator_arg"),
    ],
)
def test_a_wrong_argument_is_refused_with_the_reason(
    channel: RawChannel, name: Name, argument: str, value: Any, reason: str
) -> None:
    queue = name("s")
    channel.refuses(
        Queue.Declare(queue=queue, durable=True, arguments={**STREAM, argument: value}),
        406,
        f"PRECONDITION_FAILED - invalid arg '{argument}' for queue '{queue}' in vhost '/': {reason}",
    )


def test_a_segment_is_not_larger_than_three_gigabytes(channel: RawChannel, name: Name) -> None:
    arguments = {**STREAM, "x-stream-max-segment-size-bytes": 4_000_000_000}
    channel.refuses(
        Queue.Declare(queue=name("s"), durable=True, arguments=arguments),
        406,
        "PRECONDITION_FAILED - Exceeded max value for x-stream-max-segment-size-bytes",
    )


@pytest.mark.ours
@pytest.mark.parametrize("age", ["h", "-1s", ""])
def test_an_age_that_cannot_be_read_is_refused(channel: RawChannel, name: Name, age: str) -> None:
    declare = Queue.Declare(queue=name("s"), durable=True, arguments={**STREAM, "x-max-age": age})
    channel.refuses(declare, 406, "invalid_max_age")


# ---- consuming


@pytest.mark.parametrize(
    ("qos", "no_ack", "code", "text"),
    [
        (None, False, 406, "PRECONDITION_FAILED - consumer prefetch count is not set for '{}'"),
        (None, True, 406, "PRECONDITION_FAILED - consumer prefetch count is not set for '{}'"),
        ((10, True), False, 406, "PRECONDITION_FAILED - consumer prefetch count is not set for '{}'"),
        ((10, False), True, 540, "NOT_IMPLEMENTED - automatic acknowledgement not supported by stream queues {}"),
    ],
)
def test_a_consumer_has_a_prefetch_and_acknowledges(
    channel: RawChannel, stream: str, qos: tuple[int, bool] | None, no_ack: bool, code: int, text: str
) -> None:
    if qos is not None:
        channel.qos(*qos)
    consume = Basic.Consume(queue=stream, no_ack=no_ack)
    told = text.format(f"queue '{stream}' in vhost '/'")
    if code == 406:
        channel.refuses(consume, code, told)
    else:
        channel.connection_refuses(consume, code, told)


def test_a_shared_prefetch_is_refused(channel: RawChannel, stream: str) -> None:
    channel.qos(10)
    channel.qos(10, global_=True)
    channel.connection_refuses(
        Basic.Consume(queue=stream), 540,
        f"NOT_IMPLEMENTED - queue '{stream}' in vhost '/' does not support global qos",
    )  # fmt: skip


def test_priorities_are_refused(reading: RawChannel, stream: str) -> None:
    reading.refuses(
        Basic.Consume(queue=stream, arguments={"x-priority": 1}),
        406,
        f"PRECONDITION_FAILED - invalid arg 'x-priority' for queue '{stream}' in vhost '/' of queue type "
        "rabbit_stream_queue",
    )


def test_nobody_has_a_stream_to_himself(reading: RawChannel, stream: str) -> None:
    reading.consume(stream, "a", exclusive=True)
    reading.consume(stream, "b", exclusive=True)
    reading.consume(stream, "c")


@pytest.mark.parametrize(
    ("start", "bodies"),
    [
        ("first", [b"0", b"1", b"2", b"3", b"4"]),
        (3, [b"3", b"4"]),
        (-5, [b"0", b"1", b"2", b"3", b"4"]),
        (datetime(2020, 1, 1, tzinfo=UTC), [b"0", b"1", b"2", b"3", b"4"]),
        ("1h", [b"0", b"1", b"2", b"3", b"4"]),
        ("7D", [b"0", b"1", b"2", b"3", b"4"]),
    ],
)
def test_a_consumer_begins_where_it_says(reading: RawChannel, filled: str, start: Any, bodies: list[bytes]) -> None:
    assert read(reading, filled, len(bodies), offset=start) == bodies
    reading.expect_nothing()


@pytest.mark.parametrize("arguments", [{}, {"offset": "next"}, {"offset": datetime.now(UTC) + timedelta(days=9)}])
def test_others_begin_with_what_is_published_next(
    channel: RawChannel, reading: RawChannel, filled: str, arguments: dict[str, Any]
) -> None:
    assert read(reading, filled, 0, **arguments) == []
    channel.publish(filled, b"live")
    (delivery,) = reading.deliveries(1)
    assert delivery.body == b"live"
    assert delivery.properties.headers == {"x-stream-offset": 5}


def test_an_offset_that_is_not_there_yet_is_waited_for(channel: RawChannel, reading: RawChannel, filled: str) -> None:
    assert read(reading, filled, 0, offset=6) == []
    channel.publish_all(filled, [b"5", b"6", b"7"])
    assert reading.bodies(2) == [b"6", b"7"]


@pytest.mark.ours
def test_the_last_one_is_the_last_message(reading: RawChannel, filled: str) -> None:
    """RabbitMQ begins with the last chunk, which may hold many."""
    assert read(reading, filled, 1, offset="last") == [b"4"]


def test_an_interval_of_nothing_is_refused(reading: RawChannel, stream: str) -> None:
    reading.refuses(
        Basic.Consume(queue=stream, arguments={"x-stream-offset": "0s"}),
        406,
        f"PRECONDITION_FAILED - invalid arg 'x-stream-offset' for queue '{stream}' in vhost '/': "
        '{invalid_stream_offset_arg,{longstr,<<"0s">>}}',
    )


@pytest.mark.ours
@pytest.mark.parametrize(
    ("start", "shown"),
    [("foo", '{longstr,<<"foo">>}'), (1.5, "{float,1.5}"), (True, "{bool,true}"), (None, "{void,undefined}")],
)
def test_an_offset_that_cannot_be_read_is_refused(reading: RawChannel, stream: str, start: Any, shown: str) -> None:
    consume = Basic.Consume(queue=stream, arguments={"x-stream-offset": start})
    reading.refuses(consume, 406, f"{{invalid_stream_offset_arg,{shown}}}")


def test_messages_stay_for_every_consumer(reading: RawChannel, filled: str) -> None:
    for _ in range(2):
        tag = reading.consume(filled, "", {"x-stream-offset": "first"})
        deliveries = reading.deliveries(5)
        assert [delivery.method.redelivered for delivery in deliveries] == [False] * 5
        reading.ack(deliveries[-1].method.delivery_tag, multiple=True)
        reading.call(Basic.Cancel(tag), Basic.CancelOk)


@pytest.mark.ours
def test_a_prefetch_is_kept_and_an_acknowledgement_goes_on(connection: RawConnection, filled: str) -> None:
    """RabbitMQ 3.10 gives whole chunks, and so more."""
    channel = connection.channel()
    channel.qos(2)
    channel.consume(filled, "", {"x-stream-offset": "first"})
    first, _ = channel.deliveries(2)
    channel.expect_nothing()
    channel.ack(first.method.delivery_tag)
    assert channel.bodies(1) == [b"2"]


def test_the_offset_is_a_header_beside_the_publishers(channel: RawChannel, reading: RawChannel, stream: str) -> None:
    sent = Basic.Properties(
        content_type="text/plain", headers={"a": 1, "x-stream-offset": "mine"}, delivery_mode=2, priority=3,
        correlation_id="c", expiration="1", message_id="m", timestamp=datetime(2020, 1, 1, tzinfo=UTC), app_id="x",
    )  # fmt: skip
    channel.publish(stream, b"x", properties=sent)
    reading.consume(stream, "", {"x-stream-offset": "first"})
    (delivery,) = reading.deliveries(1)
    assert delivery.properties.headers == {"a": 1, "x-stream-offset": 0}
    expected = {**dict(sent), "headers": None}
    assert {**dict(delivery.properties), "headers": None} == expected
    assert (delivery.method.exchange, delivery.method.routing_key) == ("", stream)


def test_a_message_without_properties_gets_them(channel: RawChannel, reading: RawChannel, stream: str) -> None:
    channel.publish_all(stream, [b"x"] * 8)
    reading.consume(stream, "", {"x-stream-offset": 7})
    (delivery,) = reading.deliveries(1)
    assert delivery.header[12:] == EMPTY_LIST_WITH_OFFSET_7


@pytest.mark.ours
@pytest.mark.parametrize(
    ("arguments", "bodies"),
    [
        ({"filter": "a"}, [b"a"]),
        ({"filter": ["a", "b"]}, [b"a", b"b"]),
        ({"filter": "b", "match-unfiltered": True}, [b"b", b"none"]),
    ],
)
def test_filters(
    channel: RawChannel, reading: RawChannel, stream: str, arguments: dict[str, Any], bodies: list[bytes]
) -> None:
    """RabbitMQ 3.13's; its consumers may also get what they did not ask for, since it filters chunks."""
    for value in ("a", "b", "c"):
        headers = {"x-stream-filter-value": value}
        channel.publish(stream, value.encode(), properties=Basic.Properties(headers=headers))
    channel.publish(stream, b"none")
    given = {f"x-stream-{name}": value for name, value in arguments.items()}
    reading.consume(stream, "", {**given, "x-stream-offset": "first"})
    assert reading.bodies(len(bodies)) == bodies
    reading.expect_nothing()


# ---- what streams do not have


@pytest.mark.parametrize(
    ("method", "what"),
    [
        (lambda stream: Basic.Get(queue=stream), "basic.get"),
        (lambda stream: Basic.Get(queue=stream, no_ack=True), "basic.get"),
        (lambda stream: Queue.Purge(queue=stream), "queue.purge"),
    ],
)
def test_messages_are_neither_got_nor_purged(channel: RawChannel, filled: str, method: Any, what: str) -> None:
    channel.connection_refuses(
        method(filled), 540, f"NOT_IMPLEMENTED - {what} not supported by stream queues queue '{filled}' in vhost '/'"
    )


@pytest.mark.ours
@pytest.mark.parametrize(
    "method",
    [Basic.Nack(1, False, True), Basic.Nack(1, False, False), Basic.Reject(1, True), Basic.Reject(1, False)],
)
def test_a_rejected_message_makes_room_and_stays(connection: RawConnection, filled: str, method: Any) -> None:
    """As in RabbitMQ 4. Before, it closes the connection with 540, and pika rejects whenever it cancels a consumer."""
    channel = connection.channel()
    channel.qos(3)
    channel.consume(filled, "", {"x-stream-offset": "first"})
    assert channel.bodies(3) == [b"0", b"1", b"2"]
    channel.send(method)
    assert channel.bodies(1) == [b"3"]
    channel.call(Basic.Recover(requeue=True), Basic.RecoverOk)
    assert channel.bodies(1) == [b"4"]


@pytest.mark.ours
def test_a_stream_that_is_used_or_not_empty_is_not_deleted_where_that_was_asked(
    channel: RawChannel, reading: RawChannel, filled: str
) -> None:
    resource = f"queue '{filled}' in vhost '/'"
    channel.refuses(Queue.Delete(queue=filled, if_empty=True), 406, f"PRECONDITION_FAILED - {resource} not empty")
    reading.consume(filled)
    channel.refuses(Queue.Delete(queue=filled, if_unused=True), 406, f"PRECONDITION_FAILED - {resource} in use")


def test_a_deleted_stream_cancels_its_consumers(channel: RawChannel, connect: Connect, filled: str) -> None:
    reading = connect(client_properties={"capabilities": {"consumer_cancel_notify": True}}).channel()
    reading.qos(1)
    tag = reading.consume(filled)
    channel.call(Queue.Delete(queue=filled), Queue.DeleteOk)
    assert reading.expect(Basic.Cancel).consumer_tag == tag
