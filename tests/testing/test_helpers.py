"""The helpers of a broker under test: looking, waiting, changing."""

from __future__ import annotations

import asyncio
import threading

import pika
import pytest
from pika import BasicProperties
from pika.adapters.blocking_connection import BlockingChannel

from broker.testing import (
    Broker,
    BrokerGoneError,
    NotInThisModeError,
    QueueNotFoundError,
    QueueState,
    RefusedError,
    WaitTimeoutError,
)
from broker.testing.facts import MODES, Settings
from broker.testing.in_process import THREAD_NAME, InProcessServer
from tests.testing.conftest import Connect


@pytest.mark.parametrize("mode", MODES)
def test_published_messages_are_seen_as_they_came(mode: str) -> None:
    with Broker(mode) as broker, pika.BlockingConnection(pika.URLParameters(broker.url)) as connection:
        broker.declare("q", arguments={"x-max-priority": 5})
        broker.publish("first", "q", headers={"task": "add"}, content_type="text/plain")
        properties = BasicProperties(priority=3, type="t", timestamp=1_700_000_000)
        connection.channel().basic_publish("", "q", b'{"x": 1}', properties)
        broker.publish(b"\xff\x00", "q", type="t", timestamp=1_700_000_000)
        broker.wait_for_depth("q", 3)
        high, first, binary = broker.messages("q")
        assert (high.json(), high.routing_key) == ({"x": 1}, "q")
        assert high.properties == {"priority": 3, "type": "t", "timestamp": 1_700_000_000}
        assert (first.body, first.headers, first.redelivered) == (b"first", {"task": "add"}, False)
        assert first.properties == {"headers": first.headers, "content_type": "text/plain", "delivery_mode": 2}
        assert (binary.body, binary.properties["type"]) == (b"\xff\x00", "t")
        assert binary.properties["timestamp"] == 1_700_000_000
        assert broker.state("q") == QueueState(3, 0, 0), "looking leaves them where they are"
        with pytest.raises(QueueNotFoundError):
            broker.messages("other")


def test_many_messages_are_seen_in_order() -> None:
    with Broker() as broker, pika.BlockingConnection(pika.URLParameters(broker.url)) as connection:
        channel = connection.channel()
        broker.declare("q")
        for number in range(1000):
            channel.basic_publish("", "q", b"%d" % number)
        broker.wait_for_depth("q", 1000)
        assert [int(message.body) for message in broker.messages("q")] == list(range(1000))


def test_messages_go_through_exchanges(broker: Broker) -> None:
    broker.declare("q")
    broker.bind("q", "amq.topic", "orders.#")
    broker.publish(b"x", "orders.new", exchange="amq.topic")
    assert [(one.exchange, one.routing_key) for one in broker.messages("q")] == [("amq.topic", "orders.new")]


def test_a_message_that_nobody_takes_is_an_error(broker: Broker) -> None:
    with pytest.raises(RefusedError, match="no queue in vhost '/' takes a message to exchange '', key 'typo'"):
        broker.publish(b"x", "typo")


def test_the_brokers_refusal_is_told(broker: Broker) -> None:
    broker.declare("q")
    with pytest.raises(RefusedError, match="406 PRECONDITION_FAILED - inequivalent arg 'durable'"):
        broker.declare("q", durable=False)
    broker.publish(b"x", "q")  # the helpers' connection has come back
    assert broker.purge("q") == 1
    assert broker.depth("q") == 0


def test_a_missing_queue_is_named_with_those_there_are(broker: Broker) -> None:
    broker.declare("orders")
    for look in (broker.depth, broker.messages, broker.state):
        with pytest.raises(QueueNotFoundError, match="no queue 'order' in vhost '/'; those there are: 'orders'"):
            look("order")


def test_waits_say_what_they_saw(broker: Broker, channel: BlockingChannel) -> None:
    with pytest.raises(WaitTimeoutError, match=r"after 0 s there is no queue 'q' in vhost '/'; those there are: none"):
        broker.wait_for_depth("q", 1, timeout=0)
    broker.declare("q")
    broker.publish(b"x", "q")
    broker.publish(b"x", "q")
    channel.basic_get("q")
    seen = "queue 'q' has 1 ready, 1 unacknowledged, 0 consumers; awaited: "
    with pytest.raises(WaitTimeoutError, match=seen + "7 messages ready"):
        broker.wait_for_depth("q", 7, timeout=0)
    with pytest.raises(WaitTimeoutError, match=seen + "an empty queue"):
        broker.wait_until_empty("q", timeout=0)
    with pytest.raises(WaitTimeoutError, match=seen + "1 consumers or more"):
        broker.wait_for_consumers("q", timeout=0)
    with pytest.raises(WaitTimeoutError, match="there are 1 connections to vhost '/', not 2"):
        broker.wait_for_connections(2, timeout=0)


