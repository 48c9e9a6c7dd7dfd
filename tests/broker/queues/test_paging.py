"""Queues whose messages are on a slow disk: whoever waits for a load gets an answer, whatever else happens."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pamqp import commands
from pamqp.base import Frame
from pamqp.commands import Basic

from broker.publish_lane import BYTES_A_MESSAGE, UNWRITTEN_BYTES_MAX
from broker.queues.paged import PagedFifo
from broker.queues.paging import Limits, MemoryBudget
from storage.commit import Timers
from storage.journal import Journal
from storage.local import LocalJournal, LogSettings
from storage.worker import InlineWorker
from tests.support.faulty_files import FaultyFiles
from tests.support.manual_worker import ManualWorker
from tests.support.sansio import SansBroker, SansClient

PERSISTENT = Basic.Properties(delivery_mode=2)
LIMITS = Limits(queue_bytes_max=4000, queue_bytes_min=1800, chunk_bytes=300, low_bytes=1600, step_bytes=700)
MESSAGES = 30


class SlowDisk:
    """A broker that writes at once and loads when told to, and a queue that is too long for its memory."""

    def __init__(self) -> None:
        self.reader = ManualWorker()
        self.broker = SansBroker(journal=self._open, budget=MemoryBudget(2 * LIMITS.queue_bytes_max, LIMITS))
        self.client = self.connect()
        self.client.answer(1, commands.Queue.Declare(queue="q", durable=True))
        for number in range(MESSAGES):  # each a batch of its own, and written before the next one
            self.client.publish(1, "", "q", b"%06d" % number, PERSISTENT)
            self.broker.advance(20)
        self.reader.run_all()

    def _open(self, timers: Timers, clock_ms: Callable[[], int]) -> Journal:
        return LocalJournal(FaultyFiles(), InlineWorker(), self.reader, timers, clock_ms, LogSettings(), boot=1)

    def connect(self) -> SansClient:
        """A client with a channel."""
        client = self.broker.connect().open()
        client.channel(1)
        return client

    def waiting_getter(self) -> SansClient:
        """A client that has got everything in memory, and waits for the next message."""
        client = self.connect()
        for _ in range(MESSAGES):
            if not client.call(1, Basic.Get(queue="q", no_ack=True)):
                return client
        raise AssertionError("everything is in memory")


@pytest.fixture
def disk() -> SlowDisk:
    return SlowDisk()


@pytest.mark.parametrize("end", [commands.Queue.Purge(queue="q"), commands.Queue.Delete(queue="q")])
def test_a_get_that_waits_for_a_load_is_answered_when_there_is_nothing_any_more(disk: SlowDisk, end: Frame) -> None:
    getter = disk.waiting_getter()
    assert disk.client.answer(1, end).message_count > 0
    disk.reader.run_all()
    disk.broker.turn()
    assert [event.name for event in getter.take(1)] == ["Basic.GetEmpty"]


def test_a_get_that_waits_for_a_load_gets_it_though_memory_runs_short(disk: SlowDisk) -> None:
    getter = disk.waiting_getter()
    ready = disk.broker.vhost.queues["q"].ready
    assert isinstance(ready, PagedFifo)
    ready.shrink(0)
    disk.reader.run_all()
    disk.broker.turn()
    assert [event.name for event in getter.take(1)] == ["Basic.GetOk"]


def test_publishers_wait_while_the_spool_is_not_written() -> None:
    writer = ManualWorker()

    def spool(timers: Timers, clock_ms: Callable[[], int]) -> Journal:
        return LocalJournal(FaultyFiles(), writer, InlineWorker(), timers, clock_ms, LogSettings(), boot=1)

    limits = Limits(transient_bytes_max=1)
    broker = SansBroker(spool=spool, budget=MemoryBudget(2**40, limits))
    client = broker.connect().open()
    client.channel(1)
    client.answer(1, commands.Queue.Declare(queue="q"))
    body = b"b" * (UNWRITTEN_BYTES_MAX // 8)
    for _ in range(8):
        client.publish(1, "", "q", body)
        broker.turn()
    assert client.connection.backlog == 0
    for _ in range(4):
        client.publish(1, "", "q", body)
        broker.turn()
    assert client.connection.backlog >= len(body) // BYTES_A_MESSAGE
    writer.run_all()
    broker.turn()
    client.publish(1, "", "q", body)
    assert client.connection.backlog == 0


def test_what_comes_behind_messages_of_an_earlier_life_stays_in_its_queue() -> None:
    files = FaultyFiles()

    def log(timers: Timers, clock_ms: Callable[[], int]) -> Journal:
        return LocalJournal(files, InlineWorker(), InlineWorker(), timers, clock_ms, LogSettings(), boot=1)

    first = SansBroker(journal=log)
    client = first.connect().open()
    client.channel(1)
    for queue in ("one", "two"):
        client.answer(1, commands.Queue.Declare(queue=queue, durable=True))
        client.publish(1, "", queue, b"old", PERSISTENT)
    first.advance(20)
    again = SansBroker(journal=log, disk=first.disk)
    client = again.connect().open()
    client.channel(1)
    for queue in ("one", "two"):
        client.publish(1, "", queue, queue.encode(), PERSISTENT)
    again.turn()
    for queue in ("one", "two"):
        found = [client.call(1, Basic.Get(queue=queue, no_ack=True))[0].body for _ in range(2)]
        assert found == [b"old", queue.encode()]
        assert client.call(1, Basic.Get(queue=queue, no_ack=True))[0].name == "Basic.GetEmpty"
