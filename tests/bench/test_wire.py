"""The load's own frames and counts: strides, acknowledgements, confirms, order."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator

import pytest

from bench import frames
from bench.connection import BrokerError
from bench.frames import Stride
from bench.loops import drain
from bench.rig import Load
from bench.wire import ACK, AckFrames, Confirms, Consumer, Lost, Producer

ACKS = AckFrames.AHEAD
EXCHANGE, KEY, SIZE_BYTES = "x", "key", 40
HEAD = frames.properties(persistent=False, priority=3)


def delivery(tag: int, number: int) -> bytes:
    method = frames.method(60, 60, frames.short(frames.TAG) + struct.pack(">QB", tag, 0) + b"\x01x\x03key")
    header = frames.frame(frames.HEADER, 1, struct.pack(">HHQ", 60, 0, SIZE_BYTES) + HEAD)
    return method + header + frames.frame(frames.BODY, 1, frames.body(SIZE_BYTES, number, due_ns=tag * 10))


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    near, far = socket.socketpair()
    with near, far:
        yield near, far


def consumer(sock: socket.socket, acks: AckFrames | None = None, step: int = 1) -> Consumer:
    return Consumer(sock, Stride(EXCHANGE, KEY, len(HEAD), SIZE_BYTES), acks, 0, step, 3)


def test_stride_is_a_deliverys_layout() -> None:
    stride, raw = Stride(EXCHANGE, KEY, len(HEAD), SIZE_BYTES), delivery(77, 5)
    assert stride.length == len(raw)
    assert raw[stride.tag_at : stride.tag_at + 8] == (77).to_bytes(8, "big")
    assert frames.STAMP.unpack_from(raw, stride.body_at) == (770, 5)


def test_block_is_a_row_of_messages_of_equal_length() -> None:
    block = frames.Block("x", ["a.b", "c.d"], [HEAD], SIZE_BYTES, 4)
    block.renew()
    assert block.raw == b"".join(
        frames.content("x", key, HEAD, frames.body(SIZE_BYTES, number))
        for number, key in enumerate(["a.b", "c.d", "a.b", "c.d"])
    )


def test_block_refuses_keys_of_two_lengths() -> None:
    with pytest.raises(AssertionError):
        frames.Block("x", ["a", "bb"], [HEAD], SIZE_BYTES, 2)


@pytest.mark.parametrize("span", [(1, 3), (ACKS - 1, ACKS + 1), (5 * ACKS, 5 * ACKS), (ACKS * 2**16, ACKS * 2**16 + 2)])
def test_acks_across_pages(span: tuple[int, int]) -> None:
    first, last = span
    raw = b"".join(AckFrames().between(first, last))
    assert [fields[5] for fields in ACK.iter_unpack(raw)] == list(range(first, last + 1))


def test_acks_turn_back_to_an_earlier_page() -> None:
    acks = AckFrames()
    acks.between(ACKS * 3, ACKS * 3)
    assert ACK.unpack(acks.between(2, 2)[0])[5] == 2


def confirm(tag: int, multiple: int = 0) -> bytes:
    return ACK.pack(1, 1, 13, 60, 80, tag, multiple, 0xCE)


def test_confirms_count_singles_multiples_and_gaps() -> None:
    confirms = Confirms()
    confirms.take(confirm(2) + confirm(5))
    assert (confirms.low, confirms.count) == (0, 2)
    confirms.take(confirm(3, multiple=1))
    assert (confirms.low, confirms.count) == (3, 4)
    confirms.take(confirm(4))
    assert (confirms.low, confirms.count) == (5, 5)
    confirms.take(confirm(4, multiple=1))
    assert confirms.count == 5


def test_a_nack_is_no_confirm() -> None:
    with pytest.raises(BrokerError, match=r"60\.120"):
        Confirms().take(ACK.pack(1, 1, 13, 60, 120, 1, 0, 0xCE))


def test_consumer_counts_and_acknowledges_split_deliveries(pair: tuple[socket.socket, socket.socket]) -> None:
    near, far = pair
    counting = consumer(near, AckFrames())
    raw = delivery(1, 0) + delivery(2, 1) + delivery(3, 2) + delivery(4, 0)
    for part in (raw[:30], raw[30:300], raw[300:]):
        far.sendall(part)
        counting.receive()
    assert counting.count == 4
    assert [fields[5] for fields in ACK.iter_unpack(far.recv(4096))] == [1, 2, 3, 4]


@pytest.mark.parametrize("wrong", [delivery(2, 0), delivery(1, 1)])
def test_a_hole_is_seen(pair: tuple[socket.socket, socket.socket], wrong: bytes) -> None:
    pair[1].sendall(wrong)
    with pytest.raises(Lost, match="expected"):
        consumer(pair[0]).receive()


def test_order_is_not_checked_where_there_is_none(pair: tuple[socket.socket, socket.socket]) -> None:
    pair[1].sendall(delivery(1, 2))
    assert consumer(pair[0], step=0).receive() == 1


def test_a_closed_channel_is_named(pair: tuple[socket.socket, socket.socket]) -> None:
    pair[1].sendall(frames.method(20, 40, struct.pack(">H", 404) + frames.short("NOT_FOUND") + b"\0\0\0\0"))
    with pytest.raises(BrokerError, match="404 NOT_FOUND"):
        consumer(pair[0]).receive()


def test_producer_keeps_its_window(pair: tuple[socket.socket, socket.socket]) -> None:
    near, far = pair
    block = frames.Block("", ["k"], [HEAD], SIZE_BYTES, 4)
    message_bytes = block.message_bytes
    producer = Producer(near, block, window=4)
    assert producer.allowed_bytes() == 4 * message_bytes
    producer.send(3 * message_bytes + 1)
    assert (producer.sent, producer.is_whole) == (4, False)
    assert producer.allowed_bytes() == message_bytes - 1
    producer.finish()
    assert (producer.sent, producer.is_whole, producer.allowed_bytes()) == (4, True, 0)
    far.sendall(confirm(1))
    producer.receive()
    assert producer.allowed_bytes() == 0  # less than half of the window
    far.sendall(confirm(4, multiple=1)[:10])
    producer.receive()
    far.sendall(confirm(4, multiple=1)[10:])
    producer.receive()
    assert producer.is_confirmed
    assert producer.allowed_bytes() == 4 * message_bytes


def test_producer_ends_after_its_most_and_times_each_send_to_its_confirm(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    near, far = pair
    block = frames.Block("", ["k"], [HEAD], SIZE_BYTES, 4)
    producer = Producer(near, block, window=4, most=6)
    producer.send(producer.allowed_bytes())
    assert (producer.sent, producer.allowed_bytes(), len(producer.waits_ns)) == (4, 0, 0)
    far.sendall(confirm(4, multiple=1))
    producer.receive()
    assert len(producer.waits_ns) == 1
    producer.send(producer.allowed_bytes())
    assert (producer.sent, producer.is_spent, producer.allowed_bytes()) == (6, True, 0)
    far.sendall(confirm(6))
    producer.receive()
    assert len(producer.waits_ns) == 1  # number 5 is missing
    far.sendall(confirm(5))
    producer.receive()
    assert len(producer.waits_ns) == 2
    assert producer.is_confirmed


CANCEL = b"cancel"
CANCEL_OK = frames.method(60, 31, frames.short(frames.TAG))


@pytest.mark.parametrize("fed", [0, 100, 10**6])
def test_drain_counts_what_comes_until_the_cancellation_is_answered(
    pair: tuple[socket.socket, socket.socket], fed: int
) -> None:
    near, far = pair
    raw = b"".join(delivery(tag, (tag - 1) % 3) for tag in range(1, 6))
    counting = consumer(near, AckFrames())
    counting.feed(raw[:fed])
    far.sendall(raw[fed:] + CANCEL_OK)
    _, reached = drain(counting, 3, CANCEL)
    assert 3 <= reached <= counting.count == 5
    sent = far.recv(4096)
    assert CANCEL in sent
    assert [fields[5] for fields in ACK.iter_unpack(sent.replace(CANCEL, b""))] == [1, 2, 3, 4, 5]


def test_celery_properties_differ_in_their_ids_only() -> None:
    one, other = frames.celery_properties(1), frames.celery_properties(1999)
    assert len(one) == len(other)
    assert one.count(b"00000001-5c1e") == 3  # id and root_id in the headers, and the correlation id
    assert one != other


def test_a_block_of_unlike_messages_has_new_ids_each_time_round() -> None:
    heads = [[frames.celery_properties(number, turn) for number in range(3)] for turn in (0, frames.LATER)]
    block = frames.Block("x", ["key"], heads[0], SIZE_BYTES, 3, heads[1])
    for turn in range(1, 0x12):
        block.renew()
        expected = [frames.celery_properties(number, turn) for number in range(3)]
        assert block.raw == frames.Block("x", ["key"], expected, SIZE_BYTES, 3).raw


def test_producer_renews_its_block_when_it_is_sent(pair: tuple[socket.socket, socket.socket]) -> None:
    near, far = pair
    ids = [[frames.properties(False, message_id=f"{turn:04x}")] for turn in (0, frames.LATER)]
    producer = Producer(near, frames.Block("", ["k"], ids[0], SIZE_BYTES, 1, ids[1]), window=0)
    for turn in (b"0000", b"0001", b"0002"):
        producer.send(producer.allowed_bytes())
        assert turn in far.recv(4096)


@pytest.mark.parametrize(("size_bytes", "count"), [(16, 2000), (1024, 2000), (10_240, 409), (102_400, 40)])
def test_a_block_of_large_messages_has_fewer(size_bytes: int, count: int) -> None:
    assert Load(size_bytes=size_bytes).block_messages == count


def test_a_block_has_every_routing_key() -> None:
    assert Load(topic_bindings=20_000).block_messages == 20_000


def test_confirms_one_by_one_and_in_order_are_taken_as_a_whole() -> None:
    acks = AckFrames()
    confirms, plain = Confirms(acks), Confirms()
    runs = [range(1, 11), range(11, 13), [13, 15, 14, 16, 17], range(18, 40), range(40, ACKS + 100)]
    for run in runs:
        data = b"".join(confirm(tag) for tag in run)
        confirms.take(data)
        plain.take(memoryview(data))
        assert (confirms.low, confirms.count) == (plain.low, plain.count)
    confirms.take(b"".join(confirm(tag) for tag in (ACKS + 101, ACKS + 102, ACKS + 103, ACKS + 104)))
    assert (confirms.low, confirms.count) == (ACKS + 99, ACKS + 103)
