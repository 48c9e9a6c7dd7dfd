"""The management socket: who may connect, what it answers, and what it refuses."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pika
import pytest

from broker.management.call import BODY_BYTES_MAX, JSON_DEPTH_MAX
from tests.support.brokers import RunningBroker
from tests.support.http import ask

pytestmark = pytest.mark.ours


@pytest.fixture
def folder(broker: RunningBroker) -> Path:
    assert broker.data_dir is not None
    return broker.data_dir


def test_only_the_owner_may_connect(folder: Path) -> None:
    mode = (folder / "brokerd.sock").stat().st_mode
    assert stat.S_ISSOCK(mode)
    assert stat.S_IMODE(mode) == 0o600


def test_overview_names_the_listeners(broker: RunningBroker, folder: Path) -> None:
    status, overview = ask(folder, "GET", "/api/overview")
    assert status == 200
    found = [(one["protocol"], one["ip_address"], one["port"]) for one in overview["listeners"]]
    assert ("amqp", "127.0.0.1", broker.port) in found
    assert overview["product_name"] == "RabbitMQ"


def test_a_queue_shows_ready_and_unacknowledged(broker: RunningBroker, folder: Path) -> None:
    connection = pika.BlockingConnection(pika.URLParameters(broker.url()))
    channel = connection.channel()
    channel.queue_declare("mgmt-q", exclusive=True, arguments={"x-message-ttl": 60_000})
    channel.confirm_delivery()
    for _ in range(3):
        channel.basic_publish("", "mgmt-q", b"12345")
    channel.basic_get("mgmt-q")
    _, queues = ask(folder, "GET", "/api/queues/%2F")
    (queue,) = [one for one in queues if one["name"] == "mgmt-q"]
    _, connections = ask(folder, "GET", "/api/connections")
    connection.close()
    assert (queue["messages"], queue["messages_ready"], queue["messages_unacknowledged"]) == (3, 2, 1)
    assert (queue["message_bytes_ready"], queue["message_bytes_unacknowledged"]) == (10, 5)
    assert (queue["exclusive"], queue["arguments"]) == (True, {"x-message-ttl": 60_000})
    assert (queue["message_stats"]["publish"], queue["message_stats"]["deliver_get"]) == (3, 1)
    owner = queue["owner_pid_details"]
    (mine,) = [one for one in connections if one["name"] == owner["name"]]
    assert (mine["user"], mine["vhost"], mine["state"], mine["channels"]) == ("guest", "/", "running", 1)
    assert (mine["peer_host"], mine["peer_port"]) == (owner["peer_host"], owner["peer_port"])


def test_a_vhost_user_and_permission_open_the_door(broker: RunningBroker, folder: Path) -> None:
    rights = {"configure": ".*", "write": ".*", "read": ".*"}
    assert ask(folder, "PUT", "/api/vhosts/a%2Fb") == (201, None)
    assert ask(folder, "PUT", "/api/vhosts/a%2Fb") == (204, None)
    assert ask(folder, "PUT", "/api/users/mgmt-u", b'{"password": "p", "tags": "one,two"}') == (201, None)
    assert ask(folder, "PUT", "/api/users/mgmt-u", b'{"password": "q", "tags": ["three"]}') == (204, None)
    assert ask(folder, "PUT", "/api/permissions/a%2Fb/mgmt-u", json.dumps(rights).encode()) == (201, None)
    assert ask(folder, "PUT", "/api/permissions/a%2Fb/mgmt-u", json.dumps(rights).encode()) == (204, None)
    assert {"name": "mgmt-u", "tags": ["three"]} in ask(folder, "GET", "/api/users?columns=name,tags")[1]
    held = ask(folder, "GET", "/api/vhosts/a%2Fb/permissions")[1]
    assert held == [{"user": "mgmt-u", "vhost": "a/b", **rights}]
    connection = pika.BlockingConnection(pika.URLParameters(broker.url("a%2Fb", "mgmt-u", "q")))
    connection.close()


def test_only_new_keeps_a_user_as_it_is(folder: Path) -> None:
    status, answer = ask(folder, "PUT", "/api/users/guest", b'{"password": "x", "tags": ""}', "if-none-match: *")
    assert (status, answer) == (409, {"error": "conflict", "reason": 'User "guest" already exists'})


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/api/queues/nowhere", b"", 404),
        ("GET", "/api/nothing", b"", 404),
        ("GET", "/api/queues?page=0", b"", 400),
        ("GET", "/api/queues?page=1&page_size=501", b"", 400),
        ("GET", "/api/queues?page=x", b"", 400),
        ("PUT", "/api/users/u", b"{", 400),
        ("PUT", "/api/users/u", b"[" * 60_000, 400),
        ("PUT", "/api/users/u", b"[]", 400),
        ("PUT", "/api/users/u", b'{"password": "p"}', 400),
        ("PUT", "/api/users/u", b'{"password": "x", "tags": 1}', 400),
        ("PUT", "/api/users/u", b" " * (BODY_BYTES_MAX + 1), 413),
        ("PUT", "/api/users/u", b"[" * (JSON_DEPTH_MAX + 1) + b"]" * (JSON_DEPTH_MAX + 1), 400),
        ("PUT", f"/api/vhosts/{'v' * 256}", b"", 400),
        ("PUT", "/api/permissions/%2F/nobody", b'{"configure": "", "write": "", "read": ""}', 400),
        ("PUT", "/api/permissions/nowhere/guest", b'{"configure": "", "write": "", "read": ""}', 400),
        ("PUT", "/api/permissions/%2F/guest", b'{"configure": "(", "write": "", "read": ""}', 400),
    ],
)
def test_what_cannot_be_is_refused_with_a_reason(
    folder: Path, method: str, path: str, body: bytes, status: int
) -> None:
    answered, refusal = ask(folder, method, path, body)
    assert answered == status
    assert set(refusal) == {"error", "reason"}
    assert refusal["reason"]
