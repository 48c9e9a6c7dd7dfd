"""How long the oldest messages wait is known, in memory or not, delivered or not."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from pamqp.commands import Basic, Queue

from broker.config import Config
from broker.introspection.ages import MARKS_MAX, Marks
from broker.introspection.infos import QueueInfo
from broker.introspection.pages import at_once
from broker.introspection.sampler import Sampler
from broker.introspection.window import Introspection
from broker.management import shapes
from broker.queues.paging import MemoryBudget
from storage.files import OsFiles, make_folder
from storage.local import LocalJournal, LogSettings
from storage.worker import InlineWorker
from tests.support.sansio import START_MS, SansBroker, SansClient

ROUND_MS = 5000
A_WHILE_MS = 100  # for a round to come to its end


class Watched:
    """A broker that samples, and one client with a channel and a queue."""

    def __init__(self, broker: SansBroker) -> None:
        self.broker = broker
        sampler = Sampler(broker.node)
        self.window = Introspection(broker.node, (), sampler)
        sampler.start()
        self.client: SansClient = broker.connect().open()
        self.client.channel()

    def queue(self) -> QueueInfo:
        return self.window.queues().items[0]


def watched() -> Watched:
    one = Watched(SansBroker())
    one.client.answer(1, Queue.Declare(queue="q"))
    return one


def test_the_oldest_ready_message_gets_older_until_it_is_taken() -> None:
    one = watched()
    assert one.queue().oldest_ready_ms is None
    one.client.publish(1, "", "q", b"first")
    one.broker.advance(7000)
    one.client.publish(1, "", "q", b"second")
    one.broker.advance(1000)
    assert one.queue().oldest_ready_ms == 8000
    one.client.call(1, Basic.Get(0, "q", True))
    assert one.queue().oldest_ready_ms == 1000
    one.client.call(1, Basic.Get(0, "q", True))
    assert one.queue().oldest_ready_ms is None


def test_a_requeued_message_is_as_old_as_it_was() -> None:
    one = watched()
    one.client.publish(1, "", "q", b"first")
    one.client.call(1, Basic.Get(0, "q"))
    one.broker.advance(3000)
    one.client.method(1, Basic.Nack(1, False, True))
    one.broker.turn()
    assert one.queue().oldest_ready_ms == 3000


def test_the_oldest_of_all_priorities_counts() -> None:
    one = Watched(SansBroker())
    one.client.answer(1, Queue.Declare(queue="q", arguments={"x-max-priority": 9}))
    one.client.publish(1, "", "q", b"low", Basic.Properties(priority=1))
    one.broker.advance(2000)
    one.client.publish(1, "", "q", b"high", Basic.Properties(priority=9))
    one.broker.advance(1000)
    assert one.queue().oldest_ready_ms == 3000


def test_the_publishers_timestamp_of_the_head_is_shown() -> None:
    one = watched()
    at = datetime(2024, 1, 1, tzinfo=UTC)
    one.client.publish(1, "", "q", b"1", Basic.Properties(timestamp=at, headers={"task": "add"}, message_id="7"))
    assert one.queue().head_message_timestamp == int(at.timestamp())
    assert shapes.queue(one.queue())["head_message_timestamp"] == int(at.timestamp()), "so HTTP has it too"
    one.client.call(1, Basic.Get(0, "q", True))
    one.client.publish(1, "", "q", b"2")
    assert one.queue().head_message_timestamp is None


def test_what_is_only_on_the_disk_is_as_old_as_the_log_says(tmp_path: Path) -> None:
    def restarted(now_ms: int) -> Watched:
        make_folder(tmp_path / "log")
        return Watched(SansBroker(Config(), disk, InlineWorker(), lambda timers, clock_ms: LocalJournal(
            OsFiles(tmp_path / "log"), InlineWorker(), InlineWorker(), timers, clock_ms, LogSettings()
        ), MemoryBudget(10_000_000), now_ms))  # fmt: skip

    disk = SansBroker().disk
    before = restarted(START_MS)
    before.client.answer(1, Queue.Declare(queue="q", durable=True))
    before.client.publish(1, "", "q", b"kept", Basic.Properties(delivery_mode=2))
    before.broker.advance(ROUND_MS)
    before.broker.node.journal.close()
    after = restarted(START_MS + 60_000)
    assert after.queue().messages_ready == 1
    assert after.queue().oldest_ready_ms is None, "nobody has looked yet"
    after.broker.advance(2 * ROUND_MS)
    assert after.queue().oldest_ready_ms == 70_000


def test_an_unacknowledged_message_gets_older_by_rounds() -> None:
    one = watched()
    one.client.publish(1, "", "q", b"first")
    one.client.publish(1, "", "q", b"second")
    assert one.queue().oldest_unacknowledged_ms is None
    one.client.call(1, Basic.Get(0, "q"))
    one.broker.advance(3 * ROUND_MS)
    age_ms = one.queue().oldest_unacknowledged_ms
    assert age_ms is not None
    assert 2 * ROUND_MS <= age_ms <= 3 * ROUND_MS
    one.client.call(1, Basic.Get(0, "q"))
    one.client.method(1, Basic.Ack(1))
    one.broker.advance(ROUND_MS + A_WHILE_MS)
    assert one.queue().oldest_unacknowledged_ms == 0, "the second has been there for less than a round"
    one.client.method(1, Basic.Ack(2))
    one.broker.turn()
    assert one.queue().oldest_unacknowledged_ms is None


def test_a_channel_tells_its_queues_apart() -> None:
    one = watched()
    one.client.answer(1, Queue.Declare(queue="r"))
    for name in "qr":
        one.client.call(1, Basic.Consume(0, name, name))
        one.client.publish(1, "", name, b"x")
        one.broker.advance(2 * ROUND_MS)
    one.broker.advance(ROUND_MS)
    ages = {info.name: info.oldest_unacknowledged_ms for info in one.window.queues().items}
    assert ages["q"] == (ages["r"] or 0) + 2 * ROUND_MS


def test_marks_stay_few_and_never_tell_too_old() -> None:
    marks = Marks()
    for number in range(1, 200):
        marks.add(number * 10, number, 1)
        assert len(marks) <= MARKS_MAX
        assert marks.delivered_ms(1) == 10, "the oldest is known exactly"
    assert marks.delivered_ms(100) >= 1000
    marks.add(5000, 200, 200)
    assert len(marks) == 1


def test_message_sizes_and_publishers_are_counted() -> None:
    one = watched()
    for size in (1, 100, 101, 101, 20_000):
        one.client.publish(1, "", "q", b"x" * size)
    one.broker.advance(2 * ROUND_MS)
    whole = at_once(one.window.overview())
    assert whole.message_sizes.counts[:5] == (2, 2, 0, 1, 0)
    assert (whole.message_sizes.count, whole.message_sizes.total) == (5, 20_303)
    assert whole.publishers == 1
