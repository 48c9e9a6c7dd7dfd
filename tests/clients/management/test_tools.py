"""The requests of tools that are no Python: written down from their public sources, with the fields that they read.

Each test names the tool, and what of it was read. Types matter: Go and Rust refuse what is of another type.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pika
import pytest

from tests.support.http import Http
from tests.support.managed import Managed
from tests.support.waiting import wait_until

pytestmark = pytest.mark.ours
Types = dict[str, type | tuple[type, ...]]
NUMBER = (int, float)
MAYBE_TEXT = (str, type(None))


def check(value: dict[str, Any], types: Types) -> None:
    """Every field is there, of its type; fields within fields with dots."""
    for path, expected in types.items():
        held: Any = value
        for name in path.split("."):
            assert name in held, (path, sorted(held))
            held = held[name]
        assert isinstance(held, expected), (path, held)
        assert not isinstance(held, bool) or expected is bool, (path, held)


@pytest.fixture(scope="module")
def busy(managed: Managed) -> Iterator[Http]:
    """A queue that a client has published to and consumes from."""
    managed.http.make("/api/queues/%2F/tools-q", {"durable": True})
    parameters = pika.URLParameters(managed.broker.url())
    parameters.client_properties = {"connection_name": "tools"}
    connection = pika.BlockingConnection(parameters)
    channel = connection.channel()
    for _ in range(3):
        channel.basic_publish("", "tools-q", b"x")
    channel.basic_qos(prefetch_count=1)
    channel.basic_consume("tools-q", lambda *_: None)
    wait_until(lambda: managed.http.get("/api/queues/%2F/tools-q")["messages_unacknowledged"] == 1)
    yield managed.http
    connection.close()
    managed.http.ask("DELETE", "/api/queues/%2F/tools-q")


def test_keda(busy: Http) -> None:
    """pkg/scalers/rabbitmq_scaler.go: getQueueInfoViaHTTP, by name and by regular expression."""
    fields: Types = {
        "name": str, "messages": int, "messages_ready": int, "messages_unacknowledged": int,
        "message_stats.publish_details.rate": NUMBER, "message_stats.deliver_get_details.rate": NUMBER,
    }  # fmt: skip
    check(busy.get("/api/queues/%2F/tools-q"), fields)
    page = busy.get("/api/queues/%2F?page=1&use_regex=true&pagination=false&name=%5Etools-q%24&page_size=100")
    (found,) = page["items"]
    check(page, {"page_count": int})
    check(found, fields)
    assert (found["messages"], found["messages_ready"], found["messages_unacknowledged"]) == (3, 2, 1)


def test_datadog(busy: Http) -> None:
    """rabbitmq/datadog_checks/rabbitmq/rabbitmq.py: overview, nodes, queues, exchanges, connections, aliveness."""
    check(busy.get("/api/overview"), {
        "rabbitmq_version": str, "cluster_name": str, "object_totals.consumers": int, "object_totals.queues": int,
        "queue_totals.messages": int, "queue_totals.messages_details.rate": NUMBER, "message_stats.ack": int,
        "message_stats.publish_details.rate": NUMBER, "message_stats.deliver_get": int,
    })  # fmt: skip
    (node,) = busy.get("/api/nodes")
    check(node, {
        "name": str, "fd_used": int, "disk_free": int, "mem_used": int, "mem_limit": int, "run_queue": int,
        "sockets_used": int, "partitions": list, "running": bool, "mem_alarm": bool, "disk_free_alarm": bool,
    })  # fmt: skip
    (queue,) = [one for one in busy.get("/api/queues/%2F") if one["name"] == "tools-q"]
    check(queue, {
        "active_consumers" if "active_consumers" in queue else "consumers": int, "consumer_utilisation": NUMBER,
        "memory": int, "messages_details.rate": NUMBER, "messages_ready_details.rate": NUMBER,
        "message_stats.ack_details.rate": NUMBER, "message_stats.redeliver": int, "message_bytes": int,
    })  # fmt: skip
    (exchange,) = [one for one in busy.get("/api/exchanges") if one["vhost"] == "/" and not one["name"]]
    check(exchange, {"message_stats.publish_in": int, "message_stats.publish_out_details.rate": NUMBER})
    assert "running" in {one["state"] for one in busy.get("/api/connections")}
    assert busy.get("/api/aliveness-test/%2F") == {"status": "ok"}


def test_terraform(managed: Managed) -> None:
    """rabbit-hole, behind Terraform's provider and the topology operator: each resource made, read, and deleted."""
    http = managed.http
    rights = {"configure": "", "write": "^tools", "read": ".*"}
    topic = {"exchange": "amq.topic", "write": ".*", "read": ".*"}
    queue = {"type": "classic", "durable": True, "auto_delete": False, "arguments": {"x-message-ttl": 5000}}
    exchange = {"type": "fanout", "durable": True, "auto_delete": False, "arguments": {}}
    policy = {"vhost": "tools", "pattern": ".*", "apply-to": "queues", "name": "p", "priority": 1,
              "definition": {"max-length": 9}}  # fmt: skip
    made: list[tuple[str, Any]] = [
        ("/api/vhosts/tools", {"description": "d", "tags": "t", "default_queue_type": "classic", "tracing": False}),
        ("/api/users/tools", {"name": "tools", "password": "p", "tags": "policymaker,management"}),
        ("/api/permissions/tools/tools", rights),
        ("/api/topic-permissions/tools/tools", topic),
        ("/api/queues/tools/q", queue),
        ("/api/exchanges/tools/x", exchange),
        ("/api/policies/tools/p", policy),
        ("/api/operator-policies/tools/p", policy),
        ("/api/vhost-limits/tools/max-queues", {"value": 10}),
        ("/api/user-limits/tools/max-channels", {"value": 10}),
    ]
    for path, body in made:
        http.make(path, body)
    binding = {"routing_key": "", "arguments": {"a": "b"}}
    status, _, headers = http.raw("POST", "/api/bindings/tools/e/x/q/q", str(binding).replace("'", '"').encode())
    assert (status, headers["location"][:2]) == (201, "q/")
    (bound,) = http.get("/api/bindings/tools/e/x/q/q")
    check(bound, {"source": str, "vhost": str, "destination": str, "destination_type": str, "routing_key": str,
                  "arguments": dict, "properties_key": str})  # fmt: skip
    assert headers["location"] == "q/" + bound["properties_key"]
    assert http.get("/api/queues/tools/q")["arguments"]["x-message-ttl"] == 5000
    assert http.get("/api/users/tools")["tags"] == ["policymaker", "management"]
    assert http.get("/api/permissions/tools/tools")["write"] == "^tools"
    assert http.get("/api/topic-permissions/tools/tools")[0]["exchange"] == "amq.topic"
    assert http.get("/api/policies/tools/p")["definition"] == {"max-length": 9}
    assert http.get("/api/vhost-limits/tools") == [{"vhost": "tools", "value": {"max-queues": 10}}]
    assert http.ask("DELETE", f"/api/bindings/tools/e/x/q/q/{bound['properties_key']}")[0] == 204
    for path, _ in reversed(made):
        assert http.ask("DELETE", path)[0] == 204, path
        assert http.ask("DELETE", path)[0] in (204, 404), path


