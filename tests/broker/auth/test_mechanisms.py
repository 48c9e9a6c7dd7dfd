"""Login responses, as RabbitMQ 3.10 takes and refuses them."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.auth.mechanisms import MECHANISMS, RESPONSE_BYTES_MAX, parse_response
from protocol.errors import ConnectionException


def long_string(value: bytes) -> bytes:
    return b"S" + struct.pack(">I", len(value)) + value


def field(name: bytes, value: bytes) -> bytes:
    return bytes([len(name)]) + name + value


LOGIN = field(b"LOGIN", long_string(b"guest"))
PASSWORD = field(b"PASSWORD", long_string(b"pw"))
EMPTY_TABLE = b"F" + struct.pack(">I", 0)
DEEP_TABLE = b"F" + struct.pack(">I", 1050 * 7) + b"\x01aF\x00\x00\x00\xff" * 1050  # deeper than Python recurses


@pytest.mark.parametrize(
    ("mechanism", "response", "expected"),
    [
        ("PLAIN", b"\0guest\0pw", ("guest", "pw")),
        ("PLAIN", b"\0guest\0", ("guest", "")),
        ("PLAIN", b"\0\0", ("", "")),
        ("PLAIN", "\0ännie\0pässword".encode(), ("ännie", "pässword")),
        ("PLAIN", b"\0gue\xffst\0x", ("gue\udcffst", "x")),
        ("AMQPLAIN", LOGIN + PASSWORD, ("guest", "pw")),
        ("AMQPLAIN", PASSWORD + LOGIN, ("guest", "pw")),
        ("AMQPLAIN", field(b"X", EMPTY_TABLE) + LOGIN + field(b"Y", b"t\x01") + PASSWORD, ("guest", "pw")),
        ("AMQPLAIN", LOGIN + field(b"LOGIN", long_string(b"second")) + PASSWORD, ("guest", "pw")),
        ("AMQPLAIN", field(b"X", DEEP_TABLE) + LOGIN + PASSWORD, ("guest", "pw")),
    ],
)
def test_accepted(mechanism: str, response: bytes, expected: tuple[str, str]) -> None:
    assert parse_response(mechanism, response) == expected


@pytest.mark.parametrize(
    ("mechanism", "response", "code", "text"),
    [
        ("PLAIN", b"", 502, "PLAIN response invalid"),
        ("PLAIN", b"guest\0pw", 502, "PLAIN response invalid"),
        ("PLAIN", b"admin\0guest\0pw", 502, "PLAIN response invalid"),
        ("PLAIN", b"\0guest", 502, "PLAIN response invalid"),
        ("PLAIN", b"\0guest\0pw\0", 502, "PLAIN response invalid"),
        ("PLAIN", b"\0" * (RESPONSE_BYTES_MAX + 1), 502, "too long"),
        ("AMQPLAIN", b"", 502, "missing LOGIN or PASSWORD"),
        ("AMQPLAIN", LOGIN, 502, "missing LOGIN or PASSWORD"),
        ("AMQPLAIN", field(b"LOGIN", b"I\0\0\0\1") + PASSWORD, 502, "missing LOGIN or PASSWORD"),
        ("AMQPLAIN", struct.pack(">I", len(LOGIN + PASSWORD)) + LOGIN + PASSWORD, 502, "AMQPLAIN auth info"),
        ("AMQPLAIN", LOGIN + PASSWORD[:-1], 502, "not a table"),
        ("AMQPLAIN", LOGIN + b"\x08PASSWORD", 502, "not a table"),
        ("AMQPLAIN", b"\x05LO", 502, "not a table"),
        ("AMQPLAIN", field(b"X", b"V") * 65 + LOGIN + PASSWORD, 502, "not a table"),
        ("FOO", b"", 503, "unknown authentication mechanism 'FOO'"),
        ("plain", b"\0guest\0pw", 503, "unknown authentication mechanism 'plain'"),
    ],
)
def test_refused(mechanism: str, response: bytes, code: int, text: str) -> None:
    with pytest.raises(ConnectionException, match=text) as caught:
        parse_response(mechanism, response)
    assert (caught.value.code, caught.value.class_id, caught.value.method_id) == (code, 10, 11)


def error_code(mechanism: str, response: bytes) -> int | None:
    """The code that the response is refused with; anything but the named error comes through."""
    try:
        parse_response(mechanism, response)
    except ConnectionException as error:
        return error.code
    return None


@given(st.sampled_from(sorted(MECHANISMS)), st.binary(max_size=200))
def test_nothing_but_the_named_error_comes_out(mechanism: str, response: bytes) -> None:
    assert error_code(mechanism, response) in (None, 502)


@given(st.binary(max_size=60), st.integers(0, 100))
def test_damaged_table_gives_the_named_error_or_text(noise: bytes, at: int) -> None:
    response = LOGIN + PASSWORD
    assert error_code("AMQPLAIN", response[:at] + noise + response[at:]) in (None, 502)
