"""Lists: pages, names, order, columns; and that a long one is made in slices."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.http import Http

pytestmark = pytest.mark.ours
NAMES = ("b-two", "a-one", "c-three", "a-four")


@pytest.fixture(scope="module")
def http(managed) -> Iterator[Http]:  # type: ignore[no-untyped-def]
    http: Http = managed.http
    http.make("/api/vhosts/lists")
    for name in NAMES:
        http.make(f"/api/queues/lists/{name}", {"arguments": {"x-max-length": len(name)}})
    yield http
    http.ask("DELETE", "/api/vhosts/lists")


def names(http: Http, query: str) -> list[str]:
    answer = http.get(f"/api/queues/lists{query}")
    return [item["name"] for item in (answer if isinstance(answer, list) else answer["items"])]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", NAMES),
        ("?sort=name", ("a-four", "a-one", "b-two", "c-three")),
        ("?sort=name&sort_reverse=true", ("c-three", "b-two", "a-one", "a-four")),
        ("?sort=arguments.x-max-length", ("b-two", "a-one", "a-four", "c-three")),
        ("?sort=nothing", NAMES),
        ("?page=1&name=A-", ("a-one", "a-four")),
        ("?page=1&name=%5Ea.*e%24&use_regex=true", ("a-one",)),
        ("?name=a-", NAMES),
        ("?page=2&page_size=3", ("a-four",)),
        ("?page=1&page_size=2&sort=name", ("a-four", "a-one")),
        ("?page=1&use_regex=true&pagination=false&name=%5Eb-two%24", ("b-two",)),
    ],
)
def test_order_names_and_pages(http: Http, query: str, expected: tuple[str, ...]) -> None:
    assert tuple(names(http, query)) == expected


def test_a_page_says_how_much_there_is(http: Http) -> None:
    page = http.get("/api/queues/lists?page=1&page_size=1&name=a-")
    del page["items"]
    assert page == {
        "total_count": 4, "filtered_count": 2, "item_count": 1, "page": 1, "page_size": 1, "page_count": 2,
    }  # fmt: skip


def test_columns(http: Http) -> None:
    answer = http.get("/api/queues/lists?columns=name,message_stats.publish,nothing,name.more&sort=name")
    assert answer[0] == {"name": "a-four", "message_stats": {"publish": 0}}
    assert http.get("/api/overview?columns=node,object_totals.queues").keys() == {"node", "object_totals"}


def test_without_statistics(http: Http) -> None:
    (first, *_) = http.get("/api/queues/lists?disable_stats=true")
    assert set(first) == {
        "arguments", "auto_delete", "durable", "exclusive", "name", "node", "policy", "state", "type", "vhost",
    }  # fmt: skip
    (first, *_) = http.get("/api/queues/lists?disable_stats=true&enable_queue_totals=true")
    assert first["messages_ready"] == 0


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ("?page=0", "invalid_pagination_parameters"),
        ("?page=1&page_size=501", "invalid_pagination_parameters"),
        ("?page=9", "page_out_of_range"),
        ("?page=x", "bad_request"),
        ("?page=1&use_regex=true&name=(", "bad_request"),
        ("?sort=a.b.c.d.e.f", "bad_request"),
        ("?columns=" + "a," * 101, "bad_request"),
        ("?sort_reverse=maybe&sort=name", "bad_request"),
        ("?msg_rates_age=0&msg_rates_incr=1", "bad_request"),
    ],
)
def test_what_cannot_be(http: Http, query: str, error: str) -> None:
    path = "/api/queues/lists/a-one" if "rates" in query else "/api/queues/lists"
    status, answer = http.ask("GET", path + query)
    assert (status, answer["error"]) == (400, error)


def test_samples_come_where_they_are_asked_for(http: Http) -> None:
    path = "/api/queues/lists/a-one?lengths_age=60&lengths_incr=5&msg_rates_age=60&msg_rates_incr=5"
    assert {"rate"} <= http.get(path)["messages_details"].keys()
