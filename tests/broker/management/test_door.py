"""Who gets in over TCP, what a browser may do, and the headers of every answer."""

from __future__ import annotations

import base64
from collections.abc import Iterator

import pytest

from tests.support.http import Http

pytestmark = pytest.mark.ours


@pytest.fixture
def tagless(http: Http) -> Iterator[Http]:
    http.make("/api/users/door-tagless", {"password": "p", "tags": ""})
    yield http.as_user("door-tagless", "p")
    assert http.ask("DELETE", "/api/users/door-tagless")[0] == 204


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


def test_nobody_is_asked_for_a_password(http: Http) -> None:
    status, body, headers = http.as_user("", "").raw("GET", "/api/overview")
    assert (status, body) == (401, b"")
    assert headers["www-authenticate"] == 'Basic realm="RabbitMQ Management"'


@pytest.mark.parametrize("header", [{"x-requested-with": "XMLHttpRequest"}, {"sec-fetch-mode": "cors"}])
def test_a_page_is_not_answered_with_a_challenge(http: Http, header: dict[str, str]) -> None:
    for somebody in (http.as_user("", ""), http.as_user("guest", "wrong")):
        status, _, headers = somebody.raw("GET", "/api/overview", headers=header)
        assert status == 401
        assert "www-authenticate" not in headers


@pytest.mark.parametrize(
    ("header", "status"),
    [
        (basic("guest:wrong"), 401),
        (basic("nobody:guest"), 401),
        (basic("guest"), 401),
        (basic("guest\0:guest"), 401),
        ("Bearer abc", 401),
        ("Basic !!", 400),
        ("Basic " + "A" * 9000, 400),
    ],
)
def test_wrong_credentials(http: Http, header: str, status: int) -> None:
    answered, answer = http.as_user("", "").ask("GET", "/api/overview", authorization=header)
    assert answered == status
    assert set(answer) == {"error", "reason"}
    if status == 401:
        assert answer == {"error": "not_authorized", "reason": "Login failed"}


def test_a_user_without_a_tag_stays_outside(tagless: Http) -> None:
    status, answer = tagless.ask("GET", "/api/whoami")
    assert (status, answer["error"]) == (401, "not_authorised")


def test_every_answer_has_the_headers_that_keep_it_where_it_is(http: Http) -> None:
    for path in ("/api/overview", "/api/nothing", "/api/queues"):
        headers = http.raw("GET", path)[2]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["content-security-policy"].startswith("default-src 'none'")
        assert headers["cache-control"] == "no-store"
        assert "access-control-allow-origin" not in headers
        assert "server" not in headers


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_a_page_of_another_site_changes_nothing(http: Http, headers: dict[str, str]) -> None:
    status, _, answered = http.raw("PUT", "/api/vhosts/door-evil", b"{}", headers)
    assert status == 403
    assert "access-control-allow-origin" not in answered
    assert http.ask("GET", "/api/vhosts/door-evil")[0] == 404


def test_a_page_of_our_own_does(http: Http) -> None:
    headers = {"origin": f"http://127.0.0.1:{http.port}", "sec-fetch-site": "same-origin"}
    assert http.raw("PUT", "/api/vhosts/door-own", b"{}", headers)[0] == 201
    assert http.raw("DELETE", "/api/vhosts/door-own", None, headers)[0] == 204


def test_methods(http: Http) -> None:
    status, body, headers = http.raw("OPTIONS", "/api/queues/%2F/q")
    assert (status, body, headers["allow"]) == (200, b"", "HEAD, DELETE, GET, PUT, OPTIONS")
    status, body, headers = http.raw("PATCH", "/api/queues/%2F/q")
    assert (status, headers["allow"]) == (405, "HEAD, DELETE, GET, PUT, OPTIONS")
    status, body, headers = http.raw("HEAD", "/api/overview")
    assert (status, body) == (200, b"")
    assert int(headers["content-length"]) > 100


def test_a_name_comes_back_as_json_only(http: Http) -> None:
    name = "%3Cscript%3Ealert(1)%3C%2Fscript%3E"
    status, _, headers = http.raw("GET", f"/api/vhosts/{name}")
    assert (status, headers["content-type"]) == (404, "application/json")
    http.make(f"/api/vhosts/{name}")
    assert http.get(f"/api/vhosts/{name}")["name"] == "<script>alert(1)</script>"
    assert http.ask("DELETE", f"/api/vhosts/{name}")[0] == 204


def test_a_name_that_a_foreign_page_points_at_this_machine_is_not_this_machine(http: Http) -> None:
    """DNS rebinding: guest may log in from this machine only, and a page elsewhere is not here."""
    assert http.ask("GET", "/api/whoami", host="evil.example:15672")[0] == 401
    for host in (f"localhost:{http.port}", f"127.0.0.1:{http.port}", f"[::1]:{http.port}"):
        assert http.ask("GET", "/api/whoami", host=host)[0] == 200
