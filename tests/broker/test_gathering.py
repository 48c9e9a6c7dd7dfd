"""A commit waits while turns go on bringing more: counted in jobs of the writer."""

from __future__ import annotations

from pamqp import commands
from pamqp.commands import Basic

from broker.tick import GATHERED_BYTES_MAX
from storage.local import LocalJournal, LogSettings
from storage.worker import InlineWorker
from tests.support.faulty_files import FaultyFiles
from tests.support.manual_worker import ManualWorker
from tests.support.sansio import SansBroker, SansClient, publish_frames

PERSISTENT = Basic.Properties(delivery_mode=2)


class Station:
    """A broker whose writer works when told to, and a confirming publisher to one durable queue."""

    def __init__(self) -> None:
        self.writer = ManualWorker()
        self.broker = SansBroker(
            journal=lambda timers, clock_ms: LocalJournal(
                FaultyFiles(), self.writer, InlineWorker(), timers, clock_ms, LogSettings(), boot=1
            )
        )
        self.client: SansClient = self.broker.connect().open()
        self.client.channel(1)
        self.client.answer(1, commands.Queue.Declare(queue="q", durable=True))
        self.client.answer(1, commands.Confirm.Select())
        self.writer.run_all()
        self.broker.turn()

    def publish(self, body: bytes = b"x") -> int:
        """Publishes in a turn of its own; returns how many jobs the writer has then."""
        self.client.send(publish_frames(1, "", "q", body, PERSISTENT))
        self.broker.one_turn()
        return len(self.writer)

    def confirmed(self) -> list[tuple[int, bool]]:
        """The confirms that have come."""
        self.broker.turn()
        frames = [event.frame for event in self.client.take(1)]
        assert all(isinstance(frame, Basic.Ack) for frame in frames)
        return [(frame.delivery_tag, frame.multiple) for frame in frames]


def test_turns_that_bring_more_are_one_commit() -> None:
    station = Station()
    assert [station.publish() for _ in range(3)] == [0, 0, 0]
    station.broker.one_turn()
    assert len(station.writer) == 1
    station.writer.run_one()
    assert station.confirmed() == [(3, True)]
    assert len(station.writer) == 0


def test_no_commit_waits_beyond_the_bound() -> None:
    station = Station()
    body = bytes(100_000)
    turns = 0
    while not station.publish(body):
        turns += 1
        assert turns * len(body) <= GATHERED_BYTES_MAX
    assert turns > 1


def test_what_comes_during_a_commit_is_the_next_one_at_once() -> None:
    station = Station()
    station.publish()
    station.broker.one_turn()
    assert len(station.writer) == 1
    assert station.publish() == 1
    assert not station.broker.soon, "nobody waits for another turn"
    station.writer.run_one()
    assert len(station.writer) == 1, "the second one begins where the first one ends"
    station.writer.run_one()
    assert station.confirmed() == [(2, True)]


def test_what_nobody_has_asked_for_is_not_written_at_the_end_of_a_commit() -> None:
    station = Station()
    station.publish()
    station.broker.one_turn()
    station.client.send(publish_frames(1, "", "q", b"y", PERSISTENT))  # its turn has not ended
    station.writer.run_one()
    assert len(station.writer) == 0
    assert station.confirmed() == [(1, False)]
    station.writer.run_one()
    assert station.confirmed() == [(2, False)]
