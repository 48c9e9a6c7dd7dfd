"""kill -9 while a publisher sends through deduplication, which then sends everything again: each message once."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pika
import pytest
from pika.adapters.blocking_connection import BlockingChannel

from tests.support.brokers import RestartableBroker

COUNT = 25
IN_FLIGHT = 15  # published and not confirmed when the broker is killed


def published(channel: BlockingChannel, exchange: str, key: str, numbers: range) -> None:
    for number in numbers:
        properties = pika.BasicProperties(headers={"x-deduplication-header": number}, delivery_mode=2)
        channel.basic_publish(exchange, key, b"%d" % number, properties)


@pytest.mark.parametrize("way", ["exchange", "queue"])
def test_sent_again_after_a_kill_it_is_there_once(tmp_path: Path, way: str) -> None:
    exchange, key = ("once", "") if way == "exchange" else ("", "q")
    with RestartableBroker(tmp_path) as broker:
        broker.launch()
        broker.await_ready()
        connection = pika.BlockingConnection(pika.ConnectionParameters(broker.host, broker.port))
        channel = connection.channel()
        channel.exchange_declare("once", "x-message-deduplication", durable=True, arguments={"x-cache-size": 10_000})
        channel.queue_declare("q", durable=True, arguments={"x-message-deduplication": way == "queue"})
        channel.queue_bind("q", "once")
        channel.confirm_delivery()
        published(channel, exchange, key, range(COUNT))
        eager = connection.channel()  # without confirms: nothing says how far it came
        published(eager, exchange, key, range(COUNT, COUNT + IN_FLIGHT))
        with contextlib.suppress(pika.exceptions.AMQPError):
            connection.process_data_events(0)
        broker.kill()
        with contextlib.suppress(pika.exceptions.AMQPError):
            connection.close()

        broker.launch()
        broker.await_ready()
        with pika.BlockingConnection(pika.ConnectionParameters(broker.host, broker.port)) as again:
            channel = again.channel()
            channel.confirm_delivery()
            published(channel, exchange, key, range(COUNT + IN_FLIGHT))
            bodies = []
            while True:
                method, _, body = channel.basic_get("q", auto_ack=True)
                if method is None:
                    break
                bodies.append(int(body))
            assert bodies == list(range(COUNT + IN_FLIGHT))
