"""pika's BlockingConnection: publish, consume, settle, confirm, roll back."""

from __future__ import annotations

import datetime
import decimal

import pika
import pytest
from pika.adapters.blocking_connection import BlockingChannel, BlockingConnection
from pika.exceptions import ChannelClosedByBroker, UnroutableError

from tests.clients.conftest import Connect, Name
from tests.clients.support import LARGE_BODY_SIZES, WAIT_SECONDS, digest, patterned_body, until

REPLY_TO = "amq.rabbitmq.reply-to"


def get(channel: BlockingChannel, queue: str, auto_ack: bool = True) -> tuple[object, bytes]:
    """basic.get until there is a message."""
    found: list[tuple[object, bytes]] = []

    def look() -> bool:
        method, _, body = channel.basic_get(queue, auto_ack)
        if method is not None:
            found.append((method, body))
        return bool(found)

    until(look)
    return found[0]


def depth(channel: BlockingChannel, queue: str) -> int:
    return int(channel.queue_declare(queue, passive=True).method.message_count)


def fill(channel: BlockingChannel, queue: str, *bodies: bytes, **properties: object) -> None:
    """Publishes and waits until the queue has it all."""
    before = depth(channel, queue)
    for body in bodies:
        channel.basic_publish("", queue, body, pika.BasicProperties(**properties))
    until(lambda: depth(channel, queue) == before + len(bodies))


@pytest.fixture
def queue(channel: BlockingChannel, name: Name) -> str:
    return str(channel.queue_declare(name()).method.queue)


def test_consume_and_ack(channel: BlockingChannel, queue: str) -> None:
    fill(channel, queue, b"one", b"two", content_type="text/plain", message_id="7")
    seen = []
    for method, properties, body in channel.consume(queue, inactivity_timeout=WAIT_SECONDS):
        assert method is not None
        channel.basic_ack(method.delivery_tag)
        seen.append((body, properties.content_type, properties.message_id, method.redelivered))
        if len(seen) == 2:
            break
    assert seen == [(b"one", "text/plain", "7", False), (b"two", "text/plain", "7", False)]
    assert channel.cancel() == 0
    assert depth(channel, queue) == 0


def test_nack_and_reject_requeue_to_the_old_place(channel: BlockingChannel, queue: str) -> None:
    fill(channel, queue, b"a", b"b", b"c")
    first, body = get(channel, queue, auto_ack=False)
    assert (body, first.message_count) == (b"a", 2)
    channel.basic_nack(first.delivery_tag, requeue=True)
    again, body = get(channel, queue, auto_ack=False)
    assert (body, again.redelivered) == (b"a", True)
    channel.basic_reject(again.delivery_tag, requeue=False)
    assert get(channel, queue)[1] == b"b"
    assert depth(channel, queue) == 1


def test_unacked_messages_come_back_when_the_channel_closes(connection: BlockingConnection, queue: str) -> None:
    other = connection.channel()
    fill(other, queue, b"a", b"b")
    get(other, queue, auto_ack=False)
    get(other, queue, auto_ack=False)
    other.close()
    method, body = get(connection.channel(), queue)
    assert (body, method.redelivered) == (b"a", True)


def test_confirms(channel: BlockingChannel, queue: str) -> None:
    channel.confirm_delivery()
    for number in range(20):
        channel.basic_publish("", queue, str(number).encode(), pika.BasicProperties(delivery_mode=2))
    assert depth(channel, queue) == 20, "a confirmed message is in its queue"


def test_a_mandatory_message_without_a_queue_is_returned(channel: BlockingChannel, name: Name) -> None:
    channel.confirm_delivery()
    missing = name("missing")
    with pytest.raises(UnroutableError) as raised:
        channel.basic_publish("", missing, b"body", mandatory=True)
    (returned,) = raised.value.messages
    assert (returned.method.reply_code, returned.method.reply_text) == (312, "NO_ROUTE")
    assert (returned.method.exchange, returned.method.routing_key, returned.body) == ("", missing, b"body")
    channel.basic_publish("", missing, b"nobody minds")


def test_prefetch_holds_back_what_is_not_acked(channel: BlockingChannel, queue: str) -> None:
    fill(channel, queue, *[bytes([number]) for number in range(5)])
    channel.basic_qos(prefetch_count=2)
    tags = []
    channel.basic_consume(queue, lambda _c, method, _p, _b: tags.append(method.delivery_tag))
    pump = channel.connection.process_data_events
    until(lambda: len(tags) == 2, lambda: pump(0.1))
    assert (depth(channel, queue), len(tags)) == (3, 2)
    channel.basic_ack(tags[-1], multiple=True)
    until(lambda: len(tags) == 4, lambda: pump(0.1))
    assert depth(channel, queue) == 1


