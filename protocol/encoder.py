"""What the server sends, as bytes appended to an output list. Must not: decide what is sent or when.

Every function appends to `out` and returns how many bytes it appended.
"""

from __future__ import annotations

from struct import Struct
from typing import Final

from pamqp import base, commands

from protocol.commands import shortstr
from protocol.methods import encode_method
from protocol.wire import content_frames, frame_head

LONG_MAX: Final = 0xFFFFFFFF
_counts: Final = Struct(">II").pack


def method(out: list[bytes], channel: int, frame: base.Frame) -> int:
    """A method without content."""
    data = encode_method(channel, frame)
    out.append(data)
    return len(data)


def returned(
    out: list[bytes], channel: int, code: int, text: str, tail: bytes, properties: bytes, body: bytes, frame_max: int
) -> int:
    """A basic.return of a message nobody took; `tail` is exchange and routing key as short strings.

    Spec: 1.8.3.8.
    """
    arguments = b"\x00\x3c\x00\x32" + code.to_bytes(2, "big") + shortstr(text) + tail
    return _with_content(out, channel, arguments, properties, body, frame_max)


def get_ok(
    out: list[bytes], channel: int, delivery_tag: int, redelivered: bool, tail: bytes, message_count: int,
    properties: bytes, body: bytes, frame_max: int,
) -> int:  # fmt: skip
    """A basic.get-ok with its message.

    Spec: 1.8.3.11.
    """
    arguments = b"".join((
        b"\x00\x3c\x00\x47", delivery_tag.to_bytes(8, "big"), b"\x01" if redelivered else b"\x00", tail,
        min(message_count, LONG_MAX).to_bytes(4, "big"),
    ))  # fmt: skip
    return _with_content(out, channel, arguments, properties, body, frame_max)


def _with_content(
    out: list[bytes], channel: int, arguments: bytes, properties: bytes, body: bytes, frame_max: int
) -> int:
    data = frame_head.pack(1, channel, len(arguments)) + arguments + b"\xce"
    out.append(data)
    return len(data) + content_frames(out, channel, properties, body, frame_max)


def queue_declare_ok(out: list[bytes], channel: int, name: str, message_count: int, consumer_count: int) -> int:
    """A queue.declare-ok; its name may be any the server takes, pamqp's own method knows fewer.

    Spec: 1.7.2.2.
    """
    arguments = b"\x00\x32\x00\x0b" + shortstr(name) + _counts(min(message_count, LONG_MAX), consumer_count)
    data = frame_head.pack(1, channel, len(arguments)) + arguments + b"\xce"
    out.append(data)
    return len(data)


def close_connection(out: list[bytes], code: int, text: str, class_id: int, method_id: int) -> int:
    """A connection.close with a text that is whole already.

    Spec: 1.4.2.10.
    """
    return method(out, 0, commands.Connection.Close(code, text, class_id, method_id))


def close_channel(out: list[bytes], channel: int, code: int, text: str, class_id: int, method_id: int) -> int:
    """A channel.close with a text that is whole already.

    Spec: 1.5.2.5.
    """
    return method(out, channel, commands.Channel.Close(code, text, class_id, method_id))
