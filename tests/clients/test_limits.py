"""What a client sees of the limits and alarms a Leveret was started with."""

from __future__ import annotations

from collections.abc import Iterator

import pika
import pytest
from pika.adapters.blocking_connection import BlockingConnection
from pika.exceptions import (
    ChannelClosedByBroker,
    ConnectionBlockedTimeout,
    ConnectionClosedByBroker,
    ProbableAccessDeniedError,
)

from tests.clients.conftest import parameters
from tests.clients.support import until
from tests.support.brokers import RunningBroker, running_brokerd

pytestmark = pytest.mark.ours
SIZE_BYTES_MAX = 100_000
ENDLESS_BYTES = 2**62


@pytest.fixture(scope="module")
def limited() -> Iterator[RunningBroker]:
    """A broker on which every limit is within reach."""
    limits = {"connections": 2, "channels": 5, "consumers-per-channel": 2}
    flags = [flag for name, limit in limits.items() for flag in (f"--{name}-max", str(limit))]
    with running_brokerd(*flags, "--message-size-max-bytes", str(SIZE_BYTES_MAX)) as started:
        yield started


@pytest.fixture(scope="module")
def alarmed() -> Iterator[RunningBroker]:
    """A broker that never has enough free space."""
    with running_brokerd("--disk-free-min-bytes", str(ENDLESS_BYTES), "--shutdown-timeout-s", "0.2") as started:
        yield started


def open_pika(broker: RunningBroker, **options: object) -> BlockingConnection:
    return pika.BlockingConnection(parameters(broker, **options))


def test_one_connection_too_many(limited: RunningBroker) -> None:
    with open_pika(limited) as first, open_pika(limited):
        with pytest.raises(ProbableAccessDeniedError) as raised:
            open_pika(limited)
        assert "530" in str(raised.value)
        assert "connection limit (2) is reached" in str(raised.value)
        assert first.channel().is_open
    until(lambda: _may_connect(limited))


def _may_connect(broker: RunningBroker) -> bool:
    try:
        open_pika(broker).close()
    except ProbableAccessDeniedError:
        return False
    return True


def test_the_only_connection() -> None:
    with running_brokerd("--connections-max", "1") as single, open_pika(single) as first:
        with pytest.raises(ProbableAccessDeniedError, match="530"):
            open_pika(single)
        assert first.channel().is_open


def test_one_channel_too_many(limited: RunningBroker) -> None:
    with open_pika(limited) as first:
        channels = [first.channel() for _ in range(5)]
        with pytest.raises(ConnectionClosedByBroker) as raised:
            first.channel()
        assert raised.value.reply_code == 530
        assert "maximum allowed limit of (5)" in raised.value.reply_text
        assert len(channels) == 5
    with open_pika(limited) as second:
        assert second.channel().is_open, "closing a connection gives its channels back"


def test_one_consumer_too_many(limited: RunningBroker) -> None:
    with open_pika(limited) as connection:
        channel, other = connection.channel(), connection.channel()
        queue = channel.queue_declare("", exclusive=True).method.queue
        for used in (channel, channel, other):
            used.basic_consume(queue, print)
        with pytest.raises(ConnectionClosedByBroker) as raised:
            channel.basic_consume(queue, print)
        assert raised.value.reply_code == 530
        assert "consumers per channel" in raised.value.reply_text


def test_a_cancelled_consumer_makes_room(limited: RunningBroker) -> None:
    with open_pika(limited) as connection:
        channel = connection.channel()
        queue = channel.queue_declare("", exclusive=True).method.queue
        tags = [channel.basic_consume(queue, print) for _ in range(2)]
        channel.basic_cancel(tags[0])
        assert channel.basic_consume(queue, print)


def test_a_message_too_large(limited: RunningBroker) -> None:
    with open_pika(limited) as connection:
        queue = connection.channel().queue_declare("", exclusive=True).method.queue
        channel = connection.channel()
        channel.confirm_delivery()
        channel.basic_publish("", queue, bytes(SIZE_BYTES_MAX))
        with pytest.raises(ChannelClosedByBroker) as raised:
            channel.basic_publish("", queue, bytes(SIZE_BYTES_MAX + 1))
        assert raised.value.reply_code == 406
        expected = f"message size {SIZE_BYTES_MAX + 1} is larger than configured max size {SIZE_BYTES_MAX}"
        assert raised.value.reply_text == f"PRECONDITION_FAILED - {expected}"
        assert connection.channel().queue_declare(queue, passive=True).method.message_count == 1


def test_an_alarm_blocks_publishers_and_not_consumers(alarmed: RunningBroker) -> None:
    with open_pika(alarmed) as consumers:
        channel = consumers.channel()
        queue = channel.queue_declare("blocked").method.queue
        blocked: list[str] = []
        consumed: list[bytes] = []
        channel.basic_consume(queue, lambda _c, _m, _p, body: consumed.append(body), auto_ack=True)
        publisher = open_pika(alarmed)
        publisher.add_on_connection_blocked_callback(lambda _connection, frame: blocked.append(frame.method.reason))
        publishing = publisher.channel()
        assert publishing.queue_declare(queue, passive=True).method.consumer_count == 1
        assert blocked == [], "who does not publish is left alone"
        publishing.basic_publish("", queue, b"the first tells the broker that this is a publisher")
        until(lambda: blocked, lambda: publisher.process_data_events(0.1))
        assert blocked == ["low on disk"]
        until(lambda: consumed, lambda: consumers.process_data_events(0.1))
        assert channel.queue_declare(queue, passive=True).method.message_count == 0


def test_a_blocked_publisher_waits_no_longer_than_it_wants(alarmed: RunningBroker) -> None:
    publisher = open_pika(alarmed, blocked_connection_timeout=0.2)
    channel = publisher.channel()
    channel.confirm_delivery()
    channel.basic_publish("", "nowhere", b"the first is taken")
    with pytest.raises(ConnectionBlockedTimeout):
        channel.basic_publish("", "nowhere", b"the second is not read")
    assert publisher.is_closed
