"""A disk that is full for a while, and one that fails for good, in the middle of a model test.

Clients of their own meet the trouble on a queue of their own. Must not: change what the naive broker knows.
"""

from __future__ import annotations

from typing import Final

from pamqp import commands
from pamqp.commands import Basic, Confirm, Tx
from pamqp.frame import marshal

from storage.commit import RETRY_MS
from tests.model.home import DurableHome
from tests.support.faulty_files import SYNC
from tests.support.sansio import Received, SansBroker, SansClient, publish_frames

QUEUE: Final = "trouble"
PUBLISHES_MAX: Final = 60  # until the disk has no room
PERSISTENT: Final = Basic.Properties(delivery_mode=2)


class Visitors:
    """A publisher with confirms and a consumer, who see what trouble looks like."""

    def __init__(self, home: DurableHome) -> None:
        self.home = home
        self.broker: SansBroker = home.broker
        self.publisher = self._connect()
        self.publisher.answer(1, commands.Queue.Declare(queue=QUEUE, durable=True))
        self.publisher.answer(1, Confirm.Select())
        self.consumer = self._connect()
        self.consumer.answer(1, Basic.Consume(queue=QUEUE))
        self.published = 0

    def _connect(self) -> SansClient:
        client = self.broker.connect().open()
        client.channel(1)
        return client

    def run(self) -> None:
        """Lets broker and disk come to rest."""
        self.broker.turn()
        self.home.finish()

    def publish(self) -> list[Received]:
        """Publishes a message; returns what the publisher hears. Nothing is confirmed before it is synced."""
        mark = self.home.mark()
        self.published += 1
        self.publisher.publish(1, "", QUEUE, b"x", PERSISTENT)
        self.run()
        heard = self.publisher.take()
        assert "Basic.Ack" not in [event.name for event in heard] or self.home.is_synced_since(mark)
        return heard

    def publish_until_nacked(self) -> None:
        """Publishes until the disk refuses; then the publisher has been told why, and is not read any more."""
        for _ in range(PUBLISHES_MAX):
            names = [event.name for event in self.publish()]
            if names != ["Basic.Ack"]:
                assert sorted(names) == ["Basic.Nack", "Connection.Blocked"]
                assert not self.publisher.transport.is_reading
                return
        raise AssertionError("the disk takes everything")

    def consume(self) -> None:
        """The consumer gets everything, confirmed or not, and acknowledges it."""
        self.run()
        names = [event.name for event in self.consumer.take(1)]
        assert names == ["Basic.Deliver"] * self.published
        self.consumer.method(1, Basic.Ack(0, True))
        self.run()
        assert not self.consumer.take()

    def leave(self) -> None:
        """Takes the queue away, and goes."""
        events = self.consumer.call(1, commands.Queue.Delete(queue=QUEUE))
        assert "Queue.DeleteOk" in [event.name for event in events]
        for client in (self.publisher, self.consumer):
            client.lose()
        self.run()


def full_for_a_while(home: DurableHome, room_bytes: int) -> None:
    """The disk has so much room and no more; later it has enough, and everything goes on by itself."""
    visitors = Visitors(home)
    home.files.room_bytes = home.files.used_bytes() + room_bytes
    visitors.publish_until_nacked()
    home.files.room_bytes = 0  # whatever is deleted meanwhile
    visitors.consume()
    home.broker.advance(RETRY_MS)
    assert not visitors.publish(), "it is not read"
    home.files.room_bytes = None
    home.broker.advance(2 * RETRY_MS)
    visitors.run()
    assert sorted(event.name for event in visitors.publisher.take()) == ["Basic.Ack", "Connection.Unblocked"]
    assert [event.name for event in visitors.publish()] == ["Basic.Ack"]
    visitors.leave()
    home.reached["full"] += 1


def failed_for_good(home: DurableHome) -> None:
    """A sync fails: from then on nothing is confirmed, whoever asks and however long it takes."""
    visitors = Visitors(home)
    home.files.fail(SYNC, name_part=".log")
    visitors.publish_until_nacked()
    visitors.consume()
    other = Visitors(home)
    other.publish_until_nacked()
    assert other.published == 1
    committer = other.broker.connect().open()
    committer.channel(1)
    committer.answer(1, Tx.Select())
    committer.send(publish_frames(1, "", QUEUE, b"x", PERSISTENT) + marshal(Tx.Commit(), 1))
    home.broker.advance(10 * RETRY_MS)
    visitors.run()
    assert "Channel.Close" in [event.name for event in committer.take()]
    for client in (visitors.publisher, other.publisher):
        assert not client.take(), "confirmed after all"
    visitors.leave()
    for client in (other.publisher, other.consumer, committer):
        client.lose()
    visitors.run()
    home.reached["failed"] += 1