def test_waits_end_when_it_has_come_true(broker: Broker, channel: BlockingChannel) -> None:
    other = threading.Thread(target=lambda: (broker.wait_for_depth("q", 1), broker.purge("q")))
    other.start()
    channel.queue_declare("q")
    channel.basic_publish("", "q", b"x")
    other.join()
    broker.wait_until_empty("q")
    channel.basic_consume("q", lambda *_: None)
    broker.wait_for_consumers("q", 1)


async def test_waits_do_not_stop_an_event_loop(broker: Broker) -> None:
    broker.declare("q")
    with pytest.raises(RuntimeError, match=r"use await broker\.aio\.wait_for_depth\(\)"):
        broker.wait_for_depth("q", 1)
    waiting = asyncio.ensure_future(broker.aio.wait_for_depth("q", 1))
    await asyncio.sleep(0)
    assert not waiting.done()
    broker.publish(b"x", "q")
    await waiting
    broker.purge("q")
    await broker.aio.wait_until_empty("q")
    await broker.aio.wait_for_connections(0)
    with pytest.raises(WaitTimeoutError):
        await broker.aio.wait_for_consumers("q", timeout=0)


def test_connections_are_seen_without_those_of_the_helpers(broker: Broker, connect: Connect) -> None:
    broker.declare("q")
    assert broker.connections() == []
    connect(client_properties={"connection_name": "shop"})
    assert [(one.client_name, one.user, one.vhost) for one in broker.connections()] == [("shop", "guest", "/")]


def test_restart_keeps_what_is_durable_and_nothing_else(broker: Broker, channel: BlockingChannel) -> None:
    url = broker.url
    broker.declare("durable")
    channel.queue_declare("transient")
    broker.publish("stays", "durable", expiration="60000")
    broker.publish("was delivered", "durable")
    broker.publish("goes", "durable", persistent=False)
    channel.basic_get("transient")
    for _ in range(2):
        channel.basic_get("durable")  # and does not acknowledge
    broker.restart()
    assert broker.url == url
    assert broker.queues() == ["durable"]
    assert [(one.body, one.redelivered) for one in broker.messages("durable")] == [
        (b"stays", True),
        (b"was delivered", True),
    ]
    broker.clock.advance(61)
    assert broker.depth("durable") == 1, "an expiry outlives the restart"


@pytest.mark.parametrize("storage", ["memory", "folder"])
def test_restart_and_the_next_message_come_after_the_first(storage: str) -> None:
    with Broker(storage=storage) as broker:
        broker.declare("q")
        broker.publish("1", "q")
        broker.restart()
        broker.publish("2", "q")
        broker.restart()
        assert [one.body for one in broker.messages("q")] == [b"1", b"2"]


def test_what_ended_says_so() -> None:
    with Broker() as broker:
        broker.declare("q")
    with pytest.raises(BrokerGoneError, match="not running"):
        broker.depth("q")


def test_a_broker_that_failed_is_revived(caplog: pytest.LogCaptureFixture) -> None:
    server = InProcessServer(Settings())
    server.start()
    stop_thread(server)
    with pytest.raises(BrokerGoneError, match="not running"):
        server.add_vhost("v")
    for _ in range(2):
        server.revive()
        server.add_vhost("v")
    server.stop()
    assert not caplog.records


def stop_thread(server: InProcessServer) -> None:
    """Ends the broker's thread as a failure would: nobody has asked for it."""
    threads = [thread for thread in threading.enumerate() if thread.name == THREAD_NAME]
    server.call(lambda host: host.give_up_port())
    assert server._loop is not None
    server._loop.call_soon_threadsafe(server._stopping.set)
    for thread in threads:
        thread.join()


def test_a_broker_can_be_used_again() -> None:
    broker = Broker()
    for _ in range(2):
        with broker:
            assert broker.queues() == []
            broker.declare("q")


def test_what_cannot_be_is_said_before_anything_starts() -> None:
    with pytest.raises(ValueError, match="leveret's mode is in-process or subprocess, not 'thread'"):
        Broker("thread")
    with pytest.raises(ValueError, match="leveret's storage is memory or folder, not 'ram'"):
        Settings(storage="ram")
    with pytest.raises(BrokerGoneError, match="brokerd has no setting 'heartbeats'"), Broker(options={"heartbeats": 1}):
        pass
    with Broker() as broker, pytest.raises(NotInThisModeError, match="leveret_mode = subprocess"):
        broker.kill()


def test_options_are_brokerds() -> None:
    with Broker(options={"product_version": "3.12.0", "message_size_max_bytes": "10"}) as broker:
        broker.declare("q")
        with pytest.raises(RefusedError, match="message size 11 is larger than configured max size 10"):
            broker.publish(b"x" * 11, "q")
