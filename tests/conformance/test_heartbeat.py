"""Heartbeats (specification 4.2.7); each test needs a few seconds of real time, none depends on how many."""

from __future__ import annotations

import pytest
from pamqp.commands import Channel

from tests.conformance.conftest import Connect
from tests.support.raw import Ended
from tests.support.raw_frames import HEARTBEAT

pytestmark = pytest.mark.real_time


def test_a_silent_client_gets_heartbeats_on_channel_0_and_then_the_end(connect: Connect) -> None:
    connection, beats = connect(heartbeat=1), 0
    with pytest.raises(Ended):  # noqa: PT012 - the loop is the test
        while True:
            frame = connection.read_frame()
            assert (frame.kind, frame.channel, frame.payload) == (HEARTBEAT, 0, b"")
            beats += 1
    assert beats >= 1


def test_a_client_that_sends_heartbeats_lives_on(connect: Connect) -> None:
    connection = connect(heartbeat=1)
    for _ in range(7):
        assert connection.read_frame().kind == HEARTBEAT
        connection.send_heartbeat()
    connection.channel()


def test_any_other_traffic_counts_as_a_heartbeat(connect: Connect) -> None:
    connection = connect(heartbeat=1)
    channel = connection.channel()
    while connection.heartbeats < 4:
        frame = connection.read_frame()
        connection.heartbeats += frame.kind == HEARTBEAT
        if frame.kind == HEARTBEAT:
            channel.send(Channel.Flow(True))
    channel.close()
