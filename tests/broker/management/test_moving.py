"""Jobs over HTTP against a real broker: moving, replaying dead letters, and who may."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pika
import pytest

from tests.support.http import Http
from tests.support.managed import Managed
from tests.support.waiting import wait_until

pytestmark = pytest.mark.ours
VHOST = "moving"
QUEUES = f"/api/queues/{VHOST}"
Channel = pika.adapters.blocking_connection.BlockingChannel


@pytest.fixture
def channel(managed: Managed) -> Iterator[Channel]:
    http = managed.http
    http.make(f"/api/vhosts/{VHOST}")
    http.make(f"/api/permissions/{VHOST}/guest", {"configure": ".*", "write": ".*", "read": ".*"})
    with pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", managed.broker.port, VHOST)) as connection:
        found = connection.channel()
        found.confirm_delivery()
        for name in ("a", "b", "dead"):
            found.queue_declare(name, durable=True)
        yield found
    http.ask("DELETE", f"/api/vhosts/{VHOST}")


def ended(http: Http, answer: tuple[int, Any]) -> dict[str, Any]:
    """The job that was started, at its end."""
    status, job = answer
    assert status == 202, answer
    jobs: list[dict[str, Any]] = []

    def is_over() -> bool:
        jobs.append(http.get(f"/api/leveret/jobs/{job['id']}"))
        return jobs[-1]["ended"] is not None

    wait_until(is_over, what="the end of the job")
    return jobs[-1]


def payloads(http: Http, queue: str) -> list[str]:
    return [item["payload"] for item in http.get(f"{QUEUES}/{queue}/messages")["items"]]


def died(queue: str, **more: Any) -> pika.BasicProperties:
    """A dead letter's properties, as RabbitMQ writes them."""
    death = {"queue": queue, "reason": "rejected", "exchange": "", "routing-keys": [queue], "count": 1}
    headers = {
        "x-death": [death], "x-first-death-queue": queue, "x-first-death-reason": "rejected",
        "x-first-death-exchange": "", "kept": "as it is", **more,
    }  # fmt: skip
    return pika.BasicProperties(delivery_mode=2, headers=headers)


def test_messages_are_moved_and_the_job_is_told_of(http: Http, channel: Channel) -> None:
    for number in range(30):
        channel.basic_publish("", "a", b"%d" % number, pika.BasicProperties(delivery_mode=2))
    job = ended(http, http.ask("POST", f"{QUEUES}/a/move", {"destination": "b", "count": 20}))
    assert (job["state"], job["done"], job["total"], job["error"]) == ("done", 20, 20, None)
    assert (job["kind"], job["source"], job["destination"], job["user"]) == ("move", "a", "queue b", "guest")
    assert payloads(http, "b") == [str(number) for number in range(20)]
    assert payloads(http, "a") == [str(number) for number in range(20, 30)]
    assert job in http.get("/api/leveret/jobs")


def test_a_job_is_cancelled(http: Http, channel: Channel) -> None:
    for _ in range(3):
        channel.basic_publish("", "a", b"x")
    answer = http.ask("POST", f"{QUEUES}/a/move", {"destination": "b", "rate": 1})
    assert http.ask("DELETE", f"/api/leveret/jobs/{answer[1]['id']}")[0] == 204
    assert ended(http, answer)["state"] == "cancelled"
    assert len(payloads(http, "a")) + len(payloads(http, "b")) == 3


def test_dead_letters_are_grouped_and_replayed_to_where_they_died(http: Http, channel: Channel) -> None:
    for number in range(4):
        channel.basic_publish("", "dead", b"a%d" % number, died("a", task="shop.add"))
    channel.basic_publish("", "dead", b"b", died("b"))
    channel.basic_publish("", "dead", b"never died")
    groups = http.get(f"{QUEUES}/dead/dead-letters")
    assert groups == {
        "groups": [{"reason": "rejected", "queue": "a", "task": "shop.add", "count": 4},
                   {"reason": "rejected", "queue": "b", "task": None, "count": 1}],
        "looked_at": 6, "truncated": False,
    }  # fmt: skip
    asked = {"reason": "rejected", "queue": "a", "task": "shop.add", "count": 3}
    job = ended(http, http.ask("POST", f"{QUEUES}/dead/replay", asked))
    assert (job["state"], job["done"]) == ("done", 3)
    assert payloads(http, "a") == ["a0", "a1", "a2"]
    job = ended(http, http.ask("POST", f"{QUEUES}/dead/replay"))
    assert (job["done"], job["skipped"]) == (2, 1)
    assert payloads(http, "dead") == ["never died"]
    method, properties, body = channel.basic_get("b", auto_ack=True)
    assert (method.exchange, method.routing_key, method.redelivered, body) == ("", "b", False, b"b")
    assert properties.headers["kept"] == "as it is"
    assert properties.headers["x-replays"] == 1
    assert [death["queue"] for death in properties.headers["x-deaths-before-replay"]] == ["b"]
    assert not {name for name in properties.headers if name.startswith(("x-death", "x-first-death"))} - {
        "x-deaths-before-replay"
    }


