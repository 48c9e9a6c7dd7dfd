"""Bytes of single AMQP frames for tests: builds legal and illegal ones, decodes methods with pamqp.

Must not: open sockets or know what a broker answers.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from pamqp import base, commands, decode, encode, frame
from pamqp.commands import Basic

METHOD, HEADER, BODY, HEARTBEAT = 1, 2, 3, 8
END = 0xCE
HEAD_BYTES = 7
OVERHEAD_BYTES = 8
BASIC_CLASS = 60

Method = base.Frame
AnyMethod = TypeVar("AnyMethod", bound=Method)
CONTENT_METHODS = (Basic.Deliver, Basic.GetOk, Basic.Return)


@dataclass(frozen=True)
class Frame:
    """One frame as it came off the wire."""

    kind: int
    channel: int
    payload: bytes


@dataclass(frozen=True)
class UnknownMethod:
    """A method that pamqp has no class for, such as access.request-ok."""

    class_id: int
    method_id: int
    arguments: bytes


@dataclass(frozen=True)
class Content:
    """A method that carries content, with it; the method's own arguments are readable as attributes."""

    method: Any
    header: bytes
    properties: Basic.Properties
    body: bytes
    frame_sizes: tuple[int, ...]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.method, name)


def method_id(kind: type[Method] | Method) -> tuple[int, int]:
    """Class id and method id of a pamqp method."""
    return kind.index >> 16, kind.index & 0xFFFF


def loose(kind: type[AnyMethod], **arguments: Any) -> AnyMethod:
    """A method with arguments that pamqp's own checks would refuse, such as a name with odd characters."""
    method = kind()
    for name, value in arguments.items():
        assert name in method.attributes(), name
        setattr(method, name, value)
    return method


def frame_bytes(kind: int, channel: int, payload: bytes, end: int = END) -> bytes:
    """One frame of any kind, with any end octet."""
    return struct.pack(">BHI", kind, channel, len(payload)) + payload + bytes([end])


def arguments_bytes(method: Method) -> bytes:
    """A method's arguments; unlike `method.marshal()` this refuses nothing, the broker has to."""
    output: list[bytes] = []
    bits: list[bool] = []
    for name in method.attributes():
        kind, value = method.amqp_type(name), getattr(method, name)
        if kind == "bit":
            bits.append(bool(value))
            continue
        output += [_bits(bits)] if bits else []
        bits = []
        output.append(
            _text(value, kind)
            if kind in ("shortstr", "longstr")
            else encode.by_type(value or 0, kind)
            if kind != "table"
            else encode.field_table(value or {})
        )
    return b"".join(output) + (_bits(bits) if bits else b"")


def _bits(bits: list[bool]) -> bytes:
    return bytes([sum(bit << position for position, bit in enumerate(bits))])


def _text(value: str | bytes | None, kind: str) -> bytes:
    raw = value.encode() if isinstance(value, str) else value or b""
    return struct.pack(">B" if kind == "shortstr" else ">I", len(raw)) + raw


def method_bytes(channel: int, method: Method) -> bytes:
    """A method frame."""
    return raw_method_bytes(channel, *method_id(method), arguments_bytes(method))


def raw_method_bytes(channel: int, class_id: int, method: int, arguments: bytes = b"") -> bytes:
    """A method frame with any ids and any argument bytes."""
    return frame_bytes(METHOD, channel, struct.pack(">HH", class_id, method) + arguments)


def properties_bytes(properties: Basic.Properties | bytes | None) -> bytes:
    """Flags and property list; bytes are taken as they are."""
    if isinstance(properties, bytes):
        return properties
    return (properties or Basic.Properties()).marshal()


def header_bytes(
    channel: int,
    size: int,
    properties: Basic.Properties | bytes | None = None,
    class_id: int = BASIC_CLASS,
    weight: int = 0,
) -> bytes:
    """A content header frame that announces `size` bytes of body."""
    return frame_bytes(HEADER, channel, struct.pack(">HHQ", class_id, weight, size) + properties_bytes(properties))


def body_frames(channel: int, body: bytes, sizes: Iterable[int]) -> bytes:
    """Body frames of the given payload sizes; the last size is repeated until the body is used up."""
    output, offset, size = [], 0, 0
    steps = iter(sizes)
    while offset < len(body):
        size = next(steps, size)
        output.append(frame_bytes(BODY, channel, body[offset : offset + size]))
        offset += size
    return b"".join(output)


def content_bytes(
    channel: int,
    body: bytes,
    properties: Basic.Properties | bytes | None = None,
    sizes: Iterable[int] = (4096 - OVERHEAD_BYTES,),
) -> bytes:
    """Content header and body frames."""
    return header_bytes(channel, len(body), properties) + body_frames(channel, body, sizes)


def decode_method(payload: bytes) -> Any:
    """The method in a method frame's payload."""
    class_id, number = struct.unpack(">HH", payload[:4])
    if (class_id << 16 | number) not in commands.INDEX_MAPPING:
        return UnknownMethod(class_id, number, payload[4:])
    return frame.unmarshal(frame_bytes(METHOD, 0, payload))[2]


def decode_header(payload: bytes) -> tuple[int, Basic.Properties]:
    """Body size in bytes and properties in a content header's payload."""
    decoded: Any = frame.unmarshal(frame_bytes(HEADER, 0, payload))[2]
    return decoded.body_size, decoded.properties


def table_bytes(*fields: tuple[str, bytes]) -> bytes:
    """A field table from names and already typed values, e.g. `("a", b"I\\0\\0\\0\\1")`."""
    raw = b"".join(bytes([len(name)]) + name.encode() + value for name, value in fields)
    return struct.pack(">I", len(raw)) + raw


def decode_table(raw: bytes) -> dict[str, Any]:
    """A field table decoded with pamqp."""
    return decode.field_table(raw)[1]


def describe(received: Any) -> str:
    """A method with its arguments, for messages of failed tests."""
    method = getattr(received, "method", received)
    return f"{method.name} {dict(method)}" if isinstance(method, Method) else repr(method)


def check_close(close: Any, code: int, text: str, ids: tuple[int, int] | None) -> None:
    """Code, part of the text and failing method of a channel.close or connection.close."""
    seen = (close.reply_code, close.reply_text)
    assert close.reply_code == code, seen
    assert text in close.reply_text, seen
    assert ids is None or (close.class_id, close.method_id) == ids, (close.class_id, close.method_id)
