"""Jobs on messages that were chosen one by one, or searched for as the message browser does."""

from __future__ import annotations

import pika
import pytest

from tests.broker.management.test_moving import Channel, died, ended, payloads
from tests.broker.management.test_moving import channel as channel  # noqa: PLC0414 - a fixture
from tests.support.http import Http

pytestmark = pytest.mark.ours
MOVE, REPLAY = "/api/queues/moving/a/move", "/api/queues/moving/dead/replay"


@pytest.fixture
def ids(http: Http, channel: Channel) -> list[str]:
    """Ten messages in a, the odd ones with a header."""
    for number in range(10):
        headers = {"Colour": "Red"} if number % 2 else None
        channel.basic_publish("", "a", b"Body %d" % number, pika.BasicProperties(headers=headers))
    return [item["id"] for item in http.get("/api/queues/moving/a/messages")["items"]]


def test_messages_are_moved_by_their_ids_and_those_that_are_gone_are_passed_over(http: Http, ids: list[str]) -> None:
    assert http.ask("DELETE", f"/api/queues/moving/a/messages/{ids[3]}")[0] == 204
    job = ended(http, http.ask("POST", MOVE, {"destination": "b", "ids": [ids[7], ids[3], ids[0], "0-999"]}))
    assert (job["state"], job["done"]) == ("done", 2)
    assert payloads(http, "b") == ["Body 0", "Body 7"]
    assert len(payloads(http, "a")) == 7


@pytest.mark.usefixtures("ids")
def test_what_is_searched_for_is_moved(http: Http) -> None:
    job = ended(http, http.ask("POST", MOVE, {"destination": "b", "search": "RED", "count": 2}))
    assert job["done"] == 2
    ended(http, http.ask("POST", MOVE, {"destination": "b", "search": "body 8"}))
    assert payloads(http, "b") == ["Body 1", "Body 3", "Body 8"]


@pytest.mark.usefixtures("channel")
@pytest.mark.parametrize("ids", [[], "0-1", [1], ["x"], ["0-1"] * 1001])
def test_ids_that_are_none_move_nothing(http: Http, ids: object) -> None:
    status, answer = http.ask("POST", MOVE, {"destination": "b", "ids": ids})
    assert status == 400, answer


def test_an_empty_task_is_none(http: Http, channel: Channel) -> None:
    channel.basic_publish("", "dead", b"a task", died("a", task="shop.add"))
    channel.basic_publish("", "dead", b"no task", died("a"))
    job = ended(http, http.ask("POST", REPLAY, {"queue": "a", "task": ""}))
    assert job["done"] == 1
    assert payloads(http, "dead") == ["a task"]
