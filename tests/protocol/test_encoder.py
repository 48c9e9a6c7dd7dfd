"""What the server sends is what pamqp reads."""

from __future__ import annotations

import pytest
from pamqp import base, commands
from pamqp.body import ContentBody
from pamqp.frame import unmarshal
from pamqp.header import ContentHeader

from protocol import encoder
from protocol.commands import shortstr
from protocol.outgoing import COPIED_BYTES_MAX, Outgoing

FRAME_MAX = 4096
ROOM = FRAME_MAX - 8
PERSISTENT = b"\x10\x00\x02"
TAIL = shortstr("exchange") + shortstr("ключ")
Read = list[tuple[int, object]]


def read(out: Outgoing) -> Read:
    """Channel and frame of everything in the output; checks the sizes on the way."""
    size = out.size
    data = out.take()
    assert len(data) == size
    assert out.size == 0
    frames: Read = []
    while data:
        used, channel, frame = unmarshal(data)
        assert used <= FRAME_MAX
        assert data[used - 1] == 0xCE
        frames.append((channel, frame))
        data = data[used:]
    return frames


def method_of(frames: Read) -> base.Frame:
    """The first frame, a method on channel 5."""
    channel, frame = frames[0]
    assert channel == 5
    assert isinstance(frame, base.Frame)
    return frame


def content_of(frames: Read) -> tuple[ContentHeader, list[bytes]]:
    """The header and the body frames behind a method."""
    assert {channel for channel, _ in frames} == {5}
    header, *bodies = [frame for _, frame in frames[1:]]
    assert isinstance(header, ContentHeader)
    values = []
    for body in bodies:
        assert isinstance(body, ContentBody)
        assert body.value is not None
        values.append(body.value)
    assert header.body_size == sum(map(len, values))
    return header, values


def test_returned() -> None:
    out = Outgoing()
    encoder.returned(out, 5, 312, "NO_ROUTE", TAIL, PERSISTENT, b"body", FRAME_MAX)
    frames = read(out)
    method = method_of(frames)
    assert isinstance(method, commands.Basic.Return)
    assert (method.reply_code, method.reply_text) == (312, "NO_ROUTE")
    assert (method.exchange, method.routing_key) == ("exchange", "ключ")
    header, bodies = content_of(frames)
    assert (header.properties.delivery_mode, bodies) == (2, [b"body"])


@pytest.mark.parametrize("redelivered", [False, True])
def test_get_ok(redelivered: bool) -> None:
    out = Outgoing()
    encoder.get_ok(out, 5, 1 << 40, redelivered, TAIL, 77, PERSISTENT, b"body", FRAME_MAX)
    frames = read(out)
    method = method_of(frames)
    assert isinstance(method, commands.Basic.GetOk)
    assert (method.delivery_tag, method.redelivered, method.message_count) == (1 << 40, redelivered, 77)
    assert (method.exchange, method.routing_key) == ("exchange", "ключ")
    header, bodies = content_of(frames)
    assert (header.properties.delivery_mode, bodies) == (2, [b"body"])


@pytest.mark.parametrize(
    ("size", "sizes"),
    [
        (0, []), (1, [1]), (ROOM - 1, [ROOM - 1]), (ROOM, [ROOM]), (ROOM + 1, [ROOM, 1]), (2 * ROOM, [ROOM, ROOM]),
        (3 * ROOM + 5, [ROOM, ROOM, ROOM, 5]),
    ],
)  # fmt: skip
def test_a_body_is_split_at_the_frame_size(size: int, sizes: list[int]) -> None:
    body = bytes(at % 251 for at in range(size))
    for returned in (False, True):
        out = Outgoing()
        if returned:
            encoder.returned(out, 5, 312, "NO_ROUTE", TAIL, b"\x00\x00", body, FRAME_MAX)
        else:
            encoder.get_ok(out, 5, 1, False, TAIL, 0, b"\x00\x00", body, FRAME_MAX)
        _, bodies = content_of(read(out))
        assert [len(part) for part in bodies] == sizes
        assert b"".join(bodies) == body


@pytest.mark.parametrize("name", ["q", "", "очередь", "n" * 255])
def test_declare_ok(name: str) -> None:
    out = Outgoing()
    encoder.queue_declare_ok(out, 5, name, 12, 3)
    method = method_of(read(out))
    assert isinstance(method, commands.Queue.DeclareOk)
    assert (method.queue, method.message_count, method.consumer_count) == (name, 12, 3)


def test_counts_beyond_the_field_stop_at_its_end() -> None:
    out = Outgoing()
    encoder.queue_declare_ok(out, 5, "q", 1 << 33, 3)
    method = method_of(read(out))
    assert isinstance(method, commands.Queue.DeclareOk)
    assert method.message_count == 0xFFFFFFFF
    out = Outgoing()
    encoder.get_ok(out, 5, 1, False, TAIL, 1 << 33, b"\x00\x00", b"", FRAME_MAX)
    method = method_of(read(out))
    assert isinstance(method, commands.Basic.GetOk)
    assert method.message_count == 0xFFFFFFFF


def test_close_of_a_connection_is_on_channel_0() -> None:
    out = Outgoing()
    encoder.close_connection(out, 320, "CONNECTION_FORCED - bye", 60, 40)
    frames = read(out)
    channel, method = frames[0]
    assert channel == 0
    assert isinstance(method, commands.Connection.Close)
    assert (method.reply_code, method.reply_text) == (320, "CONNECTION_FORCED - bye")
    assert (method.class_id, method.method_id) == (60, 40)


def test_close_of_a_channel() -> None:
    out = Outgoing()
    encoder.close_channel(out, 5, 404, "NOT_FOUND - no queue 'ы'", 50, 10)
    method = method_of(read(out))
    assert isinstance(method, commands.Channel.Close)
    assert (method.reply_code, method.reply_text) == (404, "NOT_FOUND - no queue 'ы'")
    assert (method.class_id, method.method_id) == (50, 10)


def test_output_grows_at_its_end() -> None:
    out = Outgoing()
    out.write(b"before")
    encoder.method(out, 5, commands.Basic.QosOk())
    data = out.take()
    assert data.startswith(b"before")
    assert unmarshal(data[6:])[2].name == "Basic.QosOk"


@pytest.mark.parametrize("size", [0, 1, COPIED_BYTES_MAX, COPIED_BYTES_MAX + 1, 5 * COPIED_BYTES_MAX])
def test_pieces_of_any_size_keep_their_order(size: int) -> None:
    out = Outgoing()
    large = bytes(size)
    for piece in (b"a", large, b"b", large, b"c"):
        out.write(piece)
    assert out.size == 3 + 2 * size
    assert out.take() == b"a" + large + b"b" + large + b"c"
    assert (out.size, out.take()) == (0, b"")
