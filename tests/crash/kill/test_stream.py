"""A stream over SIGKILL: what was confirmed is there, offsets stay those of their messages, names go on."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from pamqp.commands import Basic, Queue

from broker.definitions.values import decode_offset
from storage.definitions_disk import FILE_NAME
from tests.support.brokers import RestartableBroker
from tests.support.raw import RawConnection
from tests.support.raw_channel import RawChannel
from tests.support.raw_frames import Content
from tests.support.waiting import wait_until

STREAM = {"x-queue-type": "stream"}
ROUNDS = 2
EACH = 40


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[RestartableBroker]:
    with RestartableBroker(tmp_path) as one:
        one.launch()
        one.await_ready()
        yield one


def channel_of(broker: RestartableBroker) -> RawChannel:
    """A channel of a new connection, with a large prefetch."""
    channel = RawConnection(broker.host, broker.port).log_in().channel()
    channel.qos(10_000)
    return channel


def read_all(channel: RawChannel, stream: str) -> dict[int, bytes]:
    """All retained messages by offset."""
    count = channel.call(Queue.Declare(queue=stream, passive=True), Queue.DeclareOk).message_count
    channel.consume(stream, "all", {"x-stream-offset": "first"})
    found = {offset_of(delivery): delivery.body for delivery in channel.deliveries(count)}
    channel.call(Basic.Cancel("all"), Basic.CancelOk)
    return found


def offset_of(delivery: Content) -> int:
    """The offset that it carries."""
    return int(delivery.properties.headers["x-stream-offset"])


def stored_offset(data_dir: Path, label: str) -> int | None:
    """The offset of a named consumer of stream s as it is on the disk."""
    with sqlite3.connect(f"file:{data_dir / FILE_NAME}?mode=ro", uri=True) as disk:
        row = disk.execute("SELECT value FROM definitions WHERE key = ?", (f"offset/%2F/s/{label}",)).fetchone()
    return decode_offset(row[0]).offset if row is not None else None


def again(broker: RestartableBroker) -> RawChannel:
    """SIGKILL and a new start."""
    broker.kill()
    broker.launch()
    broker.await_ready()
    return channel_of(broker)


def test_confirmed_messages_and_their_offsets_outlive_a_kill(broker: RestartableBroker) -> None:
    channel = channel_of(broker)
    channel.declare_queue("s", STREAM, durable=True)
    sent: list[bytes] = []
    for round_ in range(ROUNDS):
        confirmed = len(sent)
        channel.confirm_select()
        reader = channel_of(broker)
        reader.consume("s", "live")
        bodies = [b"%d-%d" % (round_, number) for number in range(EACH)]
        properties = Basic.Properties(delivery_mode=1 + round_ % 2)
        channel.publish_all("s", bodies[: EACH // 2], properties=properties)
        channel.expect_confirms(1, EACH // 2)
        channel.publish_all("s", bodies[EACH // 2 :], properties=properties)
        seen = {offset_of(delivery): delivery.body for delivery in reader.deliveries(EACH // 4)}
        channel = again(broker)
        found = read_all(channel, "s")
        assert list(found) == list(range(len(found))), "offsets without gaps, in order"
        assert list(found.values())[:confirmed] == sent
        assert list(found.values())[confirmed : confirmed + EACH // 2] == bodies[: EACH // 2]
        assert seen.items() <= found.items(), "an offset that was seen is still that message's"
        sent = list(found.values())


def test_a_named_consumer_goes_on_where_it_has_stopped(broker: RestartableBroker) -> None:
    channel = channel_of(broker)
    channel.declare_queue("s", STREAM, durable=True)
    channel.confirm_select()
    channel.publish_all("s", [b"%d" % number for number in range(10)])
    channel.expect_confirms(1, 10)
    reader = channel_of(broker)
    arguments = {"x-stream-consumer-name": "worker", "x-stream-offset": "first"}
    reader.consume("s", "w", arguments)
    tags = [delivery.method.delivery_tag for delivery in reader.deliveries(10)]
    reader.ack(tags[3], multiple=True)
    wait_until(lambda: stored_offset(broker.data_dir, "worker") == 3, what="the offset on the disk")
    reader.ack(tags[5], multiple=True)
    reader.call(Basic.Cancel("w"), Basic.CancelOk)
    reader.declare_queue("other", durable=True)  # its answer says that what was before it is on the disk too
    reader = again(broker)
    reader.consume("s", "w", arguments)
    assert reader.bodies(4) == [b"6", b"7", b"8", b"9"]


def test_a_deleted_stream_leaves_no_offsets(broker: RestartableBroker) -> None:
    channel = channel_of(broker)
    channel.declare_queue("s", STREAM, durable=True)
    channel.publish("s", b"x")
    channel.consume("s", "w", {"x-stream-consumer-name": "worker", "x-stream-offset": "first"})
    (delivery,) = channel.deliveries(1)
    channel.ack(delivery.method.delivery_tag)
    wait_until(lambda: stored_offset(broker.data_dir, "worker") == 0, what="the offset on the disk")
    channel.send(Queue.Delete(queue="s"))
    while not isinstance(channel.connection.receive(channel.number), Queue.DeleteOk):
        pass
    channel = again(broker)
    assert stored_offset(broker.data_dir, "worker") is None
    assert channel.declare_queue("s", STREAM, durable=True).message_count == 0
