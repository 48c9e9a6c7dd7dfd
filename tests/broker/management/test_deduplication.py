"""Deduplication is seen and cleared over HTTP."""

from __future__ import annotations

import pika

from tests.support.http import Http
from tests.support.managed import Managed

TWICE = pika.BasicProperties(headers={"x-deduplication-header": "a"})


def test_an_exchange_and_a_queue_show_what_they_know_and_forget_it(managed: Managed, http: Http) -> None:
    with pika.BlockingConnection(pika.URLParameters(managed.broker.url())) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        arguments = {"x-cache-size": 7, "x-cache-ttl": 60_000}
        channel.exchange_declare("dedup", "x-message-deduplication", auto_delete=True, arguments=arguments)
        channel.queue_declare("dedup", auto_delete=True, arguments={"x-message-deduplication": True})
        channel.queue_bind("dedup", "dedup")
        for exchange, key in (("dedup", ""), ("dedup", ""), ("", "dedup"), ("", "dedup")):
            channel.basic_publish(exchange, key, b"", TWICE)
        known = {"identities": 1, "learning": False}
        assert http.get("/api/exchanges/%2F/dedup")["deduplication"] == known | {
            "identities_max": 7, "ttl": 60_000, "persistence": "memory", "duplicates": 1,
        }  # fmt: skip
        assert http.get("/api/queues/%2F/dedup")["deduplication"] == known | {"duplicates": 2}
        assert http.get("/api/queues/%2F/dedup")["messages_ready"] == 1
        for kind in ("exchanges", "queues"):
            assert http.ask("DELETE", f"/api/{kind}/%2F/dedup/deduplication")[0] == 204
            assert http.get(f"/api/{kind}/%2F/dedup")["deduplication"]["identities"] == 0
        channel.basic_publish("dedup", "", b"", TWICE)
        assert http.get("/api/queues/%2F/dedup")["messages_ready"] == 2
        channel.queue_delete("dedup")


def test_what_does_not_deduplicate_cannot_be_cleared(http: Http) -> None:
    status, answer = http.ask("DELETE", "/api/exchanges/%2F/amq.fanout/deduplication")
    assert (status, answer["reason"]) == (400, "exchange 'amq.fanout' does not deduplicate")
    assert http.ask("DELETE", "/api/exchanges/%2F/nothing/deduplication")[0] == 404
    assert "deduplication" not in http.get("/api/exchanges/%2F/amq.fanout")
