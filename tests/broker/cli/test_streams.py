"""brokerctl's commands for named consumers of streams, which only a consumer can make."""

from __future__ import annotations

import json

import pika
import pytest

from tests.broker.cli.doors import Managed, as_process, in_process
from tests.support.vhosts import own_vhost
from tests.support.waiting import wait_until

pytestmark = pytest.mark.ours
READ = 3  # of five messages
STREAM = {"x-queue-type": "stream"}


def read_some(managed: Managed, vhost: str) -> None:
    """Publishes five messages, of which the consumer "reader" reads and acknowledges three."""
    parameters = pika.ConnectionParameters(managed.broker.host, managed.broker.port, vhost)
    with pika.BlockingConnection(parameters) as connection:
        channel = connection.channel()
        channel.queue_declare("events", durable=True, arguments=STREAM)
        channel.confirm_delivery()
        for number in range(5):
            channel.basic_publish("", "events", b"%d" % number)
        channel.basic_qos(prefetch_count=1)
        arguments = {"x-stream-offset": "first", "x-stream-consumer-name": "reader"}
        for number, (method, _, _) in enumerate(channel.consume("events", arguments=arguments), 1):
            channel.basic_ack(method.delivery_tag)
            if number == READ:
                break


def test_an_offset_is_listed_and_forgotten(managed: Managed) -> None:
    with own_vhost(managed.broker, "streams") as vhost:
        read_some(managed, vhost)

        def offsets() -> list[tuple[str, int]]:
            shown = in_process(*managed.socket_flags, "list_stream_offsets", "-p", vhost, "events", "--json")
            return [(row["consumer_name"], row["offset"]) for row in json.loads(shown.out)]

        wait_until(lambda: offsets() == [("reader", READ - 1)] or offsets() == [("reader", READ)])
        words = ["delete_stream_offset", "-p", vhost, "events", "reader"]
        ended = as_process(*managed.socket_flags, *words)
        assert ended.status == 0, ended.err
        assert "is forgotten" in ended.out
        assert offsets() == []
        assert in_process(*managed.tcp_flags, *words).status != 0