# Of github.com/michaelklishin/rabbitmq-http-api-rs, src/responses: the fields without Option and default.
RUST: dict[str, Types] = {
    "/api/queues": {
        "name": str, "vhost": str, "type": str, "durable": bool, "auto_delete": bool, "exclusive": bool,
        "arguments": dict, "memory": int, "consumers": int, "consumer_utilisation": NUMBER, "message_bytes": int,
        "messages": int, "messages_persistent": int, "messages_ram": int, "messages_unacknowledged": int,
        "policy": MAYBE_TEXT, "exclusive_consumer_tag": MAYBE_TEXT, "node": str, "state": str,
    },
    "/api/nodes": {
        "name": str, "uptime": int, "run_queue": int, "processors": int, "os_pid": str, "fd_total": int,
        "proc_total": int, "mem_limit": int, "mem_alarm": bool, "disk_free_limit": int, "disk_free_alarm": bool,
        "rates_mode": str, "enabled_plugins": list, "being_drained": bool,
    },
    "/api/connections": {
        "name": str, "node": str, "protocol": str, "user": str, "connected_at": int, "channels": int,
        "client_properties": dict, "peer_port": int,
    },
    "/api/connections/username/guest": {"name": str, "node": str, "user": str, "vhost": str},
    "/api/channels": {
        "number": int, "name": str, "connection_details.name": str, "connection_details.peer_port": int, "vhost": str,
        "state": str, "consumer_count": int, "confirm": bool, "prefetch_count": int, "messages_unacknowledged": int,
        "messages_unconfirmed": int,
    },
    "/api/consumers": {
        "consumer_tag": str, "active": bool, "ack_required": bool, "exclusive": bool, "arguments": dict,
        "queue.name": str, "queue.vhost": str, "prefetch_count": int, "channel_details.connection_name": str,
        "channel_details.node": str, "channel_details.number": int,
    },
    "/api/users": {"name": str, "tags": list, "password_hash": str},
    "/api/vhosts": {"name": str, "description": str, "tags": list, "metadata.description": str},
    "/api/exchanges": {
        "name": str, "vhost": str, "type": str, "durable": bool, "auto_delete": bool, "internal": bool,
        "arguments": dict,
    },
    "/api/bindings": {
        "vhost": str, "source": str, "destination": str, "destination_type": str, "routing_key": str,
        "arguments": dict, "properties_key": str,
    },
    "/api/permissions": {"user": str, "vhost": str, "configure": str, "read": str, "write": str},
    "/api/feature-flags": {"name": str, "state": str, "desc": str, "provided_by": str, "stability": str},
}  # fmt: skip


