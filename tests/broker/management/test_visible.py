"""Who sees what, by tags and vhosts, as RabbitMQ decides it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pika
import pytest

from tests.support.http import Http
from tests.support.managed import Managed

pytestmark = pytest.mark.ours
RIGHTS = {"configure": ".*", "write": ".*", "read": ".*"}
TAGS = ("management", "policymaker", "monitoring")


@dataclass(frozen=True)
class Stage:
    """A vhost that all users may enter, one that none of them may, and a user for each tag."""

    admin: Http
    users: dict[str, Http]


@pytest.fixture(scope="module")
def stage(managed: Managed) -> Iterator[Stage]:
    http = managed.http
    for vhost in ("see-ours", "see-others"):
        http.make(f"/api/vhosts/{vhost}")
        http.make(f"/api/queues/{vhost}/q", {"durable": True})
    for tag in TAGS:
        http.make(f"/api/users/see-{tag}", {"password": "p", "tags": tag})
        http.make(f"/api/permissions/see-ours/see-{tag}", RIGHTS)
    yield Stage(http, {tag: http.as_user(f"see-{tag}", "p") for tag in TAGS})
    for vhost in ("see-ours", "see-others"):
        http.ask("DELETE", f"/api/vhosts/{vhost}")
    for tag in TAGS:
        http.ask("DELETE", f"/api/users/see-{tag}")


def vhosts(http: Http, path: str, field: str = "vhost") -> set[str]:
    return {item[field] for item in http.get(path) if item[field].startswith("see-")}


@pytest.mark.parametrize("path", ["queues", "exchanges", "bindings"])
def test_lists_have_what_is_in_vhosts_one_may_enter(stage: Stage, path: str) -> None:
    assert vhosts(stage.users["management"], f"/api/{path}") == {"see-ours"}
    assert vhosts(stage.users["policymaker"], f"/api/{path}") == {"see-ours"}
    assert vhosts(stage.users["monitoring"], f"/api/{path}") == {"see-ours", "see-others"}


def test_vhosts_are_seen_alike(stage: Stage) -> None:
    assert vhosts(stage.users["management"], "/api/vhosts", "name") == {"see-ours"}
    assert vhosts(stage.users["monitoring"], "/api/vhosts", "name") == {"see-ours", "see-others"}


def test_totals_are_those_of_what_is_seen(stage: Stage) -> None:
    seen = stage.users["management"].get("/api/overview")
    assert (seen["object_totals"]["queues"], seen["listeners"]) == (1, [])
    assert stage.users["monitoring"].get("/api/overview")["object_totals"]["queues"] >= 2


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/api/queues/see-ours", {"management", "policymaker", "monitoring"}),
        ("/api/queues/see-others", {"monitoring"}),
        ("/api/queues/see-others/q", {"monitoring"}),
        ("/api/nodes", {"monitoring"}),
        ("/api/users", set()),
        ("/api/permissions", set()),
        ("/api/definitions", set()),
        ("/api/parameters", {"policymaker"}),
        ("/api/policies", {"management", "policymaker", "monitoring"}),
        ("/api/leveret/logs", set()),
    ],
)
def test_what_takes_a_tag(stage: Stage, path: str, allowed: set[str]) -> None:
    answered = {tag: http.ask("GET", path) for tag, http in stage.users.items()}
    assert {tag for tag, (status, _) in answered.items() if status == 200} == allowed
    assert {status for status, _ in answered.values()} <= {200, 401}
    assert all(answer["error"] == "not_authorised" for status, answer in answered.values() if status == 401)


def test_only_policymakers_set_policies(stage: Stage) -> None:
    policy = {"pattern": "^q", "definition": {"max-length": 5}}
    assert stage.users["management"].ask("PUT", "/api/policies/see-ours/p", policy)[0] == 401
    assert stage.users["policymaker"].ask("PUT", "/api/policies/see-others/p", policy)[0] == 401
    assert stage.users["policymaker"].ask("PUT", "/api/policies/see-ours/p", policy)[0] == 201
    assert stage.users["policymaker"].ask("PUT", "/api/operator-policies/see-ours/p", policy)[0] == 401
    assert stage.users["policymaker"].ask("DELETE", "/api/policies/see-ours/p")[0] == 204


def test_connections_are_ones_own(stage: Stage, managed: Managed) -> None:
    url = managed.broker.url("see-ours", "see-management", "p")
    connection = pika.BlockingConnection(pika.URLParameters(url))
    connection.channel()
    (own,) = stage.users["management"].get("/api/connections")
    path = "/api/connections/" + own["name"].replace(" ", "%20").replace(">", "%3E").replace(":", "%3A")
    assert own["user"] == "see-management"
    assert len(stage.users["management"].get("/api/channels")) == 1
    assert stage.users["policymaker"].get("/api/connections") == []
    assert stage.users["policymaker"].ask("GET", path)[0] == 401
    assert stage.users["policymaker"].ask("DELETE", path)[0] == 401
    assert stage.users["monitoring"].ask("GET", path)[0] == 200
    assert stage.users["monitoring"].ask("DELETE", path)[0] == 401
    assert stage.users["management"].ask("DELETE", path, x_reason="enough")[0] == 204
    with pytest.raises(pika.exceptions.ConnectionClosedByBroker, match="CONNECTION_FORCED - enough"):
        connection.process_data_events(10)
