"""Streams over HTTP: listed with their offsets, looked into, their named consumers seen and forgotten, exported."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pamqp.commands import Basic

from tests.support.http import Http
from tests.support.managed import Managed
from tests.support.raw import RawConnection
from tests.support.waiting import wait_until

pytestmark = pytest.mark.ours
STREAM = "/api/queues/%2F/http.stream"


@pytest.fixture
def http(managed: Managed) -> Iterator[Http]:
    arguments = {"x-queue-type": "stream", "x-max-age": "7D"}
    managed.http.make(STREAM, {"durable": True, "arguments": arguments})
    for number in range(5):
        message = {"routing_key": "http.stream", "payload": str(number), "payload_encoding": "string", "properties": {}}
        answer = managed.http.ask("POST", "/api/exchanges/%2F/amq.default/publish", message)
        assert answer == (200, {"routed": True})
    yield managed.http
    managed.http.ask("DELETE", STREAM)


def shown(http: Http, path: str) -> Any:
    status, answer = http.ask("GET", path)
    assert status == 200, answer
    return answer


def test_a_stream_and_its_readers_are_shown(managed: Managed, http: Http) -> None:
    with RawConnection(managed.broker.host, managed.broker.port) as connection:
        channel = connection.log_in().channel()
        channel.qos(2)
        channel.consume("http.stream", "r", {"x-stream-offset": 1, "x-stream-consumer-name": "billing"})
        first, _ = channel.deliveries(2)
        stream = shown(http, STREAM)
        assert {name: stream[name] for name in ("type", "messages", "messages_ready", "messages_unacknowledged")} == {
            "type": "stream", "messages": 5, "messages_ready": 5, "messages_unacknowledged": 0,
        }  # fmt: skip
        assert (stream["first_offset"], stream["next_offset"], stream["committed_offset"]) == (0, 5, 4)
        assert (stream["lag"], list(stream["readers"].values())) == (2, [1])
        (consumer,) = stream["consumer_details"]
        assert (consumer["offset"], consumer["lag"], consumer["prefetch_count"]) == (3, 2, 2)
        channel.ack(first.method.delivery_tag)
        channel.deliveries(1)
        (kept,) = shown(http, f"{STREAM}/offsets")
        assert {**kept, "acknowledged_at": 0} == {
            "consumer_name": "billing", "offset": 1, "lag": 3, "acknowledged_at": 0, "consumers": 1,
        }  # fmt: skip
        channel.call(Basic.Cancel("r"), Basic.CancelOk)
        assert http.ask("DELETE", f"{STREAM}/offsets/billing")[0] == 204
        assert http.ask("DELETE", f"{STREAM}/offsets/billing")[0] == 404
        assert shown(http, f"{STREAM}/offsets") == []


def test_offsets_are_those_of_a_stream(managed: Managed) -> None:
    managed.http.make("/api/queues/%2F/http.classic", {"durable": True})
    try:
        for method, path in (("GET", "offsets"), ("DELETE", "offsets/x")):
            status, answer = managed.http.ask(method, f"/api/queues/%2F/http.classic/{path}")
            assert status == 400
            assert "is not a stream" in answer["reason"]
    finally:
        managed.http.ask("DELETE", "/api/queues/%2F/http.classic")


def test_a_stream_is_looked_into_and_nothing_is_taken_out(http: Http) -> None:
    waiting = shown(http, f"{STREAM}/messages?count=2&after=0-2")
    assert [one["payload"] for one in waiting["items"]] == ["2", "3"]
    refused = [
        http.ask("POST", f"{STREAM}/get", {"count": 1, "ackmode": "ack_requeue_true", "encoding": "auto"}),
        http.ask("DELETE", f"{STREAM}/contents"),
        http.ask("DELETE", f"{STREAM}/messages/0-2"),
    ]
    assert [status for status, _ in refused] == [400, 400, 400]
    assert shown(http, STREAM)["messages"] == 5


def test_a_policy_bounds_a_stream_at_once(http: Http) -> None:
    policy = {"pattern": "^http.stream$", "definition": {"max-age": "1s"}, "apply-to": "streams"}
    assert http.ask("PUT", "/api/policies/%2F/ages", policy)[0] == 201
    try:
        wait_until(lambda: shown(http, STREAM)["messages"] == 0, what="the stream's end of age")
        assert shown(http, STREAM)["first_offset"] == 5
        wrong = {**policy, "definition": {"max-age": "5x"}}
        status, answer = http.ask("PUT", "/api/policies/%2F/wrong", wrong)
        assert (status, "is not a valid max age" in answer["reason"]) == (400, True)
    finally:
        http.ask("DELETE", "/api/policies/%2F/ages")


def test_definitions_have_the_stream(http: Http) -> None:
    definitions = shown(http, "/api/definitions/%2F")
    stream = next(one for one in definitions["queues"] if one["name"] == "http.stream")
    assert stream["type"] == "stream"
    assert http.ask("DELETE", STREAM)[0] == 204
    assert http.ask("POST", "/api/definitions/%2F", {"queues": [stream]})[0] in (200, 201, 204)
    assert shown(http, STREAM)["arguments"] == {"x-queue-type": "stream", "x-max-age": "7D"}
