"""A queue's pace is seen: over HTTP and in metrics, with what holds the queue back."""

from __future__ import annotations

import pika

from tests.support.http import Http
from tests.support.managed import Managed


def test_a_queue_shows_its_pace_and_what_it_waits_for(managed: Managed, http: Http) -> None:
    http.make("/api/policies/%2F/pace", {
        "pattern": "^paced$", "definition": {"concurrency-max": 1, "rate-limit": 600, "rate-limit-period": 60_000},
        "apply-to": "queues",
    })  # fmt: skip
    try:
        with pika.BlockingConnection(pika.URLParameters(managed.broker.url())) as connection:
            channel = connection.channel()
            channel.queue_declare("paced", exclusive=True, arguments={"x-rate-limit-burst": 5})
            channel.queue_declare("plain", exclusive=True)
            for _ in range(2):
                channel.basic_publish("", "paced", b"")
            pace = {"concurrency_max": 1, "rate_limit": 600, "rate_limit_burst": 5, "rate_limit_period": 60_000}
            assert http.get("/api/queues/%2F/paced")["pace"] == pace
            channel.basic_get("paced")
            assert channel.basic_get("paced") == (None, None, None)
            assert http.get("/api/queues/%2F/paced")["pace"] == pace | {"waits_for": "concurrency"}
            assert "pace" not in http.get("/api/queues/%2F/plain")
    finally:
        http.ask("DELETE", "/api/policies/%2F/pace")
