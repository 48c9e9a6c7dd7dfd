"""Dead letters that the broker has made itself go back to where they died, and die again as for the first time."""

from __future__ import annotations

from typing import Any

from pamqp.commands import Basic

from broker.moving.filters import Filter
from broker.moving.jobs import DONE, FAILED, Job
from broker.moving.replayed import fresh
from broker.moving.service import Chosen, Replay
from protocol.properties import Properties
from tests.broker.moving.support import Moved, numbered


def replayed(moved: Moved, source: str, how: Replay = Replay(), chosen: Chosen = Chosen()) -> Job:  # noqa: B008
    job = moved.moving.replay(moved.actor, source, how, chosen)
    moved.rest()
    assert job.is_over, job.state
    return job


def headers(moved: Moved, queue: str, at: int = 0) -> dict[str, Any]:
    return dict(moved.waiting(queue)[at].batch.properties.headers())


def with_dead_letters(**arguments: Any) -> Moved:
    moved = Moved("dead")
    moved.declare("work", x_dead_letter_exchange="", x_dead_letter_routing_key="dead", **arguments)
    return moved


def reject(moved: Moved, queue: str, count: int) -> None:
    for _ in range(count):
        tag = moved.get(queue).frame.delivery_tag
        moved.client.call(1, Basic.Reject(delivery_tag=tag, requeue=False))
    moved.broker.advance(20)


def test_it_dies_again_as_for_the_first_time() -> None:
    moved = with_dead_letters()
    moved.publish("work", *numbered(3), headers={"kept": 1})
    for round_ in range(1, 4):
        reject(moved, "work", 3)
        assert moved.bodies("dead") == numbered(3)
        (death,) = headers(moved, "dead")["x-death"]
        assert (death["queue"], death["reason"], death["count"]) == ("work", "rejected", 1)
        assert replayed(moved, "dead").done == 3
        assert moved.bodies("work") == numbered(3)
        found = headers(moved, "work")
        assert found["x-replays"] == round_
        assert [one["queue"] for one in found["x-deaths-before-replay"]] == ["work"]
        assert set(found) == {"kept", "x-replays", "x-deaths-before-replay"}


def test_what_expired_expires_again_and_is_no_cycle() -> None:
    moved = with_dead_letters(x_message_ttl=100)
    moved.publish("work", *numbered(2))
    for _ in range(3):
        moved.broker.advance(1000)
        assert moved.bodies("dead") == numbered(2)
        assert headers(moved, "dead")["x-death"][0]["reason"] == "expired"
        assert replayed(moved, "dead").done == 2


def test_a_reason_chooses_and_the_address_of_then_comes_back() -> None:
    moved = with_dead_letters()
    moved.publish("work", *numbered(1))
    reject(moved, "work", 1)
    moved.publish("work", *numbered(3, 1), expiration="10")
    moved.broker.advance(1000)
    assert len(moved.bodies("dead")) == 4
    job = replayed(moved, "dead", chosen=Chosen(filter=Filter(reason="rejected")))
    assert (job.state, job.done) == (DONE, 1)
    event = moved.get("work")
    assert (event.frame.exchange, event.frame.routing_key) == ("", "work")


def test_a_full_queue_stops_it_and_the_rest_stays_dead() -> None:
    moved = with_dead_letters(x_max_length=2)
    for first in (0, 2):
        moved.publish("work", *numbered(2, first))
        reject(moved, "work", 2)
    moved.publish("work", b"one")
    job = replayed(moved, "dead")
    assert (job.state, job.error) == (FAILED, "queue 'work' in vhost '/' is full: its max-length is 2")
    assert moved.bodies("dead") == numbered(3, 1)
    assert moved.bodies("work") == [b"one", *numbered(1)]


def test_what_never_died_stays() -> None:
    moved = Moved("dead")
    moved.publish("dead", *numbered(3))
    job = replayed(moved, "dead")
    assert (job.state, job.done, job.skipped) == (DONE, 0, 3)
    assert moved.bodies("dead") == numbered(3)


def test_headers_that_are_no_deaths_keep_their_bytes() -> None:
    entries = b"\x01aI\x00\x00\x00\x07" + b"\x07x-deathA\x00\x00\x00\x00" + b"\x01bb\xff" + b"\x09x-replaysl" + bytes(8)
    raw = b"\x20\x00" + len(entries).to_bytes(4, "big") + entries
    after = fresh(Properties(raw)).raw
    assert after[6:] == (
        b"\x01aI\x00\x00\x00\x07" + b"\x16x-deaths-before-replayA\x00\x00\x00\x00" + b"\x01bb\xff"
        + b"\x09x-replaysl" + (1).to_bytes(8, "big")
    )  # fmt: skip
    assert int.from_bytes(after[2:6], "big") == len(after) - 6
