"""Every field that RabbitMQ 3.10.8 answers with is there, but for those named here with the reason.

rabbitmq_fields.json was recorded of a RabbitMQ with the same things made as `stage` makes them: the names of all fields
of each answer, fields within fields with dots.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pika
import pytest

from tests.support.http import Http
from tests.support.managed import Managed, managed_brokerd

pytestmark = pytest.mark.ours
RECORDED: dict[str, str] = json.loads((Path(__file__).parent / "rabbitmq_fields.json").read_text())
FREE = ("arguments.", "client_properties.", "value.", "definition.", "effective_policy_definition.", "limits.",
        "cluster_state.")  # fmt: skip
ABSENT = {
    r"backing_queue_status.*": "what RabbitMQ's queue keeps of itself",
    r"idle_since": "of a channel: nobody counts when it was used last",
    r"applications\..*|cluster_links\..*": "there are no Erlang applications and no other nodes",
    r"listeners\.socket_opts\..*": "options of Erlang's sockets",
    r"enabled_plugins\..*|contexts\..*": "there are no plugins",
}


@pytest.fixture(scope="module")
def stage() -> Iterator[tuple[Managed, dict[str, str]]]:
    with managed_brokerd() as managed:
        http = managed.http
        make(http)
        parameters = pika.URLParameters(managed.broker.url())
        parameters.client_properties = {"connection_name": "fields"}
        connection = pika.BlockingConnection(parameters)
        channel = connection.channel()
        channel.queue_declare("qx", exclusive=True)
        channel.basic_consume("qx", lambda *_: None)
        names = {
            "connection": http.get("/api/connections")[0]["name"],
            "channel": http.get("/api/channels")[0]["name"],
            "node": http.get("/api/overview")["node"],
            "port": str(managed.broker.port),
        }
        yield managed, names
        connection.close()


def make(http: Http) -> None:
    rights = {"configure": ".*", "write": ".*", "read": ".*"}
    policy = {"pattern": "^q", "definition": {"max-length": 100}, "apply-to": "queues", "priority": 2}
    http.make("/api/vhosts/v1", {"description": "d", "tags": "a,b"})
    http.make("/api/users/u1", {"password": "p", "tags": "management"})
    http.make("/api/users/u2", {"password": "p", "tags": "management"})
    http.make("/api/permissions/v1/u1", rights)
    http.make("/api/topic-permissions/v1/u1", {"exchange": "amq.topic", "write": ".*", "read": ".*"})
    http.make("/api/queues/%2F/q1", {"durable": True})
    http.make("/api/exchanges/%2F/e1", {"type": "topic"})
    http.make("/api/exchanges/%2F/e2")
    assert http.ask("POST", "/api/bindings/%2F/e/e1/q/q1", {"routing_key": "a.b"})[0] == 201
    assert http.ask("POST", "/api/bindings/%2F/e/e1/e/e2", {"routing_key": "x"})[0] == 201
    http.make("/api/policies/%2F/p1", policy)
    http.make("/api/operator-policies/%2F/op1", policy)
    http.make("/api/global-parameters/gp1", {"value": {"a": 1}})
    http.make("/api/vhost-limits/v1/max-queues", {"value": 5})
    http.make("/api/user-limits/u1/max-channels", {"value": 5})


def fields(value: Any, at: str = "") -> set[str]:
    found: set[str] = set()
    if isinstance(value, dict) and at not in FREE:
        for name, held in value.items():
            found |= {at + name, *fields(held, at + name + ".")}
    elif isinstance(value, list):
        for held in value:
            found |= fields(held, at)
    return found


@pytest.mark.parametrize("path", RECORDED)
def test_what_rabbitmq_answers_is_answered(stage: tuple[Managed, dict[str, str]], path: str) -> None:
    managed, names = stage
    filled = re.sub(r"\{(\w+)\}", lambda part: quote(names[part[1]], safe=""), path)
    answered = fields(managed.http.get(filled))
    missing = set(RECORDED[path].split()) - answered
    assert not {name for name in missing if not any(re.fullmatch(absent, name) for absent in ABSENT)}
