"""What a test can break, as pika sees it."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable

import pika
import pytest
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import AMQPConnectionError, NackError, StreamLostError

from broker.testing import Broker
from broker.testing.errors import NotInThisModeError
from tests.support.waiting import wait_until
from tests.testing.conftest import Connect

HELD_S = 0.1  # what a fault holds back is seen to be held back for so long


def results(channel: BlockingChannel, count: int, key: str = "q") -> list[str]:
    """How each of some publishes was answered."""
    found = []
    for number in range(count):
        try:
            channel.basic_publish("", key, b"%d" % number)
            found.append("ack")
        except NackError:
            found.append("nack")
    return found


def held(action: Callable[[], object], release: Callable[[], object]) -> float:
    """How long the action took, which can end only after `release`, HELD_S later."""
    begun = time.monotonic()
    timer = threading.Timer(HELD_S, release)
    timer.start()
    action()
    timer.join()
    return time.monotonic() - begun


# ---- confirms


def test_the_next_confirms_are_nacks_and_the_messages_in_no_queue(broker: Broker, channel: BlockingChannel) -> None:
    broker.declare("q")
    broker.faults.nack_confirms(2)
    assert results(channel, 4) == ["nack", "nack", "ack", "ack"]
    assert [one.body for one in broker.messages("q")] == [b"2", b"3"]


def test_confirms_of_one_queue_are_nacks(broker: Broker, channel: BlockingChannel) -> None:
    broker.declare("q")
    broker.declare("other")
    broker.bind("q", "amq.fanout")
    with broker.faults.nack_confirms(queue="q"):
        assert results(channel, 2) == ["nack", "nack"]
        assert results(channel, 1, "other") == ["ack"]
        with pytest.raises(NackError):
            channel.basic_publish("amq.fanout", "", b"x")
    assert results(channel, 1) == ["ack"]
    assert broker.depth("q") == 1


def test_helpers_publish_whatever_is_broken(broker: Broker) -> None:
    broker.declare("q")
    broker.faults.nack_confirms()
    broker.faults.stall()
    broker.faults.hold_confirms()
    broker.publish("x", "q")
    assert broker.depth("q") == 1


def test_confirms_come_late(broker: Broker, channel: BlockingChannel) -> None:
    broker.declare("q")
    with broker.faults.delay_confirms(HELD_S):
        begun = time.monotonic()
        channel.basic_publish("", "q", b"x")
        assert time.monotonic() - begun >= HELD_S
    fault = broker.faults.hold_confirms()
    assert held(lambda: channel.basic_publish("", "q", b"x"), fault.stop) >= HELD_S
    assert broker.depth("q") == 2


def test_a_lost_confirm_leaves_the_message(broker: Broker, channel: BlockingChannel) -> None:
    broker.declare("q")
    broker.faults.hold_confirms()
    cutter = threading.Thread(target=lambda: (broker.wait_for_depth("q", 1), broker.faults.cut_connections()))
    cutter.start()
    with pytest.raises(StreamLostError):
        channel.basic_publish("", "q", b"x")
    cutter.join()
    assert broker.depth("q") == 1


# ---- links


@pytest.mark.parametrize("reset", [True, False])
def test_cut_connections(broker: Broker, connect: Connect, reset: bool) -> None:
    connection = connect()
    assert broker.faults.cut_connections(reset=reset) == 1
    with pytest.raises(StreamLostError, match="ConnectionResetError" if reset else "EOF"):
        connection.channel()
    broker.wait_for_connections(0)
    connect().channel()


def test_cut_connections_by_name_and_by_user(broker: Broker, connect: Connect) -> None:
    def named(name: str) -> object:
        return connect(client_properties={"connection_name": name})

    named("producer"), named("consumer"), named("consumer")
    assert broker.faults.cut_connections(name="consumer") == 2
    assert broker.faults.cut_connections(user="nobody") == 0
    broker.wait_for_connections(1)
    assert broker.faults.cut_connections(name=broker.connections()[0].name, user="guest") == 1


def test_connections_are_refused_until_they_are_accepted(broker: Broker, connect: Connect) -> None:
    connection = connect()
    broker.faults.refuse_connections()
    broker.faults.refuse_connections()
    with pytest.raises(AMQPConnectionError):
        connect()
    connection.channel()  # an open one goes on
    broker.faults.accept_connections()
    connect().channel()


def test_a_stalled_link_moves_nothing(broker: Broker, channel: BlockingChannel) -> None:
    broker.declare("q")
    fault = broker.faults.stall()
    assert held(lambda: channel.basic_publish("", "q", b"x" * 300_000), fault.stop) >= HELD_S
    assert [len(one.body) for one in broker.messages("q")] == [300_000]


def test_a_stalled_client_is_dead_after_its_heartbeats(broker: Broker, connect: Connect) -> None:
    connect(heartbeat=1)
    with broker.faults.stall():
        broker.wait_for_connections(0)


def test_a_slow_link_delays_both_ways(broker: Broker, channel: BlockingChannel) -> None:
    body = b"x" * 3_000_000
    with broker.faults.delay(HELD_S / 2):
        begun = time.monotonic()
        channel.queue_declare("q")
        assert time.monotonic() - begun >= HELD_S
        channel.basic_publish("", "q", body)
        assert channel.basic_get("q")[2] == body, "whole and in order"
    channel.basic_publish("", "q", b"quick again")


def test_a_consumer_that_cannot_be_reached_holds_up_nobody(broker: Broker, connect: Connect) -> None:
    got: list[bytes] = []
    consumer = connect()
    consuming = consumer.channel()
    consuming.queue_declare("q")
    consuming.basic_consume("q", lambda _c, _m, _p, body: got.append(body), auto_ack=True)
    with broker.faults.stall():
        for _ in range(50):
            broker.publish(b"x" * 100_000, "q")
        assert broker.depth("q") > 0, "what is held back is bounded"
    wait_until(lambda: consumer.process_data_events(0.01) or len(got) == 50)


def test_faults_are_of_one_vhost(broker: Broker) -> None:
    broker.server.add_vhost("other")
    other = Broker.on(broker.server, "other")
    other.faults.stall()
    other.faults.nack_confirms()
    with pika.BlockingConnection(pika.URLParameters(broker.url)) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        channel.queue_declare("q")
        assert results(channel, 1) == ["ack"]
    other.leave()
    assert "other" not in broker.server.url()
    with pytest.raises(AMQPConnectionError), pika.BlockingConnection(pika.URLParameters(other.url)):
        pass


# ---- alarms


@pytest.mark.parametrize("alarm", ["memory", "disk"])
def test_alarms_block_publishers(broker: Broker, connect: Connect, alarm: str) -> None:
    said: list[str] = []
    connection = connect()
    connection.add_on_connection_blocked_callback(lambda _, frame: said.append(frame.method.reason))
    connection.add_on_connection_unblocked_callback(lambda *_: said.append("unblocked"))
    channel = connection.channel()
    channel.queue_declare("q")
    channel.basic_publish("", "q", b"x")
    broker.faults.raise_alarm(alarm)
    wait_until(lambda: connection.process_data_events(0.01) or said)
    broker.faults.clear_alarm(alarm)
    wait_until(lambda: connection.process_data_events(0.01) or len(said) == 2)
    assert said == [f"low on {alarm}", "unblocked"]


def test_clear_ends_everything(broker: Broker, connect: Connect) -> None:
    broker.faults.refuse_connections()
    broker.faults.raise_alarm()
    broker.faults.stall()
    broker.faults.clear()
    channel = connect().channel()
    channel.confirm_delivery()
    channel.queue_declare("q")
    assert results(channel, 1) == ["ack"]


def test_wrong_asks_are_refused(broker: Broker) -> None:
    with pytest.raises(ValueError, match="the alarms are memory and disk, not 'fire'"):
        broker.faults.raise_alarm("fire")
    with pytest.raises(ValueError, match="a count of 1 or more"):
        broker.faults.nack_confirms(0)
    with Broker("subprocess") as other:
        for ask in (other.faults.stall, other.faults.raise_alarm, other.faults.cut_connections, other.clock.freeze):
            with pytest.raises(NotInThisModeError, match="needs a broker in this process: leveret_mode = in-process"):
                ask()


def test_a_port_that_is_kept_refuses(broker: Broker) -> None:
    broker.faults.refuse_connections()
    with socket.socket() as sock:
        assert sock.connect_ex(("127.0.0.1", broker.port)) != 0
