"""Protocol header, start, secure and login (specification 2.2.4, 4.2.2; connection class 1.4.2.1-1.4.2.4)."""

from __future__ import annotations

import pytest
from pamqp.commands import Basic, Channel, Connection, Queue

from tests.conformance.conftest import Connect, Name
from tests.support.raw import CLIENT_PROPERTIES, PROTOCOL_HEADER, Ended, RawConnection, start_ok
from tests.support.raw_frames import content_bytes, frame_bytes, loose, method_bytes, table_bytes

LOGIN_REFUSED = (
    "ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN. For details see the broker logfile."
)


def expect_refusal(connection: RawConnection) -> None:
    """The socket ends, before it at most a connection.close: never a tune or an open-ok."""
    try:
        connection.expect(Connection.Close)
    except Ended:
        return
    connection.send(Connection.CloseOk())
    connection.expect_end()


@pytest.mark.parametrize(
    "header",
    [
        b"AMQP\x00\x01\x00\x00",
        b"AMQP\x03\x01\x00\x00",
        b"AMQP\x00\x00\x09\x02",
        b"AMQP\x01\x01\x0a\x00",
        b"GET / HT",
        b"\x16\x03\x01\x02\x00\x01\x00\x01",
        b"\x00" * 8,
    ],
    ids=["amqp 1.0", "sasl of 1.0", "wrong revision", "0-10", "http", "tls", "zeros"],
)
def test_a_wrong_protocol_header_is_answered_with_the_right_one_and_the_end(peer: Connect, header: bytes) -> None:
    connection = peer()
    connection.send_raw(header)
    assert connection.read_bytes(8) == PROTOCOL_HEADER
    connection.expect_end()


@pytest.mark.parametrize("header", [PROTOCOL_HEADER, b"AMQP\x01\x01\x00\x09"], ids=["0-9-1", "0-9"])
def test_both_spellings_of_the_protocol_header_are_welcome(peer: Connect, header: bytes) -> None:
    connection = peer()
    connection.send_raw(header)
    start = connection.expect(Connection.Start)
    assert (start.version_major, start.version_minor) == (0, 9)


def test_a_protocol_header_in_pieces_is_put_together(peer: Connect) -> None:
    connection = peer()
    for octet in PROTOCOL_HEADER:
        connection.send_raw(bytes([octet]))
    connection.expect(Connection.Start)


def test_start_offers_plain_and_amqplain_and_english(peer: Connect) -> None:
    start = peer().start()
    assert {"PLAIN", "AMQPLAIN"} <= set(start.mechanisms.split())
    assert start.locales == "en_US"


def test_the_server_properties_name_product_and_version(peer: Connect) -> None:
    properties = peer().start().server_properties
    assert properties is not None
    assert properties["product"] == "RabbitMQ"
    assert [int(part) for part in str(properties["version"]).split(".")] >= [3, 10, 0]
    assert all(properties[key] for key in ("platform", "copyright", "information", "cluster_name"))


@pytest.mark.ours
def test_the_server_announces_version_3_13(peer: Connect) -> None:
    properties = peer().start().server_properties
    assert properties is not None
    assert str(properties["version"]).startswith("3.13.")


@pytest.mark.parametrize(
    "capability",
    [
        "publisher_confirms",
        "exchange_exchange_bindings",
        "basic.nack",
        "consumer_cancel_notify",
        "connection.blocked",
        "consumer_priorities",
        "authentication_failure_close",
        "per_consumer_qos",
        "direct_reply_to",
    ],
)
def test_the_server_announces_the_capability(peer: Connect, capability: str) -> None:
    assert peer().start().server_properties["capabilities"][capability] is True  # type: ignore[index,call-overload]


def test_a_wrong_password_is_refused_with_403_where_the_client_knows_that(peer: Connect) -> None:
    connection = peer()
    connection.start(password="wrong")
    assert connection.expect_close(403, LOGIN_REFUSED, (0, 0)).reply_text == LOGIN_REFUSED


def test_an_unknown_user_is_refused_as_a_wrong_password_is(peer: Connect) -> None:
    connection = peer()
    connection.start(user="nobody-of-that-name")
    assert connection.expect_close(403, LOGIN_REFUSED, (0, 0)).reply_text == LOGIN_REFUSED


def test_an_empty_password_is_refused(peer: Connect) -> None:
    connection = peer()
    connection.start(password="")
    connection.expect_close(403, LOGIN_REFUSED)


@pytest.mark.real_time
def test_a_wrong_password_just_ends_the_socket_where_the_client_has_no_such_capability(peer: Connect) -> None:
    connection = peer()
    connection.start(password="wrong", client_properties={})
    connection.expect_end()