def test_transactions(channel: BlockingChannel, queue: str, connection: BlockingConnection) -> None:
    watcher = connection.channel()
    channel.tx_select()
    channel.basic_publish("", queue, b"dropped")
    channel.tx_rollback()
    channel.basic_publish("", queue, b"kept")
    assert depth(watcher, queue) == 0
    channel.tx_commit()
    until(lambda: depth(watcher, queue) == 1)
    method, body = get(channel, queue, auto_ack=False)
    assert body == b"kept"
    channel.basic_ack(method.delivery_tag)
    channel.tx_rollback()
    channel.basic_ack(method.delivery_tag)
    channel.tx_commit()
    channel.close()
    assert depth(watcher, queue) == 0


def test_an_exclusive_queue_is_its_connections_own(connect: Connect, name: Name) -> None:
    owner, other = connect(), connect()
    queue = name()
    owner.channel().queue_declare(queue, exclusive=True)
    for attempt in (
        lambda channel: channel.queue_declare(queue, exclusive=True),
        lambda channel: channel.queue_declare(queue, passive=True),
        lambda channel: channel.basic_consume(queue, print),
        lambda channel: channel.queue_delete(queue),
    ):
        with pytest.raises(ChannelClosedByBroker) as raised:
            attempt(other.channel())
        assert raised.value.reply_code == 405
        assert raised.value.reply_text.startswith("RESOURCE_LOCKED - cannot obtain exclusive access to locked queue")
    owner.close()
    with pytest.raises(ChannelClosedByBroker) as raised:
        other.channel().queue_declare(queue, passive=True)
    assert raised.value.reply_code == 404


def test_a_missing_queue_is_404_and_the_connection_lives(connection: BlockingConnection, name: Name) -> None:
    missing = name("missing")
    channel = connection.channel()
    with pytest.raises(ChannelClosedByBroker) as raised:
        channel.queue_declare(missing, passive=True)
    assert raised.value.reply_code == 404
    assert raised.value.reply_text == f"NOT_FOUND - no queue '{missing}' in vhost '/'"
    assert channel.is_closed
    assert connection.is_open
    fresh = connection.channel()
    assert fresh.queue_declare(missing, exclusive=True).method.message_count == 0


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"durable": True}, "inequivalent arg 'durable'"),
        ({"auto_delete": True}, "inequivalent arg 'auto_delete'"),
        ({"arguments": {"x-max-length": 5}}, "inequivalent arg 'x-max-length'"),
    ],
)
def test_an_unequal_declare_is_406(channel: BlockingChannel, queue: str, change: dict[str, object], why: str) -> None:
    channel.queue_declare(queue)
    with pytest.raises(ChannelClosedByBroker) as raised:
        channel.queue_declare(queue, **change)
    assert raised.value.reply_code == 406
    assert raised.value.reply_text.startswith(f"PRECONDITION_FAILED - {why} for queue '{queue}' in vhost '/': received")


def test_an_unequal_exchange_is_406(channel: BlockingChannel, name: Name) -> None:
    exchange = name("x")
    channel.exchange_declare(exchange, "topic")
    with pytest.raises(ChannelClosedByBroker) as raised:
        channel.exchange_declare(exchange, "direct")
    assert raised.value.reply_code == 406
    assert "inequivalent arg 'type' for exchange" in raised.value.reply_text


def test_topic_fanout_and_headers_exchanges(channel: BlockingChannel, name: Name) -> None:
    topic, fanout, headers = name("topic"), name("fanout"), name("headers")
    for exchange, kind in ((topic, "topic"), (fanout, "fanout"), (headers, "headers")):
        channel.exchange_declare(exchange, kind)
    queue = channel.queue_declare("", exclusive=True).method.queue
    assert queue.startswith("amq.gen-")
    channel.queue_bind(queue, topic, "stock.*.nyse.#")
    channel.queue_bind(queue, fanout)
    channel.queue_bind(queue, headers, arguments={"x-match": "any", "colour": "red", "size": 3})
    channel.basic_publish(topic, "stock.usd.nyse", b"topic")
    channel.basic_publish(topic, "stock.nyse", b"no")
    channel.basic_publish(fanout, "whatever", b"fanout")
    channel.basic_publish(headers, "", b"no", pika.BasicProperties(headers={"size": 4}))
    channel.basic_publish(headers, "", b"headers", pika.BasicProperties(headers={"size": 3}))
    assert [get(channel, queue)[1] for _ in range(3)] == [b"topic", b"fanout", b"headers"]
    channel.queue_unbind(queue, topic, "stock.*.nyse.#")
    channel.basic_publish(topic, "stock.usd.nyse", b"unbound")
    assert depth(channel, queue) == 0


