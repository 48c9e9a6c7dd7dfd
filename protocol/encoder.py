"""What the server sends, as bytes added to an output. Must not: decide what is sent or when."""

from __future__ import annotations

from struct import Struct
from typing import Final

from pamqp import base, commands

from protocol.commands import shortstr
from protocol.methods import encode_method
from protocol.outgoing import Outgoing
from protocol.wire import content_frames, method_frame

LONG_MAX: Final = 0xFFFFFFFF
_counts: Final = Struct(">II").pack


def method(out: Outgoing, channel: int, frame: base.Frame) -> None:
    """A method without content."""
    out.write(encode_method(channel, frame))


def returned(
    out: Outgoing, channel: int, code: int, text: str, tail: bytes, properties: bytes, body: bytes, frame_max: int
) -> None:
    """A basic.return of a message nobody took; `tail` is exchange and routing key as short strings.

    Spec: 1.8.3.8.
    """
    arguments = b"\x00\x3c\x00\x32" + code.to_bytes(2, "big") + shortstr(text) + tail
    _with_content(out, channel, arguments, properties, body, frame_max)


def get_ok(
    out: Outgoing, channel: int, delivery_tag: int, redelivered: bool, tail: bytes, message_count: int,
    properties: bytes, body: bytes, frame_max: int,
) -> None:  # fmt: skip
    """A basic.get-ok with its message.

    Spec: 1.8.3.11.
    """
    arguments = b"".join((
        b"\x00\x3c\x00\x47", delivery_tag.to_bytes(8, "big"), b"\x01" if redelivered else b"\x00", tail,
        min(message_count, LONG_MAX).to_bytes(4, "big"),
    ))  # fmt: skip
    _with_content(out, channel, arguments, properties, body, frame_max)


def _with_content(
    out: Outgoing, channel: int, arguments: bytes, properties: bytes, body: bytes, frame_max: int
) -> None:
    out.write(method_frame(channel, arguments))
    content_frames(out, channel, properties, body, frame_max)


def queue_declare_ok(out: Outgoing, channel: int, name: str, message_count: int, consumer_count: int) -> None:
    """A queue.declare-ok; its name may be any the server takes, pamqp's own method knows fewer.

    Spec: 1.7.2.2.
    """
    arguments = b"\x00\x32\x00\x0b" + shortstr(name) + _counts(min(message_count, LONG_MAX), consumer_count)
    out.write(method_frame(channel, arguments))


def close_connection(out: Outgoing, code: int, text: str, class_id: int, method_id: int) -> None:
    """A connection.close with a text that is whole already.

    Spec: 1.4.2.10.
    """
    method(out, 0, commands.Connection.Close(code, text, class_id, method_id))


def close_channel(out: Outgoing, channel: int, code: int, text: str, class_id: int, method_id: int) -> None:
    """A channel.close with a text that is whole already.

    Spec: 1.5.2.5.
    """
    method(out, channel, commands.Channel.Close(code, text, class_id, method_id))
