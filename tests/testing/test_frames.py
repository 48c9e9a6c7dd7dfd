"""A connection's bytes seen frame by frame: refused publishes are taken out, confirms get the client's numbers."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pamqp import commands
from pamqp.body import ContentBody
from pamqp.commands import Basic
from pamqp.frame import marshal, unmarshal
from pamqp.header import ContentHeader

from broker.testing.frames import FRAME_BYTES_MAX, FrameWatch
from protocol.constants import PROTOCOL_HEADER

SELECT = marshal(commands.Confirm.Select(), 1)
OPEN = marshal(commands.Connection.Open(virtual_host="shop"), 0)


def published(key: str, body: bytes = b"x", channel: int = 1) -> bytes:
    frames = [Basic.Publish(exchange="e", routing_key=key), ContentHeader(0, len(body), Basic.Properties())]
    frames += [ContentBody(body[at : at + 3]) for at in range(0, len(body), 3)]
    return b"".join(marshal(frame, channel) for frame in frames)


def watch(refuses: Callable[[str, str], bool] = lambda _, key: key == "no") -> FrameWatch:
    return FrameWatch(refuses, lambda _: None)


def confirms(data: bytes) -> list[tuple[str, int, bool]]:
    """Name, number and multiple of each confirm."""
    found = []
    while data:
        size, _, frame = unmarshal(data)
        found.append((frame.name, frame.delivery_tag, frame.multiple))
        data = data[size:]
    return found


def ack(number: int, multiple: bool = False, channel: int = 1) -> bytes:
    return marshal(Basic.Ack(number, multiple), channel)


@pytest.mark.parametrize("step", [1, 2, 7, 8, 9, 10_000])
def test_refused_messages_are_taken_out_wherever_the_bytes_are_cut(step: int) -> None:
    sent = [PROTOCOL_HEADER, OPEN, SELECT, published("a"), published("no", b"1234567"), published("no", b""),
            published("b", b"1234567")]  # fmt: skip
    data, one = b"".join(sent), watch()
    passed = nacks = b""
    for at in range(0, len(data), step):
        more, refused = one.received(data[at : at + step])
        passed, nacks = passed + more, nacks + refused
    assert passed == b"".join(sent[:4]) + sent[6]
    assert confirms(nacks) == [("Basic.Nack", 2, False), ("Basic.Nack", 3, False)]
    assert one.vhost == "shop"
    others, taken = one.sending(ack(1) + ack(2, multiple=True), takes_confirms=False)
    assert (confirms(others), taken) == ([("Basic.Ack", 1, False), ("Basic.Ack", 4, True)], b"")


def test_numbers_are_those_of_the_client() -> None:
    one = watch()
    one.received(PROTOCOL_HEADER + SELECT + b"".join(map(published, ["no", "a", "no", "no", "b", "c", "no"])))
    others, _ = one.sending(b"".join(map(ack, [1, 2, 3])), takes_confirms=False)
    assert [number for _, number, _ in confirms(others)] == [2, 5, 6]


def test_channels_count_for_themselves_and_anew() -> None:
    one = watch()
    again = marshal(commands.Channel.Close(200, "", 0, 0), 1) + marshal(commands.Channel.Open(), 1) + SELECT
    _, nacks = one.received(PROTOCOL_HEADER + SELECT + marshal(commands.Confirm.Select(), 2) + published("a")
                            + published("no", channel=2) + published("no") + again + published("no"))  # fmt: skip
    assert [number for _, number, _ in confirms(nacks)] == [1, 2, 1]
    assert one.sending(ack(1, channel=3), takes_confirms=True) == (ack(1, channel=3), b""), "not in confirm mode"


def test_without_confirms_nothing_is_refused() -> None:
    data = PROTOCOL_HEADER + published("no")
    assert watch().received(data) == (data, b"")


def test_confirms_are_taken_apart_from_the_rest() -> None:
    one = watch()
    one.received(PROTOCOL_HEADER + SELECT)
    deliver = marshal(Basic.Deliver("tag", 1, False, "", "q"), 1) + marshal(ContentBody(ack(7)), 1)
    assert one.sending(deliver + ack(1) + ack(2), takes_confirms=True) == (deliver, ack(1) + ack(2))


def test_what_is_no_amqp_passes() -> None:
    for data in (
        b"GET / HTTP/1.1\r\n\r\n",
        PROTOCOL_HEADER + b"\x01\x00\x01" + (FRAME_BYTES_MAX + 1).to_bytes(4, "big"),
    ):
        one = watch()
        assert one.received(data) == (data, b"")
        assert one.received(b"more") == (b"more", b"")
