"""Frames that break the format (specification 2.3.5, 4.2.3, 4.2.6; errors 501, 505)."""

from __future__ import annotations

import struct

import pytest
from pamqp.commands import Basic, Channel, Connection

from tests.conformance.conftest import Connect
from tests.support.raw import RawConnection
from tests.support.raw_channel import RawChannel
from tests.support.raw_frames import (
    BODY,
    HEADER,
    HEARTBEAT,
    METHOD,
    check_close,
    frame_bytes,
    header_bytes,
    method_bytes,
)

PUBLISH = method_bytes(1, Basic.Publish(routing_key="nowhere"))
FLOW_OK = struct.pack(">HH", 20, 20) + b"\x01"
AT_PUBLISH = (60, 40)


def close_after(connection: RawConnection, data: bytes) -> Connection.Close:
    """The connection.close that these bytes on channel 1 earn; the socket's end is not waited for."""
    connection.channel(1)
    connection.send_raw(data)
    return connection.expect(Connection.Close)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (
            frame_bytes(METHOD, 1, FLOW_OK, end=0xCD),
            "FRAME_ERROR - type 1, all octets = <<0,20,0,20,1>>: {invalid_frame_end_marker,205}",
        ),
        (
            PUBLISH + header_bytes(1, 3) + frame_bytes(BODY, 1, b"abc", end=0),
            'FRAME_ERROR - type 3, all octets = <<"abc">>: {invalid_frame_end_marker,0}',
        ),
        (
            frame_bytes(HEARTBEAT, 0, b"", end=0),
            "FRAME_ERROR - type 8, all octets = <<>>: {invalid_frame_end_marker,0}",
        ),
    ],
    ids=["method", "body", "heartbeat"],
)
def test_a_wrong_end_octet_is_a_501(connection: RawConnection, data: bytes, text: str) -> None:
    check_close(close_after(connection, data), 501, text, (0, 0))


@pytest.mark.parametrize("frame_max", [4096, 131072])
def test_a_frame_larger_than_negotiated_is_a_501_that_names_both_sizes(connect: Connect, frame_max: int) -> None:
    connection, size = connect(frame_max=frame_max), frame_max + 1
    close = close_after(connection, PUBLISH + header_bytes(1, size) + frame_bytes(BODY, 1, b"x" * size))
    text = f"FRAME_ERROR - type 3, all octets = <<>>: {{frame_too_large,{size},{frame_max - 8}}}"
    check_close(close, 501, text, (0, 0))


def test_an_oversized_frame_is_refused_by_its_head_alone(connection: RawConnection) -> None:
    close = close_after(connection, struct.pack(">BHI", BODY, 1, 0xFFFFFFFF))
    check_close(close, 501, "frame_too_large,4294967295,131064", (0, 0))


def test_a_frame_of_exactly_frame_max_is_taken(connect: Connect) -> None:
    channel = connect(frame_max=4096).channel()
    channel.publish("nowhere", b"x" * 4088, mandatory=True, sizes=(4088,))
    assert channel.expect(Basic.Return).body == b"x" * 4088


@pytest.mark.parametrize("kind", [0, 4, 5, 9, 255])
def test_an_unknown_frame_type_is_a_501(connection: RawConnection, kind: int) -> None:
    close = close_after(connection, frame_bytes(kind, 1, b"xx"))
    check_close(close, 501, f'FRAME_ERROR - type {kind}, all octets = <<"xx">>: unknown_frame', (0, 0))


@pytest.mark.parametrize("payload", [b"", b"\x00", b"\x00\x32\x00"])
def test_a_method_frame_too_short_for_its_ids_is_a_501(connection: RawConnection, payload: bytes) -> None:
    check_close(close_after(connection, frame_bytes(METHOD, 1, payload)), 501, "FRAME_ERROR - type 1", (0, 0))


def test_a_header_frame_too_short_for_its_size_is_a_501(connection: RawConnection) -> None:
    close = close_after(connection, PUBLISH + frame_bytes(HEADER, 1, b"\x00\x3c"))
    check_close(close, 501, "FRAME_ERROR - type 2", (0, 0))


def test_a_heartbeat_with_a_payload_is_a_501(connection: RawConnection) -> None:
    check_close(close_after(connection, frame_bytes(HEARTBEAT, 0, b"abc")), 501, "FRAME_ERROR - type 8", (0, 0))


@pytest.mark.parametrize("number", [1, 7], ids=["open channel", "closed channel"])
def test_a_heartbeat_on_another_channel_than_0_is_a_505(connection: RawConnection, number: int) -> None:
    close = close_after(connection, frame_bytes(HEARTBEAT, number, b""))
    check_close(close, 505, "UNEXPECTED_FRAME - type 8, all octets = <<>>", (0, 0))


@pytest.mark.parametrize(("kind", "payload"), [(BODY, b"abc"), (HEADER, struct.pack(">HHQH", 60, 0, 3, 0))])
def test_content_on_channel_0_is_a_505(connection: RawConnection, kind: int, payload: bytes) -> None:
    close = close_after(connection, frame_bytes(kind, 0, payload))
    check_close(close, 505, f"UNEXPECTED_FRAME - type {kind}, all octets = ", (0, 0))