@pytest.mark.real_time
def test_nothing_but_a_legal_start_ok_gets_to_tune(peer: Connect) -> None:
    wrong = {
        "unknown mechanism": method_bytes(0, start_ok(mechanism="FOO")),
        "no mechanism": method_bytes(0, loose(Connection.StartOk, mechanism="", response="", locale="en_US")),
        "mechanism in lower case": method_bytes(0, start_ok(mechanism="plain")),
        "garbage for plain": method_bytes(0, loose(Connection.StartOk, mechanism="PLAIN", response="x")),
        "garbage for amqplain": method_bytes(0, start_ok(mechanism="AMQPLAIN")),
        "tune-ok": method_bytes(0, Connection.TuneOk(0, 0, 0)),
        "open": method_bytes(0, Connection.Open("/")),
        "channel.open": method_bytes(1, Channel.Open()),
        "bad end octet": frame_bytes(1, 0, b"\x00\x0a\x00\x0b", end=1),
        "frame beyond any limit before tune": frame_bytes(1, 0, b"\x00\x0a\x00\x0b" + b"x" * 10000),
    }
    connections = {label: peer() for label in wrong}
    for label, connection in connections.items():
        connection.send_raw(PROTOCOL_HEADER)
        connection.expect(Connection.Start)
        connection.send_raw(wrong[label])
    for connection in connections.values():
        expect_refusal(connection)


def test_amqplain_takes_a_table_without_its_length(peer: Connect) -> None:
    connection = peer()
    credentials = table_bytes(("LOGIN", b"S\x00\x00\x00\x05guest"), ("PASSWORD", b"S\x00\x00\x00\x05guest"))[4:]
    connection.send_raw(PROTOCOL_HEADER)
    connection.expect(Connection.Start)
    connection.send(loose(Connection.StartOk, mechanism="AMQPLAIN", response=credentials, locale="en_US"))
    connection.expect(Connection.Tune)


def test_a_locale_the_server_does_not_know_is_no_reason_to_refuse(peer: Connect) -> None:
    connection = peer()
    connection.send_raw(PROTOCOL_HEADER)
    connection.expect(Connection.Start)
    connection.send(loose(Connection.StartOk, mechanism="PLAIN", response="\0guest\0guest", locale="xx_XX"))
    connection.expect(Connection.Tune)


def test_client_properties_up_to_nearly_4096_bytes_are_taken(peer: Connect) -> None:
    connection = peer()
    connection.start(client_properties={"note": "x" * 3900})
    connection.expect(Connection.Tune)


def test_a_heartbeat_before_login_is_harmless(peer: Connect) -> None:
    connection = peer()
    connection.send_raw(PROTOCOL_HEADER)
    connection.expect(Connection.Start)
    connection.send_heartbeat()
    connection.send(start_ok())
    connection.expect(Connection.Tune)


def test_a_client_may_send_everything_up_to_a_publish_at_once(peer: Connect, connect: Connect, name: Name) -> None:
    queue, reader = name("q"), connect().channel()
    connection = peer()
    burst = [
        (0, start_ok(client_properties=CLIENT_PROPERTIES)),
        (0, Connection.TuneOk(2047, 131072, 0)),
        (0, Connection.Open("/")),
        (1, Channel.Open()),
        (1, Queue.Declare(queue=queue)),
    ]
    connection.send_raw(
        PROTOCOL_HEADER
        + b"".join(method_bytes(number, method) for number, method in burst)
        + publish_bytes(queue, b"early")
    )
    for method in (Connection.Start, Connection.Tune, Connection.OpenOk):
        connection.expect(method)
    connection.expect(Channel.OpenOk, channel=1)
    connection.expect(Queue.DeclareOk, channel=1)
    connection.close()
    content = reader.get(queue)
    assert content is not None
    assert content.body == b"early"


def publish_bytes(queue: str, body: bytes) -> bytes:
    """A basic.publish to the default exchange on channel 1."""
    return method_bytes(1, Basic.Publish(routing_key=queue)) + content_bytes(1, body)


def test_the_handshake_survives_any_split_of_its_bytes(peer: Connect) -> None:
    connection = peer()
    data = PROTOCOL_HEADER + method_bytes(0, start_ok()) + method_bytes(0, Connection.TuneOk(0x7FF, 4096, 0))
    data += method_bytes(0, Connection.Open("/"))
    for offset in range(0, len(data), 7):
        connection.send_raw(data[offset : offset + 7])
    for method in (Connection.Start, Connection.Tune, Connection.OpenOk):
        connection.expect(method)
