"""Readers: consumers and basic.get, each with its own way of settling. Must not: share a queue.

After some settlements a reader publishes a note to the ledger, which nobody reads before the end: when that is
confirmed, the settlements before it are on disk too (rule 5 of the history).
"""

from __future__ import annotations

from pamqp.commands import Basic, Confirm

from tests.crash.kill.events import Delivered, Reading, Settled
from tests.crash.kill.messages import TO_LEDGER, content_received
from tests.crash.kill.peer import Desk, Peer, Refused
from tests.support.raw_frames import Content

SETTLEMENTS_PER_NOTE = 5
ACKS_AT_ONCE = 7
FORGOTTEN_SHARE = 0.05
REQUEUED_SHARE = 0.25
REJECTED_SHARE = 0.2


class Reader(Peer):
    """Reads one queue; subclasses say how a message is settled."""

    def __init__(self, queue: str, seed: str) -> None:
        super().__init__(f"reader-{queue}", seed)
        self.queue = queue
        self._settled = 0

    def take(self, desk: Desk, received: Content) -> str:
        """Writes a delivery down; its message's id."""
        message_id = str(received.properties.message_id)
        desk.note(Delivered(desk.name, self.queue, message_id, received.redelivered, content_received(received)))
        return message_id

    def settle(self, desk: Desk, message_id: str, is_requeued: bool = False) -> None:
        """Writes a settlement down, before it is sent."""
        desk.note(Settled(desk.name, self.queue, message_id, is_requeued))
        self._settled += 1

    def leave_note(self, desk: Desk) -> None:
        """A note to the ledger, when enough was settled."""
        if self._settled >= SETTLEMENTS_PER_NOTE:
            self._settled = 0
            desk.publish_for_confirm(*self.writer.next(desk.name, TO_LEDGER, is_small=True))


class Consumer(Reader):
    """Consumes; acks each message, but for a few that it holds until the end."""

    prefetch = 40
    no_ack = False

    def work(self, desk: Desk) -> None:
        """Takes what comes."""
        desk.channel.call(Confirm.Select(), Confirm.SelectOk)
        desk.channel.qos(self.prefetch)
        desk.note(Reading(desk.name, self.queue, None if self.no_ack else self.prefetch, self.no_ack))
        desk.channel.consume(self.queue, no_ack=self.no_ack)
        self.begin()
        while True:
            received = desk.receive()
            if received is None:
                continue
            if not isinstance(received, Content):
                raise Refused(f"basic.deliver was due, {received} came")
            message_id = self.take(desk, received)
            self.act(desk, received.delivery_tag, message_id, received.redelivered)
            self.leave_note(desk)

    def begin(self) -> None:
        """A new connection: nothing is held."""

    def act(self, desk: Desk, tag: int, message_id: str, is_redelivered: bool) -> None:
        """What is done with a message."""
        del is_redelivered
        if self.rng.random() >= FORGOTTEN_SHARE:
            self.settle(desk, message_id)
            desk.channel.ack(tag)


class MultipleAcker(Consumer):
    """Acks several at once."""

    def begin(self) -> None:
        self._held: list[str] = []

    def act(self, desk: Desk, tag: int, message_id: str, is_redelivered: bool) -> None:
        del is_redelivered
        self._held.append(message_id)
        if len(self._held) >= ACKS_AT_ONCE:
            for held in self._held:
                self.settle(desk, held)
            self._held.clear()
            desk.channel.ack(tag, multiple=True)


class Requeuer(Consumer):
    """Nacks with requeue, rejects without, acks the rest."""

    def act(self, desk: Desk, tag: int, message_id: str, is_redelivered: bool) -> None:
        chance = self.rng.random()
        if chance < REQUEUED_SHARE and not is_redelivered:
            self.settle(desk, message_id, is_requeued=True)
            desk.channel.send(Basic.Nack(tag, False, True))
        elif chance < REQUEUED_SHARE + REJECTED_SHARE:
            self.settle(desk, message_id)
            desk.channel.send(Basic.Reject(tag, False))
        else:
            super().act(desk, tag, message_id, is_redelivered)


class Holder(Consumer):
    """Settles nothing."""

    def act(self, desk: Desk, tag: int, message_id: str, is_redelivered: bool) -> None:
        del desk, tag, message_id, is_redelivered


class AutoAcker(Consumer):
    """Auto-ack: a delivery is settled when it is sent."""

    no_ack = True

    def act(self, desk: Desk, tag: int, message_id: str, is_redelivered: bool) -> None:
        del tag, is_redelivered
        self.settle(desk, message_id)


class Getter(Reader):
    """basic.get, one message settled before the next is asked for."""

    no_ack = False

    def work(self, desk: Desk) -> None:
        """Asks again and again; when the queue is empty, after a note to the ledger was confirmed."""
        desk.channel.call(Confirm.Select(), Confirm.SelectOk)
        desk.note(Reading(desk.name, self.queue, 1, self.no_ack))
        while True:
            desk.channel.send(Basic.Get(0, self.queue, self.no_ack))
            while (received := desk.receive()) is None:
                pass
            if isinstance(received, Content):
                self._act(desk, received, self.take(desk, received))
                self.leave_note(desk)
                continue
            self._settled = SETTLEMENTS_PER_NOTE
            self.leave_note(desk)
            while desk.waiting:
                desk.receive()

    def _act(self, desk: Desk, received: Content, message_id: str) -> None:
        is_requeued = not self.no_ack and not received.redelivered and self.rng.random() < REQUEUED_SHARE
        self.settle(desk, message_id, is_requeued)
        if is_requeued:
            desk.channel.send(Basic.Reject(received.delivery_tag, True))
        elif not self.no_ack:
            desk.channel.ack(received.delivery_tag)


class AutoGetter(Getter):
    """basic.get with no-ack."""

    no_ack = True
