"""Heartbeats (specification 4.2.7); each test needs a few seconds of real time, none depends on how many."""

from __future__ import annotations

import contextlib
import threading

import pytest
from pamqp.commands import Channel

from tests.conformance.conftest import Connect, Name
from tests.support.raw import Ended, RawConnection
from tests.support.raw_frames import HEARTBEAT
from tests.support.sansio import publish_frames

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


class Flood:
    """Publishes as fast as the broker reads, from a thread of its own."""

    def __init__(self, connection: RawConnection, queue: str) -> None:
        channel = connection.channel()
        channel.declare_queue(queue, {"x-message-ttl": 0})
        self.sent_bytes = 0
        self._socket = connection.socket
        self._block = publish_frames(channel.number, "", queue, b"b" * 100) * 5000
        self._is_over = False
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        with contextlib.suppress(OSError):
            while not self._is_over:
                self._socket.sendall(self._block)
                self.sent_bytes += len(self._block)

    def __enter__(self) -> Flood:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over = True
        self._thread.join()


def test_heartbeats_go_both_ways_beside_a_flood(connect: Connect, name: Name) -> None:
    connection = connect(heartbeat=1)
    with Flood(connect(), name("flood")) as flood:
        sent_bytes = [flood.sent_bytes]
        for _ in range(7):
            assert connection.read_frame().kind == HEARTBEAT
            sent_bytes.append(flood.sent_bytes)
            connection.send_heartbeat()
        connection.channel()
    assert sent_bytes == sorted(set(sent_bytes)), "the broker was busy all the time"
