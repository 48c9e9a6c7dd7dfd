"""Methods that are unknown, misplaced or cannot be read (specification 2.2.5, 4.2.4, 4.2.5; errors 501 to 504)."""

from __future__ import annotations

import pytest
from pamqp.commands import Basic, Channel, Connection, Queue

from tests.conformance.conftest import Name
from tests.support.raw import RawConnection
from tests.support.raw_channel import RawChannel
from tests.support.raw_frames import Method, arguments_bytes, method_id, raw_method_bytes, table_bytes

DECLARE_Z = b"\x00\x00\x06conf-z\x00"
AT_DECLARE = (50, 10)


@pytest.mark.parametrize(
    "method",
    [
        Queue.Declare(queue="q"),
        Channel.Close(200, "", 0, 0),
        Channel.CloseOk(),
        Basic.Qos(0, 0, False),
    ],
    ids=lambda method: str(method.name),
)
def test_a_method_on_a_channel_never_opened_is_a_504(connection: RawConnection, method: Method) -> None:
    connection.send(method, channel=7)
    connection.expect_close(504, "CHANNEL_ERROR - expected 'channel.open'", method_id(method))


def test_opening_a_channel_twice_is_a_504(channel: RawChannel) -> None:
    channel.connection_refuses(Channel.Open(), 504, "CHANNEL_ERROR - second 'channel.open' seen")


@pytest.mark.parametrize(
    "method",
    [
        Queue.DeclareOk("q", 1, 1),
        Basic.GetEmpty(),
        Basic.QosOk(),
        Channel.FlowOk(True),
        Channel.CloseOk(),
        Connection.Close(200, "", 0, 0),
    ],
    ids=lambda method: str(method.name),
)
def test_a_method_only_a_server_sends_is_a_503(channel: RawChannel, method: Method) -> None:
    channel.connection_refuses(method, 503, "COMMAND_INVALID - unimplemented method")


@pytest.mark.ours
@pytest.mark.parametrize(("class_id", "method"), [(999, 10), (50, 99), (60, 200)])
def test_an_unknown_class_or_method_is_a_503(channel: RawChannel, class_id: int, method: int) -> None:
    channel.connection.send_raw(raw_method_bytes(1, class_id, method))
    channel.connection.expect_close(503, "", (class_id, method))


@pytest.mark.parametrize(
    "arguments",
    [b"", b"\x00", b"\x00\x00\x09q", arguments_bytes(Queue.Declare()) + b"zz"],
    ids=["none", "half a ticket", "half a name", "too many"],
)
def test_arguments_that_do_not_fit_the_method_are_a_501(channel: RawChannel, arguments: bytes) -> None:
    channel.connection.send_raw(raw_method_bytes(1, *AT_DECLARE, arguments))
    channel.connection.expect_close(501, "FRAME_ERROR - cannot decode <<", AT_DECLARE)


def test_the_octets_that_could_not_be_read_are_listed(channel: RawChannel) -> None:
    channel.connection.send_raw(raw_method_bytes(1, 60, 10, b"\x00\x00\x00\x00\x00\x00\x00zz"))
    close = channel.connection.expect_close(501, "", (60, 10))
    assert close.reply_text == "FRAME_ERROR - cannot decode <<0,0,0,0,0,0,0,122,122>>"


def test_a_table_longer_than_its_frame_is_a_501(channel: RawChannel) -> None:
    channel.connection.send_raw(raw_method_bytes(1, *AT_DECLARE, DECLARE_Z + b"\x00\x00\xff\xff\x01aI\x00\x00\x00\x01"))
    channel.connection.expect_close(501, "FRAME_ERROR - cannot decode <<", AT_DECLARE)


@pytest.mark.ours
@pytest.mark.parametrize(
    "table",
    [
        table_bytes(("a", b"?xxx")),
        b"\x00\x00\x00\x04\x01aI\x00",
        b"\x00\x00\x00\x04\x09aI\x00",
        table_bytes(("a", b"F\x00\x00\x00\x09")),
        table_bytes(("a", b"A\x00\x00\x00\x09")),
    ],
    ids=["unknown type", "value beyond the table", "name beyond the table", "inner table beyond", "array beyond"],
)
def test_a_table_with_garbage_inside_is_a_connection_error(channel: RawChannel, table: bytes) -> None:
    channel.connection.send_raw(raw_method_bytes(1, *AT_DECLARE, DECLARE_Z + table))
    assert channel.connection.expect(Connection.Close).reply_code in {501, 502}


@pytest.mark.ours
def test_a_table_nested_without_end_is_a_connection_error(channel: RawChannel) -> None:
    table = table_bytes()
    for _ in range(500):
        table = table_bytes(("a", b"F" + table))
    channel.connection.send_raw(raw_method_bytes(1, *AT_DECLARE, DECLARE_Z + table))
    assert channel.connection.expect(Connection.Close).reply_code in {501, 502}


def test_a_name_that_is_not_utf_8_is_a_501(channel: RawChannel) -> None:
    channel.connection.send_raw(raw_method_bytes(1, *AT_DECLARE, b"\x00\x00\x04ab\xff\xfe\x00" + table_bytes()))
    channel.connection.expect_close(501, "FRAME_ERROR - Malformed UTF-8 in shortstr")


def test_a_ticket_of_any_number_is_ignored(channel: RawChannel, name: Name) -> None:
    queue = name("q").encode()
    arguments = b"\x30\x39" + bytes([len(queue)]) + queue + b"\x00" + table_bytes()
    channel.connection.send_raw(raw_method_bytes(1, *AT_DECLARE, arguments))
    channel.expect(Queue.DeclareOk)


def test_access_request_is_answered_with_a_ticket(channel: RawChannel) -> None:
    channel.connection.send_raw(raw_method_bytes(1, 30, 10, b"\x05/data\x1f"))
    reply = channel.connection.receive(1)
    assert (reply.class_id, reply.method_id, reply.arguments) == (30, 11, b"\x00\x01")


@pytest.mark.parametrize(
    "type_and_value",
    [
        b"t\x01",
        b"b\xff",
        b"B\xff",
        b"s\xff\xfe",
        b"u\xff\xfe",
        b"I\xff\xff\xff\xfe",
        b"i\xff\xff\xff\xfe",
        b"l\xff\xff\xff\xff\xff\xff\xff\xfe",
        b"f\x3f\x80\x00\x00",
        b"d\x3f\xf0\x00\x00\x00\x00\x00\x00",
        b"D\x02\x00\x00\x01\x00",
        b"S\x00\x00\x00\x02\xff\xfe",
        b"A\x00\x00\x00\x02t\x01",
        b"T\x00\x00\x00\x00\x00\x00\x00\x01",
        b"F\x00\x00\x00\x00",
        b"V",
        b"x\x00\x00\x00\x01\x00",
    ],
    ids=lambda raw: chr(raw[0]),
)
def test_every_type_may_stand_in_a_table_of_arguments(channel: RawChannel, name: Name, type_and_value: bytes) -> None:
    queue = name("q").encode()
    arguments = b"\x00\x00" + bytes([len(queue)]) + queue + b"\x00" + table_bytes(("x-note", type_and_value))
    channel.connection.send_raw(raw_method_bytes(1, *AT_DECLARE, arguments))
    channel.expect(Queue.DeclareOk)
