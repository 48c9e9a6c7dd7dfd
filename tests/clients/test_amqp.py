"""py-amqp, the client below kombu and Celery."""

from __future__ import annotations

import datetime
import decimal
import socket
from collections.abc import Callable, Iterator

import amqp
import pytest

from tests.clients.conftest import Name
from tests.clients.support import LARGE_BODY_SIZES, WAIT_SECONDS, Link, digest, patterned_body, until
from tests.support.brokers import RunningBroker

Open = Callable[..., amqp.Connection]


@pytest.fixture
def open_amqp(broker: RunningBroker, name: Name) -> Iterator[Open]:
    """Opens py-amqp connections; takes amqp.Connection's options."""
    del name
    opened: list[amqp.Connection] = []

    def make(**options: object) -> amqp.Connection:
        options = {"host": f"{broker.host}:{broker.port}", "read_timeout": WAIT_SECONDS} | options
        opened.append(amqp.Connection(**options))
        opened[-1].connect()
        return opened[-1]

    yield make
    for connection in opened:
        if connection.connected:
            connection.close()


@pytest.fixture
def connection(open_amqp: Open) -> amqp.Connection:
    return open_amqp()


@pytest.fixture
def channel(connection: amqp.Connection) -> amqp.Channel:
    return connection.channel()


@pytest.fixture
def queue(channel: amqp.Channel, name: Name) -> str:
    return str(channel.queue_declare(name(), auto_delete=False).queue)


def get(channel: amqp.Channel, queue: str, no_ack: bool = True) -> amqp.Message:
    """basic.get until there is a message."""
    found: list[amqp.Message] = []
    until(lambda: found or found.extend(filter(None, [channel.basic_get(queue, no_ack=no_ack)])) or found)
    return found[0]


def depth(channel: amqp.Channel, queue: str) -> int:
    return int(channel.queue_declare(queue, passive=True).message_count)


def test_publish_consume_ack(connection: amqp.Connection, channel: amqp.Channel, queue: str) -> None:
    got: list[amqp.Message] = []
    tag = channel.basic_consume(queue, callback=got.append)
    assert tag.startswith("amq.ctag-")
    channel.basic_publish(amqp.Message("käse", content_type="text/plain", delivery_mode=2), routing_key=queue)
    until(lambda: got, lambda: connection.drain_events(timeout=WAIT_SECONDS))
    assert (got[0].body, got[0].content_type, got[0].delivery_info["routing_key"]) == ("käse", "text/plain", queue)
    channel.basic_ack(got[0].delivery_tag)
    channel.basic_cancel(tag)
    channel.close()
    assert depth(connection.channel(), queue) == 0


def test_reject_recover_and_redelivery(channel: amqp.Channel, queue: str) -> None:
    channel.basic_publish(amqp.Message("body"), routing_key=queue)
    first = get(channel, queue, no_ack=False)
    assert not first.delivery_info["redelivered"]
    channel.basic_reject(first.delivery_tag, requeue=True)
    second = get(channel, queue, no_ack=False)
    assert second.delivery_info["redelivered"]
    channel.basic_recover(requeue=True)
    third = get(channel, queue, no_ack=False)
    assert third.delivery_info["redelivered"]
    channel.basic_reject(third.delivery_tag, requeue=False)
    assert channel.basic_get(queue) is None


def test_confirmed_publishing(open_amqp: Open, queue: str) -> None:
    connection = open_amqp(confirm_publish=True)
    channel = connection.channel()
    for _ in range(10):
        channel.basic_publish(amqp.Message("body"), routing_key=queue)
    assert depth(channel, queue) == 10


def test_a_mandatory_message_comes_back(open_amqp: Open, name: Name) -> None:
    channel = open_amqp(confirm_publish=True).channel()
    returned: list[tuple[object, ...]] = []
    channel.events["basic_return"].add(lambda *args: returned.append(args))
    missing = name("missing")
    channel.basic_publish(amqp.Message("body"), routing_key=missing, mandatory=True)
    ((error, exchange, routing_key, message),) = returned
    assert isinstance(error, amqp.exceptions.ChannelError)
    assert error.reply_code == 312
    assert (exchange, routing_key, message.body) == ("", missing, "body")


