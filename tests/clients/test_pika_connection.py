"""pika's connections: login, negotiation, closing, and what the other end's death leaves behind."""

from __future__ import annotations

import pika
import pytest
from pika.adapters.blocking_connection import BlockingConnection
from pika.exceptions import (
    AMQPConnectionError,
    ChannelClosedByBroker,
    ConnectionClosedByBroker,
    ProbableAccessDeniedError,
    ProbableAuthenticationError,
    StreamLostError,
)

from tests.clients.conftest import Connect, Name, parameters
from tests.clients.support import Link, until
from tests.support.brokers import RunningBroker


def test_a_wrong_password(connect: Connect) -> None:
    with pytest.raises(ProbableAuthenticationError) as raised:
        connect(credentials=pika.PlainCredentials("guest", "wrong"))
    assert "(403) 'ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN" in str(raised.value)


def test_a_missing_vhost(connect: Connect) -> None:
    with pytest.raises(ProbableAccessDeniedError) as raised:
        connect(virtual_host="nowhere")
    assert "530" in str(raised.value)
    assert "vhost nowhere not found" in str(raised.value)


def test_nobody_there() -> None:
    with Link("127.0.0.1", 1) as link:
        port = link.port
    with pytest.raises(AMQPConnectionError):
        pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", port, connection_attempts=1))


@pytest.mark.parametrize(("wish", "outcome"), [(600, 600), (5, 5), (0, 0), (None, 60)])
def test_the_heartbeat_is_what_the_client_wants(connect: Connect, wish: int | None, outcome: int) -> None:
    connection = connect(heartbeat=wish)
    assert connection._impl.params.heartbeat == outcome


def test_heartbeats_may_be_chosen_by_a_function(connect: Connect) -> None:
    proposed = []
    connect(heartbeat=lambda _connection, server: proposed.append(server) or 30)
    assert proposed == [60]


def test_frame_and_channel_limits_are_negotiated_down(connect: Connect) -> None:
    low = connect(frame_max=8192, channel_max=3)
    assert (low._impl.params.frame_max, low._impl.params.channel_max) == (8192, 3)
    high = connect(frame_max=131072, channel_max=65535)
    assert (high._impl.params.frame_max, high._impl.params.channel_max) == (131072, 2047)


def test_the_server_says_who_it_is(connection: BlockingConnection) -> None:
    properties = connection._impl.server_properties
    assert properties["product"] == "RabbitMQ"
    assert int(properties["version"].split(".")[0]) >= 3
    for capability in (
        "publisher_confirms_supported",
        "exchange_exchange_bindings_supported",
        "basic_nack_supported",
        "consumer_cancel_notify_supported",
    ):
        assert getattr(connection, capability)


def test_channel_numbers_are_used_again(connection: BlockingConnection) -> None:
    first = connection.channel(7)
    first.close()
    again = connection.channel(7)
    assert again.channel_number == 7
    assert again.queue_declare("", exclusive=True).method.consumer_count == 0


def test_an_error_on_one_channel_leaves_the_others_alone(connection: BlockingConnection, name: Name) -> None:
    good, bad = connection.channel(), connection.channel()
    queue = good.queue_declare(name()).method.queue
    got = []
    good.basic_consume(queue, lambda _c, _m, _p, body: got.append(body), auto_ack=True)
    bad.basic_publish("no such exchange", "key", b"")
    until(lambda: bad.is_closed, lambda: connection.process_data_events(0.1))
    with pytest.raises(ChannelClosedByBroker) as raised:
        connection.channel().basic_get("no such queue")
    assert raised.value.reply_code == 404
    good.basic_publish("", queue, b"alive")
    until(lambda: got, lambda: connection.process_data_events(0.1))
    assert got == [b"alive"]


def test_an_unknown_delivery_tag_closes_the_channel(connection: BlockingConnection) -> None:
    closed = []
    channel = connection.channel()
    channel._impl.add_on_close_callback(lambda _channel, reason: closed.append(reason))
    channel.basic_ack(99)
    until(lambda: closed, lambda: connection.process_data_events(0.1))
    assert (closed[0].reply_code, closed[0].reply_text) == (406, "PRECONDITION_FAILED - unknown delivery tag 99")
    assert connection.is_open


def test_a_connection_error_closes_it_with_its_code(connection: BlockingConnection, name: Name) -> None:
    channel = connection.channel()
    queue = channel.queue_declare(name(), exclusive=True).method.queue
    with pytest.raises(ConnectionClosedByBroker) as raised:
        channel.basic_qos(prefetch_size=10)
    assert (raised.value.reply_code, raised.value.reply_text) == (540, "NOT_IMPLEMENTED - prefetch_size!=0 (10)")
    assert connection.is_closed
    assert queue


def test_a_consumer_tag_is_used_once(connection: BlockingConnection, name: Name) -> None:
    channel = connection.channel()
    queue = channel.queue_declare(name()).method.queue
    channel.basic_consume(queue, print, consumer_tag="tag")
    other = connection.channel()
    other.basic_consume(queue, print, consumer_tag="tag")
    channel._impl._send_method(pika.spec.Basic.Consume(queue=queue, consumer_tag="tag"))
    with pytest.raises(ConnectionClosedByBroker) as raised:
        until(lambda: connection.is_closed, lambda: connection.process_data_events(0.1))
    assert raised.value.reply_code == 530
    assert "attempt to reuse consumer tag 'tag'" in raised.value.reply_text


def test_the_client_closes_with_a_code_of_its_own(connection: BlockingConnection) -> None:
    channel = connection.channel()
    channel.close(200, "done here")
    assert channel.is_closed
    connection.close(320, "going")
    assert connection.is_closed


def test_blocked_callbacks_are_not_called_without_an_alarm(connection: BlockingConnection, name: Name) -> None:
    calls = []
    connection.add_on_connection_blocked_callback(lambda *_: calls.append("blocked"))
    connection.add_on_connection_unblocked_callback(lambda *_: calls.append("unblocked"))
    channel = connection.channel()
    channel.confirm_delivery()
    queue = channel.queue_declare(name()).method.queue
    for _ in range(10):
        channel.basic_publish("", queue, b"x")
    assert channel.basic_get(queue, auto_ack=True)[2] == b"x"
    assert calls == []


def test_a_cut_connection_gives_everything_back(broker: RunningBroker, connect: Connect, name: Name) -> None:
    queue, exclusive = name(), name("exclusive")
    watcher = connect().channel()
    watcher.queue_declare(queue)
    watcher.basic_publish("", queue, b"body")
    with Link(broker.host, broker.port) as link:
        lost = pika.BlockingConnection(parameters(link))
        channel = lost.channel()
        channel.queue_declare(exclusive, exclusive=True)
        until(lambda: channel.basic_get(queue)[0] is not None)
        link.cut()
        with pytest.raises(StreamLostError):
            until(lambda: False, lambda: lost.process_data_events(0.1))
    until(lambda: watcher.queue_declare(queue, passive=True).method.message_count == 1)
    method, _, _ = watcher.basic_get(queue, auto_ack=True)
    assert method.redelivered
    with pytest.raises(ChannelClosedByBroker) as raised:
        watcher.queue_declare(exclusive, passive=True)
    assert raised.value.reply_code == 404
