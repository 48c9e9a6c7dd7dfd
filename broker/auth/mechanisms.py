"""What a client's login response says: the name and the password in PLAIN and AMQPLAIN.

Must not: decide whether they are right (`users`). RabbitMQ trusts nobody at this point: what is raised here it logs,
and then drops the connection after a delay without a Close frame.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import NamedTuple

import pamqp.decode

from protocol.constants import COMMAND_INVALID, SYNTAX_ERROR
from protocol.errors import ConnectionException

RESPONSE_BYTES_MAX = 8192  # what fits the frame that a client may send before its login
LOGIN_FIELDS_MAX = 64
NESTED_TYPES = b"FA"
START_OK = (10, 11)


class Credentials(NamedTuple):
    """What a client claims; bytes that are not UTF-8 are kept as surrogates, so that they fit nothing by accident."""

    username: str
    password: str


def parse_response(mechanism: str, response: bytes) -> Credentials:
    """The credentials in a connection.start-ok.

    Args: mechanism as the client named it; response as it came.
    Raises: ConnectionException 503 for an unknown mechanism, 502 for a response that is not in its form.
    Spec: 1.4.2.2 (connection.start-ok).
    """
    parse = MECHANISMS.get(mechanism)
    if parse is None:
        raise ConnectionException(COMMAND_INVALID, f"unknown authentication mechanism '{mechanism}'", *START_OK)
    if len(response) > RESPONSE_BYTES_MAX:
        raise ConnectionException(SYNTAX_ERROR, f"response of {len(response)} bytes is too long", *START_OK)
    return parse(response)


def parse_plain(response: bytes) -> Credentials:
    """SASL PLAIN without an authorization identity: NUL name NUL password. Raises: ConnectionException 502."""
    parts = response.split(b"\0")
    if len(parts) != 3 or parts[0]:
        raise ConnectionException(SYNTAX_ERROR, "PLAIN response invalid", *START_OK)
    return Credentials(_text(parts[1]), _text(parts[2]))


def parse_amqplain(response: bytes) -> Credentials:
    """A field table without its length, with long strings LOGIN and PASSWORD. Raises: ConnectionException 502.

    Of a field that comes twice the first counts, as in RabbitMQ.
    """
    fields: dict[str, str] = {}
    offset = seen = 0
    try:
        while offset < len(response):
            seen += 1
            if seen > LOGIN_FIELDS_MAX:
                raise ValueError("too many fields")
            value_at = offset + 1 + response[offset]
            key = _text(response[offset + 1 : value_at])
            consumed, value = _field_value(response[value_at:])
            offset = value_at + consumed
            if value is not None:
                fields.setdefault(key, value)
    except (ValueError, IndexError, struct.error, OverflowError):
        raise ConnectionException(SYNTAX_ERROR, "AMQPLAIN auth info is not a table", *START_OK) from None
    if "LOGIN" not in fields or "PASSWORD" not in fields:
        raise ConnectionException(SYNTAX_ERROR, "AMQPLAIN auth info is missing LOGIN or PASSWORD field", *START_OK)
    return Credentials(fields["LOGIN"], fields["PASSWORD"])


MECHANISMS: dict[str, Callable[[bytes], Credentials]] = {"PLAIN": parse_plain, "AMQPLAIN": parse_amqplain}


def _field_value(data: bytes) -> tuple[int, str | None]:
    """Bytes used and the text of a long string, or None for another type; nested values are skipped, not entered."""
    kind = data[:1]
    if kind == b"S" or (kind and kind in NESTED_TYPES):
        (length,) = struct.unpack_from(">I", data, 1)
        if 5 + length > len(data):
            raise ValueError("value is longer than the table")
        return 5 + length, _text(data[5 : 5 + length]) if kind == b"S" else None
    consumed, _ = pamqp.decode.embedded_value(data)
    if not 0 < consumed <= len(data):
        raise ValueError("value is longer than the table")
    return consumed, None


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")
