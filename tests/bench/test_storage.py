"""What the bench measures of the disk, when it takes disk use as settled, and its full queues on a real broker."""

from __future__ import annotations

import struct
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench import disk, frames
from bench.brokers import own_broker
from bench.connection import Control
from bench.frames import method, short
from bench.rig import BLOCK_MESSAGES
from bench.scenarios import filling, overdue
from bench.scenarios.depth import with_ratios
from bench.scenarios.space import QUIET_S, ROUND_SEGMENTS, SETTLE_S_MAX, SIZE_BYTES, Settling, round_messages
from bench.settings import MIB, Settings

MESSAGES, PART = 6000, 1000


@pytest.fixture
def settings() -> Iterator[Settings]:
    with tempfile.TemporaryDirectory() as folder:  # pytest's own is too long a path for brokerd's socket
        yield Settings(Path(folder))


def test_disk_measures_something_and_leaves_nothing(tmp_path: Path) -> None:
    assert disk.sync_rate(tmp_path, 0) > 0
    assert list(tmp_path.iterdir()) == []


def test_space_used_is_that_of_all_files_below(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    before = disk.used_bytes(tmp_path)
    (tmp_path / "deep" / "file").write_bytes(bytes(100_000))
    disk.forget(tmp_path)
    assert disk.used_bytes(tmp_path) - before >= 100_000
    assert disk.used_bytes(tmp_path / "none") == 0


def test_settled_is_below_the_bound_and_quiet() -> None:
    settling = Settling(bound_bytes=100, now_s=5.0, used_bytes=300)
    assert not settling.is_over(5.0 + QUIET_S, 300)
    assert not settling.is_over(8.0, 90)
    assert not settling.is_over(8.0 + QUIET_S / 2, 90)
    assert settling.is_over(8.0 + QUIET_S, 90)
    assert (settling.took_s, settling.used_bytes) == (3.0, 90)


def test_settling_ends_above_the_bound_when_time_is_up() -> None:
    settling = Settling(bound_bytes=100, now_s=0.0, used_bytes=300)
    assert not settling.is_over(SETTLE_S_MAX - 1, 200)
    assert settling.is_over(SETTLE_S_MAX, 200)
    assert settling.used_bytes == 200


def test_a_round_of_space_fills_its_segments_with_whole_blocks() -> None:
    for segment_bytes in (MIB, 4 * MIB, 64 * MIB):
        count = round_messages(segment_bytes)
        assert count % BLOCK_MESSAGES == 0
        assert count * SIZE_BYTES >= ROUND_SEGMENTS * segment_bytes


def test_depth_compares_each_consumer_with_the_same_one_from_memory() -> None:
    figures = with_ratios({"memory_acked": 100, "memory_auto": 400, "deep_acked": 50, "cold_auto": 300})
    assert (figures["deep_acked_ratio"], figures["cold_auto_ratio"]) == (0.5, 0.75)
    assert figures["deep_auto_ratio"] is figures["cold_acked_ratio"] is None


def test_others_are_asked_while_messages_expire_and_go_on(settings: Settings) -> None:
    with own_broker(settings) as broker:
        figures = overdue.expire(broker, 2 * PART, 3.0, unlike=True, goes_on=True)
        assert filling.depth(broker) is None, "it is left as it was found"
    assert all((figures[name] or 0) > 0 for name in overdue.SHOWN)


def test_a_full_queue_is_drained_to_the_last_message(settings: Settings) -> None:
    with own_broker(settings) as broker:
        assert filling.depth(broker) is None
        filling.declare(broker, filling.QUEUE)
        assert filling.fill(broker, MESSAGES, unlike=True)["messages"] == MESSAGES
        assert filling.depth(broker) == MESSAGES
        taken = int(filling.drain(broker, PART, True, unlike=True)["messages"] or 0)
        assert PART <= taken < MESSAGES
        assert filling.depth(broker) == MESSAGES - taken
        left = MESSAGES - taken
        assert filling.drain(broker, left, False, first=taken, unlike=True)["messages"] == left
        assert filling.depth(broker) == 0


def test_stragglers_go_to_a_queue_of_their_own(settings: Settings) -> None:
    with own_broker(settings) as broker:
        filling.declare(broker, filling.QUEUE, filling.STRAGGLERS)
        filling.fill(broker, MESSAGES, straggler_every=5)
        filling.drain(broker, MESSAGES - MESSAGES // 5, True, straggler_every=5)
        control = Control(broker.host, broker.port)
        assert control.depth(filling.QUEUE) == 0
        assert control.depth(filling.STRAGGLERS) == MESSAGES // 5
        control.purge(filling.STRAGGLERS)
        assert control.depth(filling.STRAGGLERS) == 0
        control.close()


def test_a_broker_takes_celery_properties_as_a_whole_property_list(settings: Settings) -> None:
    with own_broker(settings) as broker:
        filling.declare(broker, filling.QUEUE)
        control = Control(broker.host, broker.port)
        control.select_confirms()
        properties = frames.celery_properties(7)
        control.call(frames.content("", filling.QUEUE, properties, frames.body(100, 0)), (60, 80))
        control.sock.sendall(method(60, 70, b"\0\0" + short(filling.QUEUE) + b"\1"))
        received = b""
        while not received.endswith(b"x" * 88 + b"\xce"):
            received += control.sock.recv(65536)
        control.close()
    assert struct.pack(">HHQ", 60, 0, 100) + properties in received