def test_priorities(channel: BlockingChannel, name: Name) -> None:
    queue = name()
    channel.queue_declare(queue, arguments={"x-max-priority": 5})
    for priority in (0, 3, 5, 1, 9):
        fill(channel, queue, str(priority).encode(), priority=priority)
    assert [get(channel, queue)[1] for _ in range(5)] == [b"5", b"9", b"3", b"1", b"0"]


def test_messages_and_queues_expire(channel: BlockingChannel, name: Name) -> None:
    queue, short, leased = name("queue"), name("ttl"), name("leased")
    channel.queue_declare(queue)
    channel.queue_declare(short, arguments={"x-message-ttl": 30})
    channel.queue_declare(leased, arguments={"x-expires": 100})
    channel.basic_publish("", queue, b"x", pika.BasicProperties(expiration="30"))
    channel.basic_publish("", short, b"x")
    until(lambda: depth(channel, queue) == 0)
    until(lambda: depth(channel, short) == 0)
    until(lambda: _is_missing(channel.connection, leased), lambda: channel.connection.sleep(0.2))


def _is_missing(connection: BlockingConnection, queue: str) -> bool:
    try:
        connection.channel().queue_declare(queue, passive=True)
    except ChannelClosedByBroker as error:
        return bool(error.reply_code == 404)
    return False


def test_direct_reply_to(channel: BlockingChannel, queue: str, connect: Connect) -> None:
    server = connect().channel()
    server.basic_consume(
        queue, lambda _c, _m, asked, body: server.basic_publish("", asked.reply_to, body.upper()), auto_ack=True
    )
    answers = []
    channel.basic_consume(REPLY_TO, lambda _c, _m, _p, body: answers.append(body), auto_ack=True)
    channel.basic_publish("", queue, b"shout", pika.BasicProperties(reply_to=REPLY_TO))
    until(
        lambda: answers,
        lambda: (server.connection.process_data_events(0.01), channel.connection.process_data_events(0.01)),
    )
    assert answers == [b"SHOUT"]


def test_a_deleted_queue_cancels_its_consumers(channel: BlockingChannel, queue: str, connect: Connect) -> None:
    cancelled = []
    channel.add_on_cancel_callback(lambda frame: cancelled.append(frame.method.consumer_tag))
    tag = channel.basic_consume(queue, print)
    connect().channel().queue_delete(queue)
    until(lambda: cancelled, lambda: channel.connection.process_data_events(0.1))
    assert cancelled == [tag]
    assert channel.is_open


@pytest.mark.parametrize("size_bytes", [0, *LARGE_BODY_SIZES])
def test_bodies_of_every_size(channel: BlockingChannel, queue: str, size_bytes: int) -> None:
    body = patterned_body(size_bytes)
    channel.confirm_delivery()
    channel.basic_publish("", queue, body)
    assert digest(get(channel, queue)[1]) == digest(body)


def test_small_frames(connect: Connect, queue: str) -> None:
    channel = connect(frame_max=4096).channel()
    body = patterned_body(100_001)
    channel.basic_publish("", queue, body)
    assert digest(get(channel, queue)[1]) == digest(body)


HEADERS = {
    "bool": True,
    "int": -(2**31),
    "long": 2**62,
    "decimal": decimal.Decimal("3.14"),
    "string": "käse",
    "bytes": b"\x00\xff",
    "time": datetime.datetime(2024, 2, 29, 12, 30, 1, tzinfo=datetime.UTC),
    "nothing": None,
    "array": [1, "two", None, [3, {"four": 4}]],
    "table": {"empty": {}, "nested": {"deep": [False]}},
}


def test_header_values_come_back_as_they_went(channel: BlockingChannel, queue: str) -> None:
    properties = pika.BasicProperties(
        "text/plain",
        "utf-8",
        HEADERS,
        2,
        4,
        "correlation",
        "reply",
        "60000",
        "id",
        1_700_000_000,
        "type",
        "guest",
        "app",
    )
    channel.basic_publish("", queue, b"", properties)
    until(lambda: depth(channel, queue) == 1)
    _, received, _ = channel.basic_get(queue, auto_ack=True)
    assert received.headers == HEADERS
    assert received == properties
