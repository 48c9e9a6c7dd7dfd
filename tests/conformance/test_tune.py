"""tune, tune-ok, open (specification 1.4.2.5-1.4.2.8, 4.2.3 limits, 4.9)."""

from __future__ import annotations

import pytest
from pamqp.commands import Basic, Channel, Connection, Queue

from tests.conformance.conftest import Connect, Name
from tests.conformance.test_handshake import expect_refusal
from tests.support.raw import RawConnection
from tests.support.raw_frames import loose


def tuned(connection: RawConnection, frame_max: int, channel_max: int = 2047) -> RawConnection:
    """Up to connection.open, answer unread."""
    connection.start()
    connection.expect(Connection.Tune)
    connection.tune(frame_max, channel_max)
    connection.send(Connection.Open("/"))
    return connection


def test_tune_proposes_2047_channels_131072_bytes_and_60_seconds(peer: Connect) -> None:
    connection = peer()
    connection.start()
    tune = connection.expect(Connection.Tune)
    assert (tune.channel_max, tune.frame_max, tune.heartbeat) == (2047, 131072, 60)


@pytest.mark.parametrize("frame_max", [4096, 5000, 131072])
def test_a_smaller_frame_max_is_taken(peer: Connect, frame_max: int) -> None:
    tuned(peer(), frame_max).expect(Connection.OpenOk)


@pytest.mark.real_time
def test_a_tune_ok_beyond_what_was_proposed_is_refused(peer: Connect) -> None:
    connections = [
        tuned(peer(), frame_max, channel_max)
        for frame_max, channel_max in [(131073, 2047), (0, 2047), (131072, 2048), (131072, 0), (4095, 2047)]
    ]
    for connection in connections:
        expect_refusal(connection)


@pytest.mark.ours
@pytest.mark.parametrize(
    ("frame_max", "channel_max", "text"),
    [
        (131073, 2047, "negotiated frame_max = 131073 is higher than the maximum allowed value (131072)"),
        (131072, 2048, "negotiated channel_max = 2048 is higher than the maximum allowed value (2047)"),
        (4095, 2047, "negotiated frame_max = 4095 is lower than the minimum allowed value (4096)"),
    ],
)
def test_a_refused_tune_ok_is_told_why(peer: Connect, frame_max: int, channel_max: int, text: str) -> None:
    tuned(peer(), frame_max, channel_max).expect_close(530, text)


def test_no_frame_of_the_broker_is_larger_than_the_client_asked_for(connect: Connect, name: Name) -> None:
    queue, body = name("q"), bytes(range(256)) * 200
    publisher, reader = connect().channel(), connect(frame_max=4096).channel()
    publisher.declare_queue(queue)
    publisher.publish(queue, body)
    publisher.expect_nothing()
    content = reader.get(queue)
    assert content is not None
    assert content.body == body
    assert max(content.frame_sizes) <= 4096 - 8


def test_the_negotiated_number_of_channels_cannot_be_exceeded(connect: Connect) -> None:
    connection = connect(channel_max=2)
    connection.channel(1)
    connection.channel(2)
    connection.send(Channel.Open(), channel=3)
    connection.expect_close(530)


def test_an_unknown_vhost_is_refused_with_530(peer: Connect) -> None:
    connection = peer()
    connection.start()
    connection.expect(Connection.Tune)
    connection.tune()
    connection.send(Connection.Open("no-such-vhost"))
    assert connection.expect_close(530, "", (10, 40)).reply_text == "NOT_ALLOWED - vhost no-such-vhost not found"


def test_the_empty_vhost_is_not_the_default_one(peer: Connect) -> None:
    connection = peer()
    connection.start()
    connection.expect(Connection.Tune)
    connection.tune()
    connection.send(loose(Connection.Open, virtual_host=""))
    connection.expect_close(530, "vhost  not found", (10, 40))


def test_a_channel_before_connection_open_is_a_connection_error(peer: Connect) -> None:
    connection = peer()
    connection.start()
    connection.expect(Connection.Tune)
    connection.tune()
    connection.send(Channel.Open(), channel=1)
    connection.expect_close(505, "", (0, 0))


def test_close_in_place_of_open_is_a_connection_error(peer: Connect) -> None:
    connection = peer()
    connection.start()
    connection.expect(Connection.Tune)
    connection.tune()
    connection.send(Connection.Close(200, "no", 0, 0))
    connection.expect_close(504, "unexpected method in connection state opening", (10, 50))


@pytest.mark.parametrize(
    "again",
    [
        Connection.Open("/"),
        Connection.TuneOk(0, 0, 0),
        Connection.StartOk({}, "PLAIN", "x"),
        Connection.SecureOk("x"),
        Connection.CloseOk(),
    ],
    ids=lambda method: str(method.name),
)
def test_a_handshake_method_in_a_running_connection_is_a_504(connection: RawConnection, again: Connection.Open) -> None:
    connection.send(again)
    ids = again.index >> 16, again.index & 0xFFFF
    connection.expect_close(504, "unexpected method in connection state running", ids)


@pytest.mark.parametrize(
    "method", [Queue.Declare(queue="q"), Channel.Open(), Basic.Qos(0, 1, False)], ids=lambda method: str(method.name)
)
def test_other_classes_have_no_business_on_channel_0(connection: RawConnection, method: Queue.Declare) -> None:
    connection.send(method)
    ids = method.index >> 16, method.index & 0xFFFF
    connection.expect_close(504, "unexpected method in connection state running", ids)
