"""The lanes work in batches: counted parses, journal records and writes; slow consumers and alarms."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from pamqp import commands
from pamqp.commands import Basic
from pamqp.frame import marshal

from broker.connections.output import TURN_BYTES_MAX
from broker.model.receipt import Receipt
from broker.tick import Tick
from protocol.commands import Publish
from protocol.heartbeat import HEARTBEAT_FRAME
from storage.journal import Stream
from storage.local import LocalJournal, LogSettings
from storage.memory import MemoryJournal
from storage.worker import InlineWorker
from tests.support.faulty_files import FaultyFiles
from tests.support.sansio import SansBroker, SansClient, publish_frames

KIB = b"k" * 1024


@pytest.fixture
def broker() -> SansBroker:
    """A broker without sockets; hides the process the other tests share."""
    return SansBroker()


@pytest.fixture
def client(broker: SansBroker) -> SansClient:
    client = broker.connect().open()
    client.channel(1)
    return client


def declare(client: SansClient, name: str, **fields: object) -> commands.Queue.DeclareOk:
    frame = client.answer(1, commands.Queue.Declare(queue=name, **fields))
    assert isinstance(frame, commands.Queue.DeclareOk)
    return frame


def writes_during(client: SansClient, action: Callable[[], None]) -> list[bytes]:
    before = len(client.transport.writes)
    action()
    return client.transport.writes[before:]


def test_a_buffer_of_publishes_is_one_command(client: SansClient) -> None:
    engine = client.connection.engine
    engine.receive(publish_frames(1, "", "q", b"x" * 100) * 500)
    command = engine.next_command()
    assert isinstance(command, Publish)
    assert len(command.bodies) == 500
    assert engine.next_command() is None


def test_a_turn_is_one_write_and_one_confirm(broker: SansBroker, client: SansClient) -> None:
    declare(client, "q")
    client.answer(1, commands.Confirm.Select())
    client.answer(1, Basic.Consume(queue="q", no_ack=True))
    data = publish_frames(1, "", "q", b"x" * 100) * 500

    def publish() -> None:
        client.send(data)
        broker.one_turn()

    assert len(writes_during(client, publish)) == 1
    events = client.take()
    assert [event.name for event in events if event.name != "Basic.Deliver"] == ["Basic.Ack"]
    assert events[-1].frame.delivery_tag == 500
    assert events[-1].frame.multiple
    assert len(events) == 501


class CountingJournal(MemoryJournal):
    """Remembers what was appended."""

    def __init__(self) -> None:
        super().__init__()
        self.entries: list[tuple[int, int]] = []  # streams and messages of each
        self.commits: list[bool] = []

    def append(
        self, targets: Sequence[tuple[Stream, int]], stamp_ms: int, head: bytes, items: Sequence[bytes]
    ) -> tuple[int, int]:
        self.entries.append((len(targets), len(items)))
        return super().append(targets, stamp_ms, head, items)

    def commit(self, is_awaited: bool) -> None:
        self.commits.append(is_awaited)
        super().commit(is_awaited)


def test_a_fanout_to_ten_durable_queues_is_one_record() -> None:
    journal = CountingJournal()
    broker = SansBroker(journal=lambda *_: journal)
    client = broker.connect().open()
    client.channel(1)
    for number in range(10):
        declare(client, f"d{number}", durable=True)
        client.answer(1, commands.Queue.Bind(queue=f"d{number}", exchange="amq.fanout"))
    client.send(publish_frames(1, "amq.fanout", "", b"x", Basic.Properties(delivery_mode=2)) * 100)
    broker.turn()
    assert journal.entries == [(10, 100)]
    for number in range(10):
        assert client.answer(1, commands.Queue.Purge(queue=f"d{number}")).message_count == 100
    assert [journal.stream(stream).waiting()[0] for stream in journal.stream_ids()] == [0] * 10


@pytest.mark.parametrize(("durable", "mode"), [(False, 2), (True, 1)])
def test_what_is_not_persistent_needs_no_record(durable: bool, mode: int) -> None:
    journal = CountingJournal()
    broker = SansBroker(journal=lambda *_: journal)
    client = broker.connect().open()
    client.channel(1)
    declare(client, "q", durable=durable)
    client.publish(1, "", "q", b"x", Basic.Properties(delivery_mode=mode))
    broker.turn()
    assert declare(client, "q", passive=True).message_count == 1
    assert journal.entries == []


def test_order_within_a_turn_is_deliver_commit_confirm_flush() -> None:
    seen: list[str] = []
    soon: list[Callable[[], None]] = []

    class Journal(MemoryJournal):
        def commit(self, is_awaited: bool) -> None:
            seen.append(f"commit {is_awaited}")
            super().commit(is_awaited)

    class Part:
        def __init__(self, name: str) -> None:
            self.name = name

        def pump(self, now_ms: int) -> None:
            seen.append(f"deliver {self.name} at {now_ms}")

        def flush(self) -> None:
            seen.append(f"flush {self.name}")

        def drop(self) -> None:
            seen.append(f"drop {self.name}")

    journal = Journal()
    clock = iter((5, 6))
    tick = Tick(journal, lambda: next(clock), soon.append)
    tick.connection_dirty(Part("c"))
    tick.queue_dirty(Part("q"))
    receipt = Receipt(1, 1, lambda _: seen.append("confirm"))
    tick.when_durable(journal.append([(journal.stream(1), 0)], 1, b"", [b"x"])[0], receipt)
    receipt.taken()
    assert seen == []
    assert len(soon) == 1, "one turn, however much happened"
    soon.pop()()
    assert seen == ["deliver q at 5", "commit True", "confirm", "flush c"]


def test_a_part_that_fails_does_not_stop_the_turns() -> None:
    soon: list[Callable[[], None]] = []
    seen: list[str] = []

    class Broken:
        def pump(self, now_ms: int) -> None:
            raise ArithmeticError(now_ms)

        def flush(self) -> None:
            raise ArithmeticError

        def drop(self) -> None:
            seen.append("dropped")

    tick = Tick(MemoryJournal(), lambda: 1, soon.append)
    for _ in range(2):
        tick.queue_dirty(Broken())
        tick.connection_dirty(Broken())
        assert len(soon) == 1
        soon.pop()()
    assert seen == ["dropped", "dropped"]


def test_a_slow_consumer_gets_no_more_and_the_others_go_on(broker: SansBroker, client: SansClient) -> None:
    slow, quick = broker.connect().open(), broker.connect().open()
    declare(client, "q")
    for each in (slow, quick):
        each.channel(1)
        each.answer(1, Basic.Consume(queue="q", no_ack=True))
    slow.connection.writable(False)
    client.send(publish_frames(1, "", "q", KIB) * 1000)
    broker.turn()
    assert slow.take() == []
    assert len(quick.take()) == 1000
    assert slow.connection.output.out.size == 0
    quick.connection.writable(False)
    client.send(publish_frames(1, "", "q", KIB) * 10)
    broker.turn()
    assert declare(client, "q", passive=True).message_count == 10, "they wait in the queue"
    slow.connection.writable(True)
    broker.turn()
    assert len(slow.take()) == 10


def test_output_of_a_turn_is_bounded(broker: SansBroker, client: SansClient) -> None:
    declare(client, "q")
    client.send(publish_frames(1, "", "q", KIB) * 1000)
    broker.turn()
    writes = writes_during(client, lambda: (client.method(1, Basic.Consume(queue="q", no_ack=True)), broker.turn())[0])
    assert len(client.take()) == 1001
    assert max(map(len, writes)) <= TURN_BYTES_MAX * 1.1
    assert len(writes) >= 1000 * len(KIB) // TURN_BYTES_MAX


def test_bodies_are_split_at_the_frame_size(broker: SansBroker) -> None:
    client = broker.connect().open(frame_max=4096)
    client.channel(1)
    declare(client, "q")
    bodies = [b"x" * size for size in (0, 1, 4087, 4088, 4089, 8176, 8177, 50_000)]
    for body in bodies:
        client.publish(1, "", "q", body)
    broker.turn()
    assert [client.call(1, Basic.Get(queue="q", no_ack=True))[0].body for _ in bodies[:4]] == bodies[:4]
    client.method(1, Basic.Consume(queue="q"))
    broker.turn()
    assert [event.body for event in client.take() if event.name == "Basic.Deliver"] == bodies[4:]
    assert client.reader.frame_bytes_max == 4096


def test_an_alarm_stops_publishers_and_not_consumers(broker: SansBroker, client: SansClient) -> None:
    consumer = broker.connect().open()
    consumer.channel(1)
    declare(client, "q")
    client.send(publish_frames(1, "", "q", b"x") * 3)
    broker.turn()
    broker.node.alarms.set("memory", True)
    broker.turn()
    blocked = client.take()
    assert [(event.name, event.frame.reason) for event in blocked] == [("Connection.Blocked", "low on memory")]
    client.publish(1, "", "q", b"late")
    broker.turn()
    assert [event.name for event in consumer.call(1, Basic.Consume(queue="q", no_ack=True))] == [
        "Basic.ConsumeOk", *["Basic.Deliver"] * 3,
    ]  # fmt: skip
    assert consumer.transport.is_reading
    broker.node.alarms.set("disk", True)
    broker.node.alarms.set("memory", False)
    broker.turn()
    assert not client.transport.is_reading, "the other alarm is still on"
    broker.node.alarms.set("disk", False)
    broker.turn()
    assert client.take()[-1].name == "Connection.Unblocked"
    assert [event.body for event in consumer.take(1)] == [b"late"]


def test_who_publishes_first_under_an_alarm_is_stopped_then(broker: SansBroker, client: SansClient) -> None:
    declare(client, "q")
    broker.node.alarms.set("disk", True)
    client.publish(1, "", "q", b"first")
    broker.turn()
    assert [event.name for event in client.take()] == ["Connection.Blocked"]
    client.send(marshal(commands.Queue.Declare(queue="q", passive=True), 1))
    broker.turn()
    assert client.take() == []


def test_heartbeats_go_out_and_a_silent_client_is_dropped(broker: SansBroker) -> None:
    client = broker.connect().open(heartbeat_s=10)
    broker.advance(20_000)
    client.collect()
    assert client.reader.heartbeats >= 2
    assert not client.transport.is_closed
    broker.advance(10_000)
    assert client.transport.is_aborted
    assert client.connection not in broker.node.connections.open


def test_a_client_without_login_is_dropped(broker: SansBroker) -> None:
    client = broker.connect()
    broker.advance(9_999)
    assert not client.transport.is_closed
    broker.advance(1)
    assert client.transport.is_closed


def stand_still(broker: SansBroker, seconds: int) -> None:
    """The loop does nothing for a while, then what is due before it reads any socket."""
    broker.clock.advance(seconds * 1000)
    broker.node.deadlines.run_due(broker.clock.now_ms())
    broker.node.tick.schedule()


@pytest.mark.parametrize("has_sent", [True, False])
def test_nobody_is_dropped_because_the_loop_stood_still(broker: SansBroker, has_sent: bool) -> None:
    client = broker.connect().open(heartbeat_s=1)
    stand_still(broker, 60)
    assert not client.transport.is_closed
    if has_sent:
        client.send(HEARTBEAT_FRAME)
    broker.turn()
    broker.advance(500)
    assert client.transport.is_aborted is not has_sent
    client.collect()
    assert (client.reader.heartbeats > 0) is has_sent


@pytest.mark.parametrize("heartbeat_s", [0, 60])
def test_a_settlement_alone_is_committed_and_answered(heartbeat_s: int) -> None:
    """With a client that has nothing else to say, or to be told."""
    files = FaultyFiles()
    broker = SansBroker(
        journal=lambda timers, clock_ms: LocalJournal(
            files, InlineWorker(), InlineWorker(), timers, clock_ms, LogSettings(), boot=1
        )
    )
    client = broker.connect().open(heartbeat_s=heartbeat_s)
    client.channel(1)
    declare(client, "q", durable=True)
    client.answer(1, commands.Tx.Select())
    client.publish(1, "", "q", b"x", Basic.Properties(delivery_mode=2))
    assert client.answer(1, commands.Tx.Commit()).name == "Tx.CommitOk"
    client.answer(1, Basic.Get(queue="q"))
    client.method(1, Basic.Ack(1))
    assert client.answer(1, commands.Tx.Commit()).name == "Tx.CommitOk"
    client.channel(2)
    client.publish(2, "", "q", b"x", Basic.Properties(delivery_mode=2))
    client.answer(2, Basic.Get(queue="q"))
    broker.advance(1000)
    written = len(files.trace)
    client.method(2, Basic.Ack(1))
    broker.turn()
    broker.advance(1000)
    assert len(files.trace) > written, "the settlement is not in the log"
    assert heartbeat_s or not broker.node.deadlines, "nothing to wake up for"
