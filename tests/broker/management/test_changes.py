"""Messages, users and definitions changed over HTTP."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pika
import pytest

from tests.support.http import Http
from tests.support.managed import Managed

pytestmark = pytest.mark.ours
PUBLISH = "/api/exchanges/changes/amq.default/publish"


@pytest.fixture(scope="module")
def http(managed: Managed) -> Iterator[Http]:
    managed.http.make("/api/vhosts/changes")
    yield managed.http
    managed.http.ask("DELETE", "/api/vhosts/changes")


@pytest.fixture
def queue(http: Http) -> Iterator[str]:
    http.make("/api/queues/changes/q", {"durable": True})
    yield "q"
    http.ask("DELETE", "/api/queues/changes/q")


def publish(http: Http, payload: str, encoding: str = "string", **properties: object) -> None:
    message = {"routing_key": "q", "payload": payload, "payload_encoding": encoding, "properties": properties}
    assert http.ask("POST", PUBLISH, message) == (200, {"routed": True})


def get(http: Http, ackmode: str, count: int = 10, **more: object) -> list[dict[str, Any]]:
    wanted = {"ackmode": ackmode, "count": count, "encoding": "auto", **more}
    status, answer = http.ask("POST", "/api/queues/changes/q/get", wanted)
    assert status == 200, answer
    found: list[dict[str, Any]] = answer
    return found


PROPERTIES: dict[str, object] = {
    "content_type": "text/plain", "content_encoding": "utf-8", "delivery_mode": 2, "priority": 3,
    "correlation_id": "c", "reply_to": "r", "expiration": "100000", "message_id": "m", "timestamp": 1234567890,
    "type": "t", "user_id": "guest", "app_id": "a",
    "headers": {"text": "x", "number": 5, "large": 2**40, "real": 1.5, "flag": True, "none": None, "list": [1, "a"],
                "table": {"inner": "y"}},
}  # fmt: skip


@pytest.mark.usefixtures("queue")
def test_all_properties_come_back(http: Http) -> None:
    publish(http, "hello", **PROPERTIES)
    (got,) = get(http, "ack_requeue_false")
    assert got["properties"] == PROPERTIES
    assert (got["payload"], got["payload_bytes"], got["redelivered"], got["message_count"]) == ("hello", 5, False, 0)


@pytest.mark.usefixtures("queue")
def test_what_a_client_gets_is_what_was_sent(http: Http, managed: Managed) -> None:
    publish(http, base64.b64encode(b"\0\xff").decode(), "base64", headers={"a": 1}, cluster_id="x")
    connection = pika.BlockingConnection(pika.URLParameters(managed.broker.url("changes")))
    _, properties, body = connection.channel().basic_get("q", auto_ack=True)
    connection.close()
    assert (properties.headers, properties.cluster_id, body) == ({"a": 1}, "x", b"\0\xff")


@pytest.mark.parametrize(
    ("ackmode", "left"),
    [("ack_requeue_true", 3), ("reject_requeue_true", 3), ("ack_requeue_false", 1), ("reject_requeue_false", 1)],
)
@pytest.mark.usefixtures("queue")
def test_what_becomes_of_messages(http: Http, ackmode: str, left: int) -> None:
    for number in range(3):
        publish(http, str(number))
    assert [one["payload"] for one in get(http, ackmode, 2)] == ["0", "1"]
    after = http.get("/api/queues/changes/q")
    assert (after["messages_ready"], after["messages_unacknowledged"]) == (left, 0)
    again = get(http, "ack_requeue_false")
    assert [one["payload"] for one in again] == ["0", "1", "2"][-left:]
    assert [one["redelivered"] for one in again] == [left == 3, left == 3, False][-left:]


@pytest.mark.usefixtures("queue")
def test_bytes_and_long_ones(http: Http) -> None:
    publish(http, base64.b64encode(b"\xff\xfe").decode(), "base64")
    publish(http, "long text")
    first, second = get(http, "ack_requeue_true", truncate=4)
    assert (first["payload"], first["payload_encoding"]) == ("//4=", "base64")
    assert (second["payload"], second["payload_bytes"]) == ("long", 9)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"payload_encoding": "zip"}, ["unsupported_encoding", "zip"]),
        ({"payload": "!!", "payload_encoding": "base64"}, ["not_base64", "!!"]),
        ({"properties": {"delivery_mode": "2"}}, ["not_int", "delivery_mode"]),
        ({"properties": {"headers": {"n": 2**70}}}, "the number 1.181e+21 does not fit 64 bits"),
        ({"properties": {"user_id": "x"}}, "user_id property set to 'x' but authenticated user was 'guest'"),
        ({"properties": {"expiration": "soon"}}, "invalid expiration 'soon': no_integer"),
        ({"routing_key": "k" * 256}, "names of exchanges and routing keys have at most 255 bytes"),
    ],
)
def test_messages_that_cannot_be(http: Http, change: dict[str, object], reason: object) -> None:
    message = {"routing_key": "q", "payload": "x", "payload_encoding": "string", "properties": {}, **change}
    assert http.ask("POST", PUBLISH, message) == (400, {"error": "bad_request", "reason": reason})


def test_rights_count_here_too(http: Http) -> None:
    http.make("/api/users/changes-u", {"password": "p", "tags": "management"})
    http.make("/api/permissions/changes/changes-u", {"configure": "^mine", "write": "^mine", "read": "^mine"})
    other = http.as_user("changes-u", "p")
    assert other.ask("PUT", "/api/queues/changes/mine", {})[0] == 201
    status, answer = other.ask("PUT", "/api/queues/changes/theirs", {})
    assert (status, answer["error"]) == (401, "not_authorised")
    assert "configure access to queue 'theirs' in vhost 'changes' refused" in answer["reason"]
    message = {"routing_key": "mine", "payload": "x", "payload_encoding": "string", "properties": {}}
    assert other.ask("POST", PUBLISH, message)[0] == 401
    http.ask("DELETE", "/api/users/changes-u")
    assert other.ask("GET", "/api/whoami")[0] == 401


def test_a_hash_that_rabbitmq_made_lets_one_in(http: Http) -> None:
    known = "kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR"  # of "test12", in RabbitMQ's documentation
    http.make("/api/users/changes-h", {"password_hash": known, "tags": "management"})
    assert http.as_user("changes-h", "test12").get("/api/whoami")["name"] == "changes-h"
    http.make("/api/users/changes-h", http.get("/api/users/changes-h"))
    assert http.as_user("changes-h", "test12").get("/api/whoami")["name"] == "changes-h"
    http.make(
        "/api/users/changes-h", {"password_hash": http.get("/api/auth/hash_password/new")["ok"], "tags": "management"}
    )
    assert http.as_user("changes-h", "new").get("/api/whoami")["name"] == "changes-h"
    assert http.ask("DELETE", "/api/users/changes-h")[0] == 204


def test_a_definitions_file_is_uploaded_as_a_form_does(http: Http) -> None:
    held = json.dumps({"queues": [{"name": "up", "durable": True, "auto_delete": False, "arguments": {}}]})
    body = (
        '--edge\r\nContent-Disposition: form-data; name="file"; filename="d.json"\r\n'
        f"Content-Type: application/json\r\n\r\n{held}\r\n--edge--\r\n"
    ).encode()
    headers = {"content-type": "multipart/form-data; boundary=edge"}
    assert http.raw("POST", "/api/definitions/changes", body, headers)[0] == 204
    assert http.get("/api/queues/changes/up")["durable"] is True
    status, answer, _ = http.raw("POST", "/api/definitions/changes", b"--edge--\r\n", headers)
    assert (status, json.loads(answer)["reason"]) == (400, "the form has no file named file")
    assert http.ask("POST", "/api/definitions/changes", [])[0] == 400
    exported, _, sent = http.raw("GET", "/api/definitions/changes?download=d.json")
    assert (exported, sent["content-disposition"]) == (200, 'attachment; filename="d.json"')


def test_a_protected_vhost_stays(http: Http) -> None:
    assert http.ask("POST", "/api/vhosts/changes/deletion/protection")[0] == 204
    assert http.ask("DELETE", "/api/vhosts/changes")[0] == 412
    assert http.ask("DELETE", "/api/vhosts/changes/deletion/protection")[0] == 204
