"""What clients see of a disk that is full, or fails: blocked and refused publishers, consumers that go on."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace

import pytest
from pamqp import commands
from pamqp.commands import Basic

from broker.config import Config
from storage.commit import RETRY_MS, Timers
from storage.definitions_disk import Disk
from storage.local import LocalJournal, LogSettings
from storage.status import FAILED, FULL, OK
from tests.support.faulty_files import SYNC, WRITE, FaultyFiles
from tests.support.manual_worker import ManualWorker
from tests.support.sansio import Received, SansBroker, SansClient

PERSISTENT = Basic.Properties(delivery_mode=2)
ROUNDS_MAX = 1000


class Station:
    """A broker whose log lies on a test disk, with its workers."""

    def __init__(self, files: FaultyFiles, disk: Disk | None = None) -> None:
        self.files = files
        self.writer, self.reader = ManualWorker(), ManualWorker()
        self.broker = SansBroker(replace(Config(), disk_free_min_bytes=0), disk, journal=self._open)
        self.rest()

    def _open(self, timers: Timers, clock_ms: Callable[[], int]) -> LocalJournal:
        settings = LogSettings(segment_bytes=8192, index_bytes=2048)
        self.log = LocalJournal(self.files, self.writer, self.reader, timers, clock_ms, settings, boot=1)
        return self.log

    def rest(self) -> None:
        """Everybody does what there is to do."""
        for _ in range(ROUNDS_MAX):
            self.broker.turn()
            if not (self.writer.run_one() or self.reader.run_one()):
                return
        raise AssertionError("no rest")

    def advance(self, by_ms: int) -> None:
        """Time passes, in steps small enough for work to follow upon work."""
        for _ in range(10):
            self.broker.advance(by_ms // 10)
            self.rest()

    def client(self) -> SansClient:
        """A client with an open channel 1."""
        client = self.broker.connect().open()
        client.channel(1)
        return client

    def publisher(self) -> SansClient:
        """A client with a channel that confirms."""
        client = self.client()
        assert client.answer(1, commands.Confirm.Select()).name == "Confirm.SelectOk"
        return client

    def publish(self, client: SansClient, *bodies: bytes) -> list[Received]:
        """Publishes persistent messages to queue q, and returns what came back."""
        for body in bodies:
            client.publish(1, "", "q", body, PERSISTENT)
        self.rest()
        return client.take()

    def restarted(self) -> Station:
        """Another broker on what a kill leaves; with room again."""
        files = self.files.after_kill()
        files.room_bytes = None
        return Station(files, self.broker.disk)


def declared() -> Station:
    """A station with the durable queue q."""
    station = Station(FaultyFiles())
    client = station.client()
    client.method(1, commands.Queue.Declare(queue="q", durable=True))
    station.rest()
    assert client.take(1)[0].name == "Queue.DeclareOk"
    return station


def names(received: list[Received]) -> list[str]:
    return [event.name for event in received]


def bodies_of(station: Station) -> list[bytes]:
    """All that is in queue q, got without being settled."""
    client = station.client()
    found: list[bytes] = []
    while True:
        client.method(1, Basic.Get(queue="q"))
        station.rest()
        (event,) = client.take(1)
        if event.name == "Basic.GetEmpty":
            return found
        found.append(event.body)


def consumer(station: Station) -> SansClient:
    """A client that consumes q and has to acknowledge."""
    client = station.client()
    client.method(1, Basic.Consume(queue="q"))
    station.rest()
    return client


def filled() -> tuple[Station, SansClient]:
    """A station whose disk is full, and a publisher with two messages confirmed and one refused."""
    station = declared()
    publisher = station.publisher()
    assert names(station.publish(publisher, b"one", b"two")) == ["Basic.Ack"]
    station.files.room_bytes = station.files.used_bytes() + 20
    assert sorted(names(station.publish(publisher, b"x" * 100))) == ["Basic.Nack", "Connection.Blocked"]
    assert station.log.state == FULL
    return station, publisher


def test_on_a_full_disk_publishers_are_refused_and_blocked() -> None:
    station, publisher = filled()
    assert station.publish(publisher, b"unread") == []
    assert not publisher.transport.is_reading
    assert station.broker.node.alarms.active() == ["log"]
    assert station.broker.node.alarms.reason() == "low on disk"


def test_on_a_full_disk_consumers_go_on() -> None:
    station, _ = filled()
    client = consumer(station)
    deliveries = client.take(1)
    assert [event.body for event in deliveries if event.name == "Basic.Deliver"][:2] == [b"one", b"two"]
    client.method(1, Basic.Ack(2, multiple=True))
    station.rest()
    client.lose()
    station.rest()
    assert b"one" not in bodies_of(station)
    assert station.log.state == FULL


def test_when_there_is_room_publishing_resumes_by_itself() -> None:
    station, publisher = filled()
    station.publish(publisher, b"while blocked")
    station.advance(10 * RETRY_MS)
    assert publisher.take() == []
    station.files.room_bytes = None
    station.advance(10 * RETRY_MS)
    assert station.log.state == OK
    assert sorted(names(publisher.take())) == ["Basic.Ack", "Connection.Unblocked"]
    assert names(station.publish(publisher, b"after")) == ["Basic.Ack"]
    left = bodies_of(station.restarted())
    assert [body for body in left if body != b"x" * 100] == [b"one", b"two", b"while blocked", b"after"]


def test_what_was_confirmed_before_the_disk_was_full_outlives_a_kill() -> None:
    station, _ = filled()
    assert bodies_of(station.restarted())[:2] == [b"one", b"two"]


def test_a_transaction_on_a_full_disk_is_not_committed() -> None:
    station = declared()
    client = station.client()
    assert client.answer(1, commands.Tx.Select()).name == "Tx.SelectOk"
    station.files.room_bytes = station.files.used_bytes() + 20
    client.publish(1, "", "q", b"x" * 100, PERSISTENT)
    client.method(1, commands.Tx.Commit())
    station.rest()
    received = client.take()
    assert "Tx.CommitOk" not in names(received)
    assert "Channel.Close" in names(received)
    assert bodies_of(station.restarted()) == []


@pytest.mark.parametrize("kind", [SYNC, WRITE])
def test_after_a_failed_sync_or_write_publishers_are_refused_for_good(
    kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    station = declared()
    publisher = station.publisher()
    assert names(station.publish(publisher, b"one", b"two")) == ["Basic.Ack"]
    station.files.fail(kind, name_part=".log")
    with caplog.at_level(logging.ERROR, "leveret.storage"):
        received = station.publish(publisher, b"three")
    assert sorted(names(received)) == ["Basic.Nack", "Connection.Blocked"]
    (blocked,) = [event.frame for event in received if event.name == "Connection.Blocked"]
    assert "nothing is confirmed until a restart" in blocked.reason
    assert [record.message for record in caplog.records if "nothing is confirmed until a restart" in record.message]
    station.advance(20 * RETRY_MS)
    late = station.publisher()
    assert "Basic.Ack" not in names(station.publish(late, b"late"))
    assert "Connection.Unblocked" not in names(publisher.take())
    assert station.log.state == FAILED
    assert consumer(station).take(1)[0].name == "Basic.ConsumeOk"
    restarted = station.restarted()
    assert bodies_of(restarted)[:2] == [b"one", b"two"]
    assert names(restarted.publish(restarted.publisher(), b"four")) == ["Basic.Ack"]
