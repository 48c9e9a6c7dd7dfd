"""The queues that dead letters go to, as the API lists them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.http import Http

ALL = {"configure": ".*", "write": ".*", "read": ".*"}


@pytest.fixture
def vhost(http: Http) -> Iterator[str]:
    http.make("/api/vhosts/graves")
    http.make("/api/permissions/graves/guest", ALL)
    yield "graves"
    http.ask("DELETE", "/api/vhosts/graves")


def declare(http: Http, name: str, **arguments: object) -> None:
    given = {name.replace("_", "-"): value for name, value in arguments.items()}
    http.make(f"/api/queues/graves/{name}", {"durable": True, "arguments": given})


def exchange(http: Http, name: str, kind: str) -> None:
    http.make(f"/api/exchanges/graves/{name}", {"type": kind})


def bind(http: Http, source: str, kind: str, to: str, key: str) -> None:
    status, _ = http.ask("POST", f"/api/bindings/graves/e/{source}/{kind}/{to}", {"routing_key": key, "arguments": {}})
    assert status == 201


def found(http: Http) -> dict[str, tuple[list[str], list[str], int]]:
    rows = http.get("/api/leveret/dead-letter-queues/graves")
    return {row["name"]: (row["exchanges"], row["from"], row["from_count"]) for row in rows}


@pytest.mark.usefixtures("vhost")
def test_targets_by_default_exchange_direct_fanout_and_policy(http: Http) -> None:
    for name in ("by-name", "first", "second", "all"):
        declare(http, name)
    exchange(http, "keys", "direct")
    exchange(http, "outer", "topic")
    exchange(http, "inner", "fanout")
    bind(http, "keys", "q", "first", "1")
    bind(http, "keys", "q", "second", "2")
    bind(http, "outer", "e", "inner", "#")
    bind(http, "inner", "q", "all", "")
    assert found(http) == {}
    declare(http, "a", x_dead_letter_exchange="", x_dead_letter_routing_key="by-name")
    declare(http, "b", x_dead_letter_exchange="keys", x_dead_letter_routing_key="1")
    declare(http, "c", x_dead_letter_exchange="keys")
    declare(http, "d", x_dead_letter_exchange="nowhere")
    declare(http, "by-policy")
    body = {"pattern": "^by-policy$", "definition": {"dead-letter-exchange": "outer"}, "apply-to": "queues"}
    http.make("/api/policies/graves/dead", body)
    assert found(http) == {
        "by-name": ([""], ["a"], 1),
        "first": (["keys"], ["b", "c"], 2),
        "second": (["keys"], ["c"], 1),
        "all": (["outer"], ["by-policy"], 1),
    }


@pytest.mark.usefixtures("vhost")
def test_exchanges_bound_in_a_circle_end(http: Http) -> None:
    declare(http, "end")
    for name, to in (("one", "two"), ("two", "one")):
        exchange(http, name, "fanout")
        exchange(http, to, "fanout")
        bind(http, name, "e", to, "")
    bind(http, "two", "q", "end", "")
    declare(http, "a", x_dead_letter_exchange="one")
    assert found(http) == {"end": (["one"], ["a"], 1)}
