"""The hot frames, in runs: scan publishes and acknowledgements, encode deliveries and confirms.

A stop on every message's way. Must not: know connections or keep state between calls.

A run of publishes on the wire, for messages with the same address, properties and body size:

    | method frame | header frame | body frame head | body | CE | method frame | header frame | ...
    '------------------ prefix -------------------'
    '---------------------- stride -----------------------'
"""

from __future__ import annotations

from struct import Struct
from typing import Final

from protocol.constants import FRAME_BODY, FRAME_END, FRAME_HEAD_BYTES, FRAME_HEADER, FRAME_OVERHEAD_BYTES

frame_head: Final = Struct(">BHI")
_tag_tail: Final = Struct(">QH")  # delivery tag, then the multiple bit and the frame end
_pack_tag: Final = Struct(">Q").pack
_confirm: Final = Struct(">BHIIQBB")
_content_head: Final = Struct(">BHIHHQ")

ACK_FRAME_BYTES: Final = 21
_ACK_TAG_AT: Final = 11
_SINGLE: Final = FRAME_END  # multiple = 0, frame end
BASIC_ACK: Final = 0x003C0050
BASIC_NACK: Final = 0x003C0078
DELIVER_METHOD: Final = b"\x00\x3c\x00\x3c"
_END: Final = b"\xce"


def content_extent(data: bytes, pos: int, channel: int, frame_max: int) -> tuple[int, int]:
    """Where the body of a message lies whose header frame starts at `pos`, if all of it is here in one body frame.

    Returns: start and size of the body; size 0 where the content is not whole, not plain or not legal (the
    assembler then says which).
    """
    if len(data) < pos + 22:
        return 0, 0
    kind, number, size = frame_head.unpack_from(data, pos)
    if kind != FRAME_HEADER or number != channel or size < 14 or size > frame_max - FRAME_OVERHEAD_BYTES:
        return 0, 0
    body_size = int.from_bytes(data[pos + 11 : pos + 19], "big")
    body_frame = pos + FRAME_OVERHEAD_BYTES + size
    start = body_frame + FRAME_HEAD_BYTES
    end = start + body_size
    if end >= len(data) or data[end] != FRAME_END or data[body_frame - 1] != FRAME_END or not body_size:
        return 0, 0
    if data[pos + 7 : pos + 9] != b"\x00\x3c" or body_size > frame_max - FRAME_OVERHEAD_BYTES:
        return 0, 0
    if frame_head.unpack_from(data, body_frame) != (FRAME_BODY, channel, body_size):
        return 0, 0
    return start, body_size


def scan_publishes(data: bytes, pos: int, body_at: int, body_size: int, bodies: list[bytes]) -> int:
    """Collects the bodies of the run that starts with the message at `pos`; returns the offset behind the run."""
    prefix = data[pos:body_at]
    prefix_size = len(prefix)
    stride = prefix_size + body_size + 1
    append = bodies.append
    for start in range(pos + stride, len(data) - stride + 1, stride):
        end = start + stride - 1
        if not data.startswith(prefix, start) or data[end] != FRAME_END:
            return start
        append(data[start + prefix_size : end])
    return pos + stride * (len(bodies))


def scan_acks(data: bytes, pos: int) -> tuple[int, int, int, bool]:
    """Reads the basic.ack at `pos` and those that follow it with consecutive tags.

    Returns: offset behind the run, first tag, last tag, multiple (then the run is one frame).
    """
    first, bits = _tag_tail.unpack_from(data, pos + _ACK_TAG_AT)
    end = pos + ACK_FRAME_BYTES
    if bits != _SINGLE:
        return end, first, first, bits & 0x0100 != 0
    head = data[pos : pos + _ACK_TAG_AT]
    last = first
    unpack = _tag_tail.unpack_from
    limit = len(data) - ACK_FRAME_BYTES
    while end <= limit and data.startswith(head, end):
        if unpack(data, end + _ACK_TAG_AT) != (last + 1, _SINGLE):
            break
        last += 1
        end += ACK_FRAME_BYTES
    return end, first, last, False


def content_frames(out: list[bytes], channel: int, properties: bytes, body: bytes, frame_max: int) -> int:
    """Appends a header frame and as many body frames as the frame size asks for; returns the bytes appended.

    Spec: 4.2.6.
    """
    size = len(body)
    head = _content_head.pack(FRAME_HEADER, channel, 12 + len(properties), 60, 0, size)
    out.append(head + properties + _END)
    total = len(head) + len(properties) + 1
    limit = frame_max - FRAME_OVERHEAD_BYTES
    for start in range(0, size, limit):
        part = body if size <= limit else body[start : start + limit]
        out.append(frame_head.pack(FRAME_BODY, channel, len(part)))
        out.append(part)
        out.append(_END)
        total += len(part) + FRAME_OVERHEAD_BYTES
    return total


def deliver_head(channel: int, consumer_tag: bytes, tail: bytes) -> bytes:
    """The part of basic.deliver before the delivery tag; `consumer_tag` and `tail` are short strings already."""
    size = 13 + len(consumer_tag) + len(tail)
    return frame_head.pack(1, channel, size) + DELIVER_METHOD + consumer_tag


def encode_deliveries(  # the one hot loop of the deliver lane; every argument is used once a run
    out: list[bytes], channel: int, consumer_tag: bytes, first_tag: int, redelivered: bool, tail: bytes,
    properties: bytes, bodies: list[bytes], frame_max: int,
) -> int:  # fmt: skip
    """Appends basic.deliver with content for each body of a run of equal size; returns the bytes appended.

    Spec: 1.8.3.9 (basic.deliver).
    """
    size = len(bodies[0])
    head = deliver_head(channel, consumer_tag, tail)
    if size == 0 or size > frame_max - FRAME_OVERHEAD_BYTES:
        return _encode_split(out, channel, head, first_tag, redelivered, tail, properties, bodies, frame_max)
    middle = b"".join((
        b"\x01" if redelivered else b"\x00", tail, _END,
        _content_head.pack(FRAME_HEADER, channel, 12 + len(properties), 60, 0, size), properties, _END,
        frame_head.pack(FRAME_BODY, channel, size),
    ))  # fmt: skip
    out.append(head)
    between = _END + head
    tag = first_tag
    for body in bodies:
        out += (_pack_tag(tag), middle, body, between)
        tag += 1
    out[-1] = _END
    return len(bodies) * (len(between) + 8 + len(middle) + size)


def _encode_split(
    out: list[bytes], channel: int, head: bytes, first_tag: int, redelivered: bool, tail: bytes,
    properties: bytes, bodies: list[bytes], frame_max: int,
) -> int:  # fmt: skip
    """Deliveries whose bodies take no frame or several."""
    method_tail = (b"\x01" if redelivered else b"\x00") + tail + _END
    total = 0
    for tag, body in enumerate(bodies, first_tag):
        out.append(head + _pack_tag(tag) + method_tail)
        total += len(out[-1]) + content_frames(out, channel, properties, body, frame_max)
    return total


def encode_confirm(channel: int, index: int, number: int, multiple: bool) -> bytes:
    """A basic.ack or basic.nack to a publisher, `index` saying which.

    Spec: RabbitMQ's publisher confirms; 1.8.3.13 (basic.ack).
    """
    return _confirm.pack(1, channel, 13, index, number, multiple, FRAME_END)