def test_through_the_exchange_it_takes_all_routing_keys(http: Http, channel: Channel) -> None:
    for name in ("a", "b"):
        channel.queue_bind(name, "amq.direct", f"to-{name}")
    death = {"queue": "gone", "reason": "expired", "exchange": "amq.direct", "routing-keys": ["to-a", "to-b"]}
    properties = pika.BasicProperties(headers={"x-death": [death]})
    channel.basic_publish("", "dead", b"x", properties)
    job = ended(http, http.ask("POST", f"{QUEUES}/dead/replay", {"via": "exchange", "keep_x_death": True}))
    assert (job["state"], job["done"]) == ("done", 1)
    for name in ("a", "b"):
        method, properties, _ = channel.basic_get(name, auto_ack=True)
        assert (method.exchange, method.routing_key) == ("amq.direct", "to-a")
        assert properties.headers == {"x-death": [death]}


def test_a_single_one_is_edited_before(http: Http, channel: Channel) -> None:
    for body in (b"first", b"second", b"third"):
        channel.basic_publish("", "dead", body, died("a"))
    second = http.get(f"{QUEUES}/dead/messages")["items"][1]
    edit = {"payload": "c2Vjb25kIQ==", "payload_encoding": "base64"}
    job = ended(http, http.ask("POST", f"{QUEUES}/dead/replay", {"id": second["id"], "edit": edit}))
    assert (job["state"], job["done"], job["total"]) == ("done", 1, 1)
    assert payloads(http, "dead") == ["first", "third"]
    (got,) = http.get(f"{QUEUES}/a/messages")["items"]
    assert (got["payload"], got["properties"]["headers"]["kept"]) == ("second!", "as it is")
    first = http.get(f"{QUEUES}/dead/messages")["items"][0]
    asked = {"id": first["id"], "edit": {"properties": {"headers": {"n": 1}, "delivery_mode": 2}}}
    assert ended(http, http.ask("POST", f"{QUEUES}/dead/replay", asked))["done"] == 1
    got = http.get(f"{QUEUES}/a/messages")["items"][1]
    assert (got["payload"], got["properties"]) == ("first", {"headers": {"n": 1}, "delivery_mode": 2})
    again = ended(http, http.ask("POST", f"{QUEUES}/dead/replay", {"id": first["id"]}))
    assert (again["state"], again["done"]) == ("failed", 0)
    assert "does not wait there any more" in again["error"]


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("a/move", {}, 400),
        ("a/move", {"destination": 7}, 400),
        ("a/move", {"destination": {"routing_key": "x"}}, 400),
        ("a/move", {"destination": "b", "count": "many"}, 400),
        ("a/move", {"destination": "b", "rate": -1}, 400),
        ("a/move", {"destination": "nowhere"}, 404),
        ("nowhere/move", {"destination": "b"}, 404),
        ("a/move", {"destination": "a"}, 400),
        ("a/move", {"destination": {"exchange": "amq.rabbitmq.trace", "routing_key": "k"}}, 401),
        ("a/replay", {"edit": {"payload": "x"}}, 400),
        ("a/replay", {"id": "x"}, 400),
        ("a/replay", {"via": "pigeon"}, 400),
        ("a/replay", {"id": "0-1", "edit": {"payload": "!", "payload_encoding": "base64"}}, 400),
    ],
)
@pytest.mark.usefixtures("channel")
def test_what_cannot_be_done_is_a_clear_error(http: Http, path: str, body: Any, status: int) -> None:
    answer = http.ask("POST", f"{QUEUES}/{path}", body)
    assert answer[0] == status, answer
    assert answer[1]["reason"]


def test_rights_on_both_ends_are_asked_for(http: Http, channel: Channel) -> None:
    channel.basic_publish("", "a", b"x")
    channel.basic_publish("", "dead", b"x", died("a"))
    http.make("/api/users/mover", {"password": "p", "tags": "management"})
    somebody = http.as_user("mover", "p")
    try:
        for rights in (
            {"configure": "", "write": "^b$", "read": "^(b|dead)$"},
            {"configure": "", "write": "^c$", "read": ".*"},
        ):
            http.make(f"/api/permissions/{VHOST}/mover", rights)
            assert somebody.ask("POST", f"{QUEUES}/a/move", {"destination": "b"})[0] == 401
        http.make(f"/api/permissions/{VHOST}/mover", {"configure": "", "write": "^b$", "read": "^(a|dead)$"})
        job = ended(http, somebody.ask("POST", f"{QUEUES}/dead/replay"))
        assert (job["state"], job["error"]) == (
            "failed", f"write access to queue 'a' in vhost '{VHOST}' refused for user 'mover'"
        )  # fmt: skip
        assert payloads(http, "dead") == ["x"]
        assert ended(http, somebody.ask("POST", f"{QUEUES}/a/move", {"destination": "b"}))["user"] == "mover"
        http.make(f"/api/permissions/{VHOST}/mover", {"configure": "", "write": "", "read": "^x$"})
        assert somebody.ask("DELETE", f"/api/leveret/jobs/{job['id']}")[0] == 401
        http.ask("DELETE", f"/api/permissions/{VHOST}/mover")
        assert somebody.ask("GET", f"/api/leveret/jobs/{job['id']}")[0] == 401
        assert job["id"] not in [one["id"] for one in somebody.get("/api/leveret/jobs")]
    finally:
        http.ask("DELETE", "/api/users/mover")