def test_transactions(connection: amqp.Connection, channel: amqp.Channel, queue: str) -> None:
    channel.tx_select()
    channel.basic_publish(amqp.Message("dropped"), routing_key=queue)
    channel.tx_rollback()
    channel.basic_publish(amqp.Message("kept"), routing_key=queue)
    channel.tx_commit()
    assert get(connection.channel(), queue).body == "kept"
    assert depth(channel, queue) == 0


def test_channel_errors_have_classes_and_leave_the_connection(connection: amqp.Connection, name: Name) -> None:
    queue = name()
    with pytest.raises(amqp.NotFound) as missing:
        connection.channel().queue_declare(queue, passive=True)
    assert (missing.value.code, missing.value.method_name) == (404, "Queue.declare")
    connection.channel().queue_declare(queue, auto_delete=False)
    with pytest.raises(amqp.PreconditionFailed) as unequal:
        connection.channel().queue_declare(queue, durable=True, auto_delete=False)
    assert "inequivalent arg 'durable'" in unequal.value.message
    with pytest.raises(amqp.AccessRefused) as reserved:
        connection.channel().queue_declare("amq.mine")
    assert "contains reserved prefix 'amq.*'" in reserved.value.message
    assert depth(connection.channel(), queue) == 0


def test_a_locked_queue(open_amqp: Open, name: Name) -> None:
    owner, other = open_amqp(), open_amqp()
    queue = name()
    owner.channel().queue_declare(queue, exclusive=True)
    with pytest.raises(amqp.ResourceLocked):
        other.channel().basic_consume(queue)
    owner.close()
    with pytest.raises(amqp.NotFound):
        other.channel().queue_declare(queue, passive=True)


def test_a_connection_error_has_a_class(connection: amqp.Connection, channel: amqp.Channel) -> None:
    with pytest.raises(amqp.AMQPNotImplementedError) as raised:
        channel.basic_qos(prefetch_size=10, prefetch_count=0, a_global=False)
    assert raised.value.code == 540
    assert not connection.connected


def test_bad_logins(open_amqp: Open) -> None:
    with pytest.raises(amqp.AccessRefused) as refused:
        open_amqp(password="wrong")
    assert refused.value.code == 403
    with pytest.raises(amqp.NotAllowed) as missing:
        open_amqp(virtual_host="nowhere")
    assert "vhost nowhere not found" in missing.value.message


@pytest.mark.parametrize("method", ["PLAIN", "AMQPLAIN"])
def test_login_methods(open_amqp: Open, method: str) -> None:
    assert open_amqp(login_method=method).connected


def test_heartbeats(open_amqp: Open) -> None:
    connection = open_amqp(heartbeat=20)
    assert connection.heartbeat == 20
    connection.heartbeat_tick(rate=2)
    connection.send_heartbeat()
    assert connection.channel().queue_declare("", exclusive=True).message_count == 0
    assert open_amqp().heartbeat == 0


def test_blocked_callbacks_are_registered_in_vain(open_amqp: Open, queue: str) -> None:
    calls: list[object] = []
    connection = open_amqp(on_blocked=calls.append, on_unblocked=lambda: calls.append("unblocked"))
    assert connection.client_properties["capabilities"]["connection.blocked"]
    channel = connection.channel()
    channel.basic_publish(amqp.Message("body"), routing_key=queue)
    assert get(channel, queue).body == "body"
    assert calls == []


def test_a_deleted_queue_cancels(open_amqp: Open, connection: amqp.Connection, queue: str) -> None:
    channel = connection.channel()
    cancelled: list[str] = []
    channel.basic_consume(queue, consumer_tag="mine", on_cancel=cancelled.append)
    open_amqp().channel().queue_delete(queue)
    until(lambda: cancelled, lambda: connection.drain_events(timeout=WAIT_SECONDS))
    assert cancelled == ["mine"]