@pytest.mark.parametrize("path", RUST)
def test_rabbitmqadmin_v2(busy: Http, path: str) -> None:
    """What it could not read an answer without."""
    found = busy.get(path)
    assert found
    for one in found:
        check(one, RUST[path])


def test_rabbitmqadmin_v2_on_one_node(busy: Http) -> None:
    """show memory_breakdown, show overview and show churn."""
    overview = busy.get("/api/overview")
    check(overview, {
        "cluster_name": str, "node": str, "erlang_full_version": str, "erlang_version": str, "rabbitmq_version": str,
        "product_name": str, "product_version": str, "statistics_db_event_queue": int,
        "churn_rates.queue_declared": int,
        "queue_totals.messages_ready": int, "object_totals.connections": int, "listeners": list,
    })  # fmt: skip
    memory = busy.get(f"/api/nodes/{overview['node']}/memory")["memory"]
    names = ("connection_readers", "queue_procs", "metadata_store", "metadata_store_ets", "mgmt_db", "binary", "code",
             "atom", "other_proc", "other_ets", "other_system", "allocated_unused", "reserved_unallocated")  # fmt: skip
    check(memory, {**dict.fromkeys(names, int), "strategy": str, "total.rss": int, "total.erlang": int})
    assert busy.get("/api/health/checks/port-listener/1".replace("/1", f"/{busy.port}"))["status"] == "ok"


def test_pyrabbit(busy: Http) -> None:
    """kombu's get_manager gives a pyrabbit client: its calls that Celery's users know."""
    assert busy.get("/api/whoami")["name"] == "guest"
    assert busy.get("/api/vhosts")[0]["name"]
    assert busy.get("/api/queues/%2F/tools-q")["messages"] == 3
    assert [one["destination"] for one in busy.get("/api/queues/%2F/tools-q/bindings")] == ["tools-q"]
    status, got = busy.ask(
        "POST", "/api/queues/%2F/tools-q/get",
        {"count": 1, "requeue": True, "encoding": "auto", "truncate": 1000, "ackmode": "ack_requeue_true"},
    )  # fmt: skip
    assert (status, got[0]["payload"]) == (200, "x")
