"""The live trace: what watchers are told, what they are not, and what becomes of those who do not read."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pika
import pytest
from pamqp import commands
from pamqp.commands import Basic

from broker.messages import address
from broker.model.message import Batch
from broker.tracing import EVENTS_BYTES_MAX, EVENTS_MAX, RUN_EVENTS_MAX, WATCHERS_MAX, Watcher
from protocol.properties import NO_PROPERTIES
from tests.support.http import Http
from tests.support.managed import Managed
from tests.support.sansio import SansBroker, SansClient


@contextmanager
def followed(http_api: Http, query: str) -> Iterator[Iterator[tuple[str, dict[str, Any]]]]:
    connection = http.client.HTTPConnection("127.0.0.1", http_api.port, timeout=30)
    connection.request("GET", f"/api/leveret/trace?{query}", headers=http_api.headers)
    answer = connection.getresponse()
    assert (answer.status, answer.getheader("content-type")) == (200, "text/event-stream; charset=utf-8")
    assert answer.readline().startswith(b": watching")

    def events() -> Iterator[tuple[str, dict[str, Any]]]:
        kind = ""
        for line in answer:
            if line.startswith(b"event: "):
                kind = line[7:].strip().decode()
            elif line.startswith(b"data: "):
                yield kind, json.loads(line[6:])

    try:
        yield events()
    finally:
        connection.close()


@pytest.mark.ours
def test_what_is_published_and_delivered_is_told_as_it_happens(managed: Managed, http: Http) -> None:
    with pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", managed.broker.port)) as connection:
        channel = connection.channel()
        channel.queue_declare("traced")
        with followed(http, "vhost=%2F&queue=traced") as events:
            channel.basic_publish("", "other", b"not watched")
            channel.basic_publish("", "traced", b"hello", pika.BasicProperties(message_id="m1"))
            kind, published = next(events)
            assert channel.basic_get("traced", auto_ack=True)[2] == b"hello"
            other_kind, delivered = next(events)
        channel.queue_delete("traced")
    published.pop("timestamp")
    assert (kind, published) == ("published", {
        "type": "published", "vhost": "/", "exchange": "", "routing_key": "traced", "queues": ["traced"],
        "payload_bytes": 5, "properties": {"message_id": "m1"}, "user": "guest", "payload": "hello",
        "payload_encoding": "string",
    })  # fmt: skip
    assert other_kind == "delivered"
    assert (delivered["queue"], delivered["consumer"], delivered["redelivered"]) == ("traced", "", False)
    assert "user" not in delivered


@pytest.mark.ours
def test_only_administrators_may_watch(http: Http) -> None:
    http.make("/api/users/watcher", {"password": "p", "tags": "monitoring"})
    try:
        status, answer = http.as_user("watcher", "p").ask("GET", "/api/leveret/trace")
        assert (status, answer["error"]) == (401, "not_authorised")
    finally:
        http.ask("DELETE", "/api/users/watcher")


class Watched:
    """A broker with a queue, and one who watches."""

    def __init__(self) -> None:
        self.broker = SansBroker()
        self.client: SansClient = self.broker.connect().open()
        self.client.channel(1)
        self.client.answer(1, commands.Queue.Declare(queue="q"))
        self.woken = 0

    def watch(self, vhost: str = "", exchange: str = "", queue: str = "", user: str = "") -> Watcher:
        watcher = Watcher(vhost, exchange, queue, user, self._wake)
        self.broker.node.tracing.watch(watcher)
        return watcher

    def _wake(self) -> None:
        self.woken += 1

    def publish(self, count: int, body: bytes = b"b", exchange: str = "") -> None:
        for _ in range(count):
            self.client.publish(1, exchange, "q", body)
        self.broker.turn()


@pytest.fixture
def watched() -> Watched:
    return Watched()


def test_a_tracer_is_there_only_while_somebody_watches(watched: Watched) -> None:
    assert watched.broker.vhost.tracer is None
    here, elsewhere = watched.watch("/"), watched.watch("elsewhere")
    assert watched.broker.vhost.tracer is not None
    watched.broker.node.administration.add_vhost("elsewhere")
    assert watched.broker.node.vhosts["elsewhere"].tracer is not None, "a vhost made later is watched too"
    watched.broker.node.tracing.leave(here)
    assert watched.broker.vhost.tracer is None
    watched.broker.node.tracing.leave(elsewhere)
    assert watched.broker.node.vhosts["elsewhere"].tracer is None


@pytest.mark.parametrize(
    ("wanted", "kinds"),
    [
        ({}, ["published", "published", "delivered"]),
        ({"exchange": "amq.fanout"}, ["published"]),
        ({"queue": "q"}, ["published", "delivered"]),
        ({"user": "guest"}, ["published", "published"]),
        ({"user": "ann"}, []),
        ({"vhost": "elsewhere"}, []),
    ],
)
def test_only_what_is_wanted_is_told(watched: Watched, wanted: dict[str, str], kinds: list[str]) -> None:
    watcher = watched.watch(**wanted)
    watched.publish(1, exchange="amq.fanout")
    watched.publish(1)
    watched.client.call(1, Basic.Get(queue="q", no_ack=True))
    assert [event.kind for event in watcher.take(100)] == kinds
    assert watched.woken == len(kinds)


def test_a_delivery_to_a_consumer_names_it_and_says_what_comes_again(watched: Watched) -> None:
    watcher = watched.watch(queue="q")
    watched.publish(1)
    watched.client.call(1, Basic.Get(queue="q"))
    watched.client.call(1, Basic.Nack(delivery_tag=1, requeue=True))
    watched.client.answer(1, Basic.Consume(queue="q", consumer_tag="me"))
    watched.broker.turn()
    told = [(event.kind, event.consumer, event.redelivered) for event in watcher.take(100)]
    assert told == [("published", "", False), ("delivered", "", False), ("delivered", "me", True)]


def test_who_does_not_read_loses_events_and_holds_no_more_than_a_share(watched: Watched) -> None:
    watcher = watched.watch()
    tracer = watched.broker.vhost.tracer
    assert tracer is not None
    tracer.published(Batch(address("", "q"), NO_PROPERTIES, [b"b"] * (RUN_EVENTS_MAX + 5), -1), ())
    assert (len(watcher.take(EVENTS_MAX)), watcher.left_out) == (RUN_EVENTS_MAX, 5)
    body = b"x" * (EVENTS_BYTES_MAX // 4)
    for _ in range(8):
        watched.publish(1, body)
    assert 4 <= len(watcher.take(EVENTS_MAX)) <= 5
    assert watcher.left_out >= 8
    for _ in range(EVENTS_MAX + 1):
        watched.publish(1)
    assert len(watcher.take(2 * EVENTS_MAX)) == EVENTS_MAX


def test_only_so_many_may_watch(watched: Watched) -> None:
    for _ in range(WATCHERS_MAX):
        watched.watch()
    with pytest.raises(ValueError, match="16 watch already"):
        watched.watch()