def test_prefetch(connection: amqp.Connection, channel: amqp.Channel, queue: str) -> None:
    for _ in range(4):
        channel.basic_publish(amqp.Message("body"), routing_key=queue)
    until(lambda: depth(channel, queue) == 4)
    channel.basic_qos(0, 2, False)
    got: list[amqp.Message] = []
    channel.basic_consume(queue, callback=got.append)
    until(lambda: len(got) == 2, lambda: connection.drain_events(timeout=WAIT_SECONDS))
    assert (depth(channel, queue), len(got)) == (2, 2)
    channel.basic_ack(got[0].delivery_tag)
    until(lambda: len(got) == 3, lambda: connection.drain_events(timeout=WAIT_SECONDS))
    assert depth(channel, queue) == 1


@pytest.mark.parametrize("size_bytes", LARGE_BODY_SIZES)
@pytest.mark.parametrize("frame_max", [4096, 131072])
def test_large_bodies(open_amqp: Open, queue: str, size_bytes: int, frame_max: int) -> None:
    channel = open_amqp(frame_max=frame_max).channel()
    body = patterned_body(size_bytes)
    channel.basic_publish(amqp.Message(body), routing_key=queue)
    assert digest(get(channel, queue).body) == digest(body)


def test_header_values_come_back(channel: amqp.Channel, queue: str) -> None:
    headers = {
        "bool": False,
        "int": 7,
        "long": -(2**40),
        "double": 1.5,
        "decimal": decimal.Decimal("0.25"),
        "string": "käse",
        "time": datetime.datetime(2024, 2, 29, 12, 30, 1, tzinfo=datetime.UTC).replace(tzinfo=None),
        "nothing": None,
        "array": [1, "two", [3, {"four": 4}]],
        "table": {"empty": {}, "nested": {"deep": [True]}},
    }
    channel.basic_publish(amqp.Message("", application_headers=headers, priority=3), routing_key=queue)
    received = get(channel, queue)
    assert received.headers == headers
    assert received.properties["priority"] == 3


def test_queue_lifetimes(connection: amqp.Connection, channel: amqp.Channel, name: Name) -> None:
    used, leased = name("auto"), name("leased")
    channel.queue_declare(used)  # py-amqp's default is auto_delete
    channel.queue_declare(leased, auto_delete=False, arguments={"x-expires": 100, "x-message-ttl": 5000})
    channel.basic_cancel(channel.basic_consume(used))
    with pytest.raises(amqp.NotFound):
        connection.channel().queue_declare(used, passive=True)
    until(lambda: _is_missing(connection, leased), lambda: _drain(connection, 0.2))


def _is_missing(connection: amqp.Connection, queue: str) -> bool:
    try:
        connection.channel().queue_declare(queue, passive=True)
    except amqp.NotFound:
        return True
    return False


def _drain(connection: amqp.Connection, timeout: float) -> None:
    with pytest.raises(socket.timeout):
        connection.drain_events(timeout=timeout)


def test_exchanges_bound_to_exchanges(channel: amqp.Channel, queue: str, name: Name) -> None:
    outer, inner = name("outer"), name("inner")
    channel.exchange_declare(outer, "topic", auto_delete=False)
    channel.exchange_declare(inner, "direct", auto_delete=False)
    channel.exchange_bind(inner, outer, "a.#")
    channel.queue_bind(queue, inner, "a.b.c")
    channel.basic_publish(amqp.Message("through"), outer, "a.b.c")
    assert get(channel, queue).body == "through"
    channel.exchange_unbind(inner, outer, "a.#")
    channel.basic_publish(amqp.Message("lost"), outer, "a.b.c")
    assert depth(channel, queue) == 0


def test_a_cut_connection_raises_a_recoverable_error(broker: RunningBroker, open_amqp: Open) -> None:
    with Link(broker.host, broker.port) as link:
        connection = open_amqp(host=f"{link.host}:{link.port}")
        link.cut()
        with pytest.raises(connection.recoverable_connection_errors):
            connection.drain_events(timeout=WAIT_SECONDS)
    connection.collect()
