"""The hot frames, in runs: scan publishes and acknowledgements, encode deliveries and confirms.

A stop on every message's way. Must not: know connections or keep state between calls.

A run of publishes on the wire, for messages with the same address, properties and body size:

    | method frame | header frame | body frame head | body | CE | method frame | header frame | ...
    '------------------ prefix -------------------'
    '---------------------- stride -----------------------'
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from librt.strings import BytesWriter, read_i16_be, read_i32_be, read_i64_be, write_i32_be, write_i64_be

from protocol.constants import FRAME_BODY, FRAME_END, FRAME_HEAD_BYTES, FRAME_HEADER, FRAME_METHOD, FRAME_OVERHEAD_BYTES
from protocol.octets import u16, u32, u64
from protocol.outgoing import COPIED_BYTES_MAX, Outgoing

if TYPE_CHECKING:
    from mypy_extensions import i64

ACK_FRAME_BYTES: Final = 21
_ACK_TAG_AT: Final = 11
_SINGLE: Final = FRAME_END  # multiple = 0, frame end
BASIC_ACK: Final = 0x003C0050
BASIC_NACK: Final = 0x003C0078
BASIC_DELIVER: Final = 0x003C003C
_BASIC: Final = 60


def content_extent(data: bytes, pos: int, channel: int, frame_max: int) -> tuple[int, int]:
    """Where the body of a message lies whose header frame starts at `pos`, if all of it is here in one body frame.

    Returns: start and size of the body; size 0 where the content is not whole, not plain or not legal (the
    assembler then says which).
    """
    if len(data) < pos + 22:
        return 0, 0
    size = u32(data, pos + 3)
    if (
        data[pos] != FRAME_HEADER
        or u16(data, pos + 1) != channel
        or size < 14
        or size > frame_max - FRAME_OVERHEAD_BYTES
    ):
        return 0, 0
    body_size = u64(data, pos + 11)
    body_frame = pos + FRAME_OVERHEAD_BYTES + size
    start = body_frame + FRAME_HEAD_BYTES
    end = start + body_size
    if end >= len(data) or data[end] != FRAME_END or data[body_frame - 1] != FRAME_END or not body_size:
        return 0, 0
    if u32(data, pos + 7) != _BASIC << 16 or body_size > frame_max - FRAME_OVERHEAD_BYTES:  # class, and a weight of 0
        return 0, 0
    if data[body_frame] != FRAME_BODY or u16(data, body_frame + 1) != channel or u32(data, body_frame + 3) != body_size:
        return 0, 0
    return start, body_size


def scan_publishes(data: bytes, pos: int, body_at: int, body_size: int, bodies: list[bytes]) -> int:
    """Collects the bodies of the run that starts with the message at `pos`; returns the offset behind the run."""
    prefix = data[pos:body_at]
    prefix_size = len(prefix)
    stride = prefix_size + body_size + 1
    start = pos + stride
    last = len(data) - stride
    while start <= last:
        end = start + stride - 1
        if data[end] != FRAME_END or data[start : start + prefix_size] != prefix:
            break
        bodies.append(data[start + prefix_size : end])
        start += stride
    return start


def scan_acks(data: bytes, pos: int) -> tuple[int, int, int, bool]:
    """Reads the basic.ack at `pos` and those that follow it with consecutive tags.

    Returns: offset behind the run, first tag, last tag, multiple (then the run is one frame).
    """
    first = u64(data, pos + _ACK_TAG_AT)
    bits = u16(data, pos + _ACK_TAG_AT + 8)
    if bits != _SINGLE:
        return pos + ACK_FRAME_BYTES, first, first, bits & 0x0100 != 0
    head, method = read_i64_be(data, pos), read_i32_be(data, pos + 7)
    end: i64 = pos + ACK_FRAME_BYTES
    limit: i64 = len(data) - ACK_FRAME_BYTES
    tag = read_i64_be(data, pos + _ACK_TAG_AT)
    count: i64 = 0
    while end <= limit and read_i64_be(data, end) == head and read_i32_be(data, end + 7) == method:
        if (
            read_i64_be(data, end + _ACK_TAG_AT) != tag + count + 1
            or read_i16_be(data, end + _ACK_TAG_AT + 8) != _SINGLE
        ):
            break
        count += 1
        end += ACK_FRAME_BYTES
    return int(end), first, first + int(count), False


def method_frame(channel: int, arguments: bytes) -> bytes:
    """A whole method frame; `arguments` begin with class and method."""
    writer = BytesWriter()
    _frame_head(writer, FRAME_METHOD, channel, len(arguments))
    writer.write(arguments)
    writer.append(FRAME_END)
    return writer.getvalue()


def _frame_head(writer: BytesWriter, kind: int, channel: int, size: int) -> None:
    writer.append(kind)
    writer.append(channel >> 8)
    writer.append(channel & 0xFF)
    write_i32_be(writer, size)


def content_frames(out: Outgoing, channel: int, properties: bytes, body: bytes, frame_max: int) -> None:
    """Adds a header frame and as many body frames as the frame size asks for.

    Spec: 4.2.6.
    """
    size = len(body)
    _header_frame(out.writer, channel, properties, size)
    limit = frame_max - FRAME_OVERHEAD_BYTES
    for start in range(0, size, limit):
        part = body if size <= limit else body[start : start + limit]
        _frame_head(out.writer, FRAME_BODY, channel, len(part))
        out.write(part)
        out.writer.append(FRAME_END)


def _header_frame(writer: BytesWriter, channel: int, properties: bytes, size: int) -> None:
    _frame_head(writer, FRAME_HEADER, channel, 12 + len(properties))
    write_i32_be(writer, _BASIC << 16)  # class, and a weight of 0
    write_i64_be(writer, size)
    writer.write(properties)
    writer.append(FRAME_END)


def _deliver_head(writer: BytesWriter, channel: int, consumer_tag: bytes, tail: bytes) -> None:
    """The part of basic.deliver before the delivery tag."""
    _frame_head(writer, FRAME_METHOD, channel, 13 + len(consumer_tag) + len(tail))
    write_i32_be(writer, BASIC_DELIVER)
    writer.write(consumer_tag)


def _deliver_middle(
    writer: BytesWriter, channel: int, redelivered: bool, tail: bytes, properties: bytes, size: int
) -> None:
    """What stands between the delivery tag and the body; `size` is that of the one body frame, 0 for none."""
    writer.append(1 if redelivered else 0)
    writer.write(tail)
    writer.append(FRAME_END)
    _header_frame(writer, channel, properties, size)
    if size:
        _frame_head(writer, FRAME_BODY, channel, size)


def encode_deliveries(  # the one hot loop of the deliver lane; every argument is used once a run
    out: Outgoing, channel: int, consumer_tag: bytes, first_tag: int, redelivered: bool, tail: bytes,
    properties: bytes, bodies: list[bytes], frame_max: int,
) -> None:  # fmt: skip
    """Adds basic.deliver with content for each body of a run of equal size; tag and tail are short strings already.

    Spec: 1.8.3.9 (basic.deliver).
    """
    size = len(bodies[0])
    if size > COPIED_BYTES_MAX or size > frame_max - FRAME_OVERHEAD_BYTES:
        _encode_large(out, channel, consumer_tag, first_tag, redelivered, tail, properties, bodies, frame_max)
        return
    writer = out.writer
    tag: i64 = first_tag
    if len(bodies) == 1:
        _deliver_head(writer, channel, consumer_tag, tail)
        write_i64_be(writer, tag)
        _deliver_middle(writer, channel, redelivered, tail, properties, size)
        if size:
            writer.write(bodies[0])
            writer.append(FRAME_END)
        return
    piece = BytesWriter()
    _deliver_head(piece, channel, consumer_tag, tail)
    head = piece.getvalue()
    piece = BytesWriter()
    _deliver_middle(piece, channel, redelivered, tail, properties, size)
    middle = piece.getvalue()
    for body in bodies:
        writer.write(head)
        write_i64_be(writer, tag)
        writer.write(middle)
        if size:
            writer.write(body)
            writer.append(FRAME_END)
        tag += 1


def _encode_large(
    out: Outgoing, channel: int, consumer_tag: bytes, first_tag: int, redelivered: bool, tail: bytes,
    properties: bytes, bodies: list[bytes], frame_max: int,
) -> None:  # fmt: skip
    """Deliveries whose bodies take several frames, or are better not copied once more."""
    for tag, body in enumerate(bodies, first_tag):
        writer = out.writer
        _deliver_head(writer, channel, consumer_tag, tail)
        write_i64_be(writer, tag)
        writer.append(1 if redelivered else 0)
        writer.write(tail)
        writer.append(FRAME_END)
        content_frames(out, channel, properties, body, frame_max)


def encode_numbered_deliveries(
    out: Outgoing, channel: int, consumer_tag: bytes, first_tag: int, tail: bytes, around: tuple[bytes, bytes],
    first_number: int, bodies: list[bytes], frame_max: int,
) -> None:  # fmt: skip
    """The same where each message has its number in its property list, between the two parts of `around`.

    Spec: 1.8.3.9 (basic.deliver).
    """
    before, behind = around
    size = len(bodies[0])
    if size > COPIED_BYTES_MAX or size > frame_max - FRAME_OVERHEAD_BYTES:
        for at, body in enumerate(bodies):
            properties = before + (first_number + at).to_bytes(8, "big") + behind
            _encode_large(out, channel, consumer_tag, first_tag + at, False, tail, properties, [body], frame_max)
        return
    piece = BytesWriter()
    _deliver_head(piece, channel, consumer_tag, tail)
    head = piece.getvalue()
    piece = BytesWriter()
    _deliver_middle(piece, channel, False, tail, before + bytes(8) + behind, size)
    middle = piece.getvalue()
    end = 1 + FRAME_HEAD_BYTES if size else 1  # what stands behind the properties
    middle, rest = middle[: -end - len(behind) - 8], middle[-end - len(behind) :]
    writer = out.writer
    tag: i64 = first_tag
    number: i64 = first_number
    for body in bodies:
        writer.write(head)
        write_i64_be(writer, tag)
        writer.write(middle)
        write_i64_be(writer, number)
        writer.write(rest)
        if size:
            writer.write(body)
            writer.append(FRAME_END)
        tag += 1
        number += 1


def encode_confirm(out: Outgoing, channel: int, index: int, number: int, multiple: bool) -> None:
    """Adds a basic.ack or basic.nack to a publisher, `index` saying which.

    Spec: RabbitMQ's publisher confirms; 1.8.3.13 (basic.ack).
    """
    writer = out.writer
    _frame_head(writer, FRAME_METHOD, channel, 13)
    write_i32_be(writer, index)
    write_i64_be(writer, number)
    writer.append(1 if multiple else 0)
    writer.append(FRAME_END)
