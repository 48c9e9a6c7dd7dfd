"""Streams as clients use them: pika and aio-pika, with consumers that go on where they were."""

from __future__ import annotations

import asyncio
from typing import Any

import aio_pika
import pika
import pytest
from aio_pika.abc import AbstractIncomingMessage
from pika.adapters.blocking_connection import BlockingChannel

from tests.clients.conftest import Connect, Name
from tests.clients.support import WAIT_SECONDS, until
from tests.support.brokers import RunningBroker

STREAM = {"x-queue-type": "stream"}


@pytest.fixture
def channel(connect: Connect) -> BlockingChannel:
    opened = connect().channel()
    opened.confirm_delivery()
    return opened


def taken(channel: BlockingChannel, queue: str, count: int, **arguments: Any) -> list[tuple[int, bytes]]:
    """The first `count` messages that a consumer with these arguments gets and acknowledges; then the channel ends."""
    given = {f"x-stream-{name.replace('_', '-')}": value for name, value in arguments.items()}
    found: list[tuple[int, bytes]] = []

    def take(_: object, method: Any, properties: Any, body: bytes) -> None:
        if len(found) < count:
            found.append((properties.headers["x-stream-offset"], body))
            channel.basic_ack(method.delivery_tag)

    channel.basic_qos(prefetch_count=10)
    channel.basic_consume(queue, take, arguments=given)
    until(lambda: channel.connection.process_data_events(0.05) or len(found) == count)
    channel.close()
    return found


def test_pika_reads_a_stream_again_and_again(channel: BlockingChannel, name: Name) -> None:
    stream = name()
    channel.queue_declare(stream, durable=True, arguments=STREAM)
    for number in range(20):
        channel.basic_publish("", stream, b"%d" % number)
    everything = [(number, b"%d" % number) for number in range(20)]
    connection = channel.connection
    assert taken(connection.channel(), stream, 20, offset="first") == everything
    assert taken(connection.channel(), stream, 20, offset="1h") == everything
    assert taken(connection.channel(), stream, 3, offset=17) == everything[17:]


def test_pika_goes_on_under_a_name(connect: Connect, channel: BlockingChannel, name: Name) -> None:
    stream = name()
    channel.queue_declare(stream, durable=True, arguments=STREAM)
    for number in range(20):
        channel.basic_publish("", stream, b"%d" % number)
    first = taken(channel.connection.channel(), stream, 12, consumer_name="billing", offset="first")
    rest = taken(connect().channel(), stream, 8, consumer_name="billing", offset="first")
    assert first + rest == [(number, b"%d" % number) for number in range(20)]


def test_aio_pika_gets_live_messages_of_an_exchange_filtered(broker: RunningBroker, name: Name) -> None:
    async def run() -> list[tuple[str, object]]:
        async with await aio_pika.connect(broker.url(), timeout=WAIT_SECONDS) as connection:
            channel = await connection.channel()
            await channel.set_qos(prefetch_count=10)
            exchange = await channel.declare_exchange(name("x"), aio_pika.ExchangeType.TOPIC)
            stream = await channel.declare_queue(name("s"), durable=True, arguments=STREAM)
            await stream.bind(exchange, "orders.#")
            came: asyncio.Queue[AbstractIncomingMessage] = asyncio.Queue()
            await stream.consume(came.put, arguments={"x-stream-filter": "eu"})
            for region in ("eu", "us", "eu"):
                message = aio_pika.Message(region.encode(), headers={"x-stream-filter-value": region})
                await exchange.publish(message, "orders.new")
            found = []
            for _ in range(2):
                async with asyncio.timeout(WAIT_SECONDS), (await came.get()).process() as message:
                    found.append((message.body.decode(), message.headers["x-stream-offset"]))
            return found

    assert asyncio.run(run()) == [("eu", 0), ("eu", 2)]


def test_what_a_stream_cannot_do_is_said(channel: BlockingChannel, name: Name) -> None:
    stream = name()
    channel.queue_declare(stream, durable=True, arguments=STREAM)
    with pytest.raises(pika.exceptions.ConnectionClosedByBroker, match="not supported by stream queues"):
        channel.basic_get(stream)
