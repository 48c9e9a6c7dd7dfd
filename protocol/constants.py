"""Numbers and names of AMQP 0-9-1 that more than one module needs. Must not: hold anything that is a setting."""

from __future__ import annotations

from typing import Final

PROTOCOL_HEADER: Final = b"AMQP\x00\x00\x09\x01"
PROXY_SIGNATURE_1: Final = b"PROXY "  # how a PROXY protocol header begins: protocol/proxy_header.py
PROXY_SIGNATURE_2: Final = b"\r\n\r\n\0\r\nQUIT\n"
PROTOCOL_HEADERS_ACCEPTED: Final = (PROTOCOL_HEADER, b"AMQP\x01\x01\x00\x09")

FRAME_METHOD: Final = 1
FRAME_HEADER: Final = 2
FRAME_BODY: Final = 3
FRAME_HEARTBEAT: Final = 8
FRAME_END: Final = 0xCE
FRAME_HEAD_BYTES: Final = 7  # type octet, channel short, size long
FRAME_OVERHEAD_BYTES: Final = 8  # head and end octet

BODY_BYTES_MAX: Final = 512 * 1024 * 1024  # no message is larger, whatever is configured
CONTENT_HEADER_BYTES_MIN: Final = 14  # class, weight, body size, property flags

FRAME_MIN_BYTES: Final = 4096
FRAME_MAX_BEFORE_TUNE_BYTES: Final = 8192
SHORTSTR_BYTES_MAX: Final = 255

CONTENT_TOO_LARGE: Final = 311
NO_ROUTE: Final = 312
NO_CONSUMERS: Final = 313
CONNECTION_FORCED: Final = 320
INVALID_PATH: Final = 402
ACCESS_REFUSED: Final = 403
NOT_FOUND: Final = 404
RESOURCE_LOCKED: Final = 405
PRECONDITION_FAILED: Final = 406
FRAME_ERROR: Final = 501
SYNTAX_ERROR: Final = 502
COMMAND_INVALID: Final = 503
CHANNEL_ERROR: Final = 504
UNEXPECTED_FRAME: Final = 505
RESOURCE_ERROR: Final = 506
NOT_ALLOWED: Final = 530
NOT_IMPLEMENTED: Final = 540
INTERNAL_ERROR: Final = 541

REPLY_NAMES: Final[dict[int, str]] = {
    CONTENT_TOO_LARGE: "CONTENT_TOO_LARGE",
    NO_ROUTE: "NO_ROUTE",
    NO_CONSUMERS: "NO_CONSUMERS",
    CONNECTION_FORCED: "CONNECTION_FORCED",
    INVALID_PATH: "INVALID_PATH",
    ACCESS_REFUSED: "ACCESS_REFUSED",
    NOT_FOUND: "NOT_FOUND",
    RESOURCE_LOCKED: "RESOURCE_LOCKED",
    PRECONDITION_FAILED: "PRECONDITION_FAILED",
    FRAME_ERROR: "FRAME_ERROR",
    SYNTAX_ERROR: "SYNTAX_ERROR",
    COMMAND_INVALID: "COMMAND_INVALID",
    CHANNEL_ERROR: "CHANNEL_ERROR",
    UNEXPECTED_FRAME: "UNEXPECTED_FRAME",
    RESOURCE_ERROR: "RESOURCE_ERROR",
    NOT_ALLOWED: "NOT_ALLOWED",
    NOT_IMPLEMENTED: "NOT_IMPLEMENTED",
    INTERNAL_ERROR: "INTERNAL_ERROR",
}

OCTETS_SHOWN_MAX: Final = 64


def octets(data: bytes) -> str:
    """Bytes as RabbitMQ's reply texts show them, cut where it gets long: `<<0,20>>`, or `<<"abc">>` if printable."""
    if not data:
        return "<<>>"
    shown = data[:OCTETS_SHOWN_MAX]
    if all(32 <= octet < 127 for octet in shown):
        return f'<<"{shown.decode()}">>'
    return f"<<{','.join(map(str, shown))}>>"
