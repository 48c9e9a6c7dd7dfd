"""The stand-in for a broker: its deliveries are those that a load expects, and real loads run against it."""

from __future__ import annotations

import socket

import pytest

from bench import frames, stand_in
from bench.frames import Stride
from bench.load import run_apart
from bench.rig import Load
from bench.self_test import standing_in
from bench.wire import Consumer, Numbered

MESSAGES = 5000


def test_deliveries_have_the_messages_properties_and_body_and_tags_of_their_own() -> None:
    head = frames.properties(persistent=True, message_id="abc")
    message = frames.content("x", "key", head, frames.body(40, 7))
    numbered = stand_in.deliveries(message)
    near, far = socket.socketpair()
    with near, far:
        consumer = Consumer(near, Stride("x", "key", len(head), 40), None, 0, 0, 1)
        far.sendall(b"".join(numbered.between(1, 3)))
        assert consumer.receive() == 3
    later = Numbered.AHEAD * 3 + 5
    one, two = (b"".join(numbered.between(tag, tag)) for tag in (2, later))
    assert (head in one, frames.body(40, 7) in one) == (True, True)
    assert later.to_bytes(8, "big") in two
    assert two.replace(later.to_bytes(8, "big"), (2).to_bytes(8, "big")) == one


@pytest.mark.parametrize(
    ("load", "flags"),
    [
        (Load(sharing=1, confirms=500, own_ids=True, seconds=60, messages=MESSAGES), []),
        (Load(sharing=1, confirms=500, prefetch=100, seconds=60, messages=MESSAGES), [stand_in.SINGLE]),
        (Load(sharing=1, prefetch=7, seconds=60, messages=MESSAGES, size_bytes=700), []),
    ],
)
def test_a_load_runs_against_the_stand_in_and_balances(load: Load, flags: list[str]) -> None:
    with standing_in(*flags) as (port, pid):
        for _ in range(2):  # a second load begins with an empty queue
            assert run_apart(load, "127.0.0.1", port, [pid])["messages"] == MESSAGES
