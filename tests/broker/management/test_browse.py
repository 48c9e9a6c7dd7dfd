"""The message browser's API and Celery's view, against a real broker."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pika
import pytest
from celery import Celery

from tests.support.http import Http
from tests.support.managed import Managed

pytestmark = pytest.mark.ours
COUNT = 120


@pytest.fixture
def vhost(managed: Managed) -> Iterator[str]:
    managed.http.make("/api/vhosts/browse")
    managed.http.make("/api/permissions/browse/guest", {"configure": ".*", "write": ".*", "read": ".*"})
    yield "browse"
    managed.http.ask("DELETE", "/api/vhosts/browse")


@pytest.fixture
def queue(managed: Managed, vhost: str) -> Iterator[pika.adapters.blocking_connection.BlockingChannel]:
    """A channel, and COUNT messages in a queue q."""
    parameters = pika.ConnectionParameters("127.0.0.1", managed.broker.port, vhost)
    with pika.BlockingConnection(parameters) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        channel.queue_declare("q", durable=True)
        for number in range(COUNT):
            properties = pika.BasicProperties(delivery_mode=2, headers={"n": number})
            channel.basic_publish("", "q", b"Body %d" % number, properties)
        yield channel


BASE = "/api/queues/browse/q/messages"


@pytest.mark.usefixtures("queue")
def test_pages_of_messages_follow_one_another_and_leave_them_alone(http: Http) -> None:
    bodies: list[str] = []
    page = http.get(f"{BASE}?count=50")
    while True:
        bodies += [item["payload"] for item in page["items"]]
        if page["next"] is None:
            break
        page = http.get(f"{BASE}?count=50&after={page['next']}")
    assert bodies == [f"Body {number}" for number in range(COUNT)]
    info = http.get("/api/queues/browse/q")
    assert (info["messages_ready"], info["message_stats"].get("deliver_get", 0)) == (COUNT, 0)
    assert not any(item["redelivered"] for item in page["items"])


@pytest.mark.usefixtures("queue")
def test_a_message_is_shown_with_all_that_is_known_of_it(http: Http) -> None:
    (item,) = http.get(f"{BASE}?offset=7&count=1&truncate=4")["items"]
    assert item.pop("age_ms") >= 0
    assert item == {
        "id": "0-8", "exchange": "", "routing_key": "q", "redelivered": False, "deliveries": 0, "expires_in_ms": None,
        "properties": {"delivery_mode": 2, "headers": {"n": 7}}, "payload_bytes": 6, "payload": "Body",
        "payload_encoding": "string",
    }  # fmt: skip


@pytest.mark.usefixtures("queue")
def test_search_looks_into_bodies_and_headers_whatever_the_case(http: Http) -> None:
    assert [item["payload"] for item in http.get(f"{BASE}?search=bODY%2011")["items"]] == [
        "Body 11", *(f"Body {number}" for number in range(110, 120))
    ]  # fmt: skip
    found = http.get(f"{BASE}?search=no%20such%20thing")
    assert found == {"items": [], "next": None, "looked_at": COUNT}


def test_a_message_is_deleted_once(http: Http, queue: pika.adapters.blocking_connection.BlockingChannel) -> None:
    third = http.get(f"{BASE}?count=3")["items"][2]
    assert http.ask("DELETE", f"{BASE}/{third['id']}")[0] == 204
    assert http.ask("DELETE", f"{BASE}/{third['id']}")[0] == 404
    got = [queue.basic_get("q", auto_ack=True)[2] for _ in range(3)]
    assert got == [b"Body 0", b"Body 1", b"Body 3"]


@pytest.mark.parametrize("path", ["/nonsense", "/1-2-3", "/999-1", "?after=x", "?count=-1"])
@pytest.mark.usefixtures("queue")
def test_what_is_no_message_is_a_clear_error(http: Http, path: str) -> None:
    method = "GET" if path.startswith("?") else "DELETE"
    status, answer = http.ask(method, BASE + path)
    assert (status, answer["error"]) == (400, "bad_request")


@pytest.mark.usefixtures("queue")
def test_looking_needs_the_right_to_read_the_queue(http: Http) -> None:
    http.make("/api/users/browser", {"password": "p", "tags": "management"})
    reader = http.as_user("browser", "p")
    try:
        http.make("/api/permissions/browse/browser", {"configure": ".*", "write": ".*", "read": "^$"})
        assert reader.ask("GET", BASE)[0] == 401
        assert reader.ask("DELETE", f"{BASE}/0-1")[0] == 401
        http.make("/api/permissions/browse/browser", {"configure": "^$", "write": "^$", "read": "^q$"})
        assert len(reader.get(f"{BASE}?count=2")["items"]) == 2
    finally:
        http.ask("DELETE", "/api/users/browser")


@pytest.fixture
def app(managed: Managed, vhost: str) -> Iterator[Celery]:
    with Celery("tasks", broker=f"amqp://guest:guest@127.0.0.1:{managed.broker.port}/{vhost}") as made:
        yield made


def test_celery_tasks_are_found_by_name_and_id_and_revoked(http: Http, app: Celery) -> None:
    add, mail = app.signature("shop.add", args=(2, 3)), app.signature("shop.mail", kwargs={"to": "ann"})
    ids = [add.apply_async(queue="work").id for _ in range(3)] + [mail.apply_async(queue="other", countdown=3600).id]
    seen = http.get("/api/leveret/celery/tasks?vhost=browse")
    assert {(one["name"], one["count"]) for one in seen["names"]} == {("shop.add", 3), ("shop.mail", 1)}
    assert {task["id"] for task in seen["tasks"]} == set(ids)
    (mailed,) = http.get("/api/leveret/celery/tasks?vhost=browse&name=mail")["tasks"]
    assert (mailed["queue"], mailed["kwargs"], mailed["state"]) == ("other", "{'to': 'ann'}", "waiting")
    assert mailed["eta"] is not None
    (found,) = http.get(f"/api/leveret/celery/tasks?id={ids[1]}")["tasks"]
    assert (found["args"], found["retries"], found["vhost"]) == ("(2, 3)", 0, "browse")
    answer = http.ask("POST", "/api/leveret/celery/revoke", {"vhost": "browse", "id": ids[1]})
    assert answer == (200, {"removed": 1, "workers_told": False})
    assert {task["id"] for task in http.get("/api/leveret/celery/tasks?vhost=browse")["tasks"]} == set(ids) - {ids[1]}


def test_a_task_at_a_worker_is_seen_there_and_its_worker_is_told(http: Http, app: Celery, managed: Managed) -> None:
    task = app.signature("shop.add").apply_async(queue="work").id
    parameters = pika.ConnectionParameters("127.0.0.1", managed.broker.port, "browse")
    with pika.BlockingConnection(parameters) as worker:
        channel = worker.channel()
        channel.exchange_declare("celery.pidbox", "fanout")
        orders = channel.queue_declare("w.celery.pidbox").method.queue
        channel.queue_bind(orders, "celery.pidbox")
        channel.basic_get("work")
        (held,) = http.get("/api/leveret/celery/tasks?vhost=browse")["tasks"]
        assert (held["id"], held["state"], held["message_id"]) == (task, "at a worker", None)
        assert held["worker"].endswith(f":{managed.broker.port}")
        answer = http.ask("POST", "/api/leveret/celery/revoke", {"vhost": "browse", "id": task, "terminate": True})
        assert answer == (200, {"removed": 0, "workers_told": True})
        order = json.loads(channel.basic_get(orders, auto_ack=True)[2])
    assert (order["method"], order["arguments"]["task_id"], order["arguments"]["terminate"]) == ("revoke", task, True)