@pytest.mark.parametrize("number", [1, 7], ids=["open channel", "closed channel"])
@pytest.mark.parametrize("kind", [HEADER, BODY])
def test_content_without_a_method_before_it_is_a_505(connection: RawConnection, kind: int, number: int) -> None:
    data = header_bytes(number, 3) if kind == HEADER else frame_bytes(BODY, number, b"abc")
    close = close_after(connection, data)
    check_close(close, 505, "expected method frame, got non method frame instead", (0, 0))


@pytest.mark.parametrize("class_id", [50, 999])
def test_a_content_header_of_another_class_is_a_505(connection: RawConnection, class_id: int) -> None:
    close = close_after(connection, PUBLISH + header_bytes(1, 3, class_id=class_id))
    text = f"UNEXPECTED_FRAME - expected content header for class 60, got one for class {class_id} instead"
    check_close(close, 505, text, AT_PUBLISH)


@pytest.mark.parametrize(
    "instead",
    [
        method_bytes(1, Basic.Qos(0, 0, False)),
        method_bytes(1, Channel.Close(200, "", 0, 0)),
        frame_bytes(BODY, 1, b"abc"),
        header_bytes(1, 0, weight=1),
    ],
    ids=["method", "channel.close", "body", "header with a weight"],
)
def test_anything_but_a_header_after_publish_is_a_505(connection: RawConnection, instead: bytes) -> None:
    text = "expected content header for class 60, got non content header frame instead"
    check_close(close_after(connection, PUBLISH + instead), 505, text, AT_PUBLISH)


@pytest.mark.parametrize(
    "instead", [method_bytes(1, Basic.Qos(0, 0, False)), header_bytes(1, 3)], ids=["method", "header"]
)
def test_anything_but_a_body_while_one_is_due_is_a_505(connection: RawConnection, instead: bytes) -> None:
    text = "expected content body, got non content body frame instead"
    check_close(close_after(connection, PUBLISH + header_bytes(1, 3) + instead), 505, text, AT_PUBLISH)


def test_a_body_frame_after_an_announced_size_of_0_is_a_505(connection: RawConnection) -> None:
    close = close_after(connection, PUBLISH + header_bytes(1, 0) + frame_bytes(BODY, 1, b"ab"))
    check_close(close, 505, "expected method frame, got non method frame instead", (0, 0))


@pytest.mark.ours
@pytest.mark.parametrize("bodies", [(b"abcd",), (b"ab", b"cd")])
def test_a_body_beyond_the_announced_size_is_a_501(connection: RawConnection, bodies: tuple[bytes, ...]) -> None:
    data = PUBLISH + header_bytes(1, 3) + b"".join(frame_bytes(BODY, 1, body) for body in bodies)
    check_close(close_after(connection, data), 501, "FRAME_ERROR", None)


@pytest.mark.ours
def test_a_body_announced_beyond_512_mib_is_a_501(connection: RawConnection) -> None:
    close = close_after(connection, PUBLISH + header_bytes(1, 512 * 1024 * 1024 + 1))
    check_close(close, 501, "FRAME_ERROR - content body of 536870913 bytes is too large", (60, 40))


@pytest.mark.ours
def test_a_body_over_the_configured_size_closes_the_channel_only(channel: RawChannel) -> None:
    channel.connection.send_raw(PUBLISH + header_bytes(1, 512 * 1024 * 1024))
    channel.expect_close(406, "PRECONDITION_FAILED - message size 536870912 is larger than", AT_PUBLISH)
    channel.open().expect_nothing()


@pytest.mark.ours
@pytest.mark.parametrize(
    "tail",
    [
        struct.pack(">H", 0x8000),
        struct.pack(">H", 0x8000) + b"\x05ab",
        struct.pack(">H", 0x8000) + b"\x02abcd",
        struct.pack(">H", 0x0001),
    ],
    ids=["no value", "short value", "surplus", "no second flags word"],
)
def test_a_property_list_that_cannot_be_read_is_a_connection_error(connection: RawConnection, tail: bytes) -> None:
    close = close_after(connection, PUBLISH + frame_bytes(HEADER, 1, struct.pack(">HHQ", 60, 0, 0) + tail))
    assert close.reply_code in {501, 502}


def test_empty_body_frames_are_harmless(channel: RawChannel) -> None:
    channel.connection.send_raw(
        method_bytes(1, Basic.Publish(routing_key="nowhere", mandatory=True))
        + header_bytes(1, 3)
        + frame_bytes(BODY, 1, b"")
        + frame_bytes(BODY, 1, b"abc")
    )
    assert channel.expect(Basic.Return).body == b"abc"


def test_a_frame_may_come_octet_by_octet(channel: RawChannel) -> None:
    for octet in method_bytes(1, Channel.Flow(True)):
        channel.connection.send_raw(bytes([octet]))
    channel.expect(Channel.FlowOk)
