"""Declares and deletes durable queues while the broker is killed. Must not: judge more than what is there or not."""

from __future__ import annotations

from pamqp.commands import Channel, Confirm, Queue

from tests.crash.kill.events import Event, Gone
from tests.crash.kill.layout import WORK
from tests.crash.kill.messages import Route
from tests.crash.kill.peer import Desk, Peer
from tests.support.raw import RawConnection

DECLARED_PER_LIFE_MAX = 5
DELETED_SHARE = 0.3


class Declarer(Peer):
    """Declares a queue, binds it and publishes to it, or deletes it again; then publishes to any of its queues."""

    def __init__(self, seed: str) -> None:
        super().__init__("declarer", seed)
        self.kept: list[str] = []
        self._deleted: list[str] = []
        self._last = 0

    def work(self, desk: Desk) -> None:
        """First sees whether the queues of former lives are bound, then makes new ones."""
        desk.channel.call(Confirm.Select(), Confirm.SelectOk)
        for queue in self.kept:
            self._publish(desk, queue)
        for _ in range(DECLARED_PER_LIFE_MAX):
            self._declare(desk)
        while self.kept:
            self._publish(desk, self.rng.choice(self.kept))

    def _declare(self, desk: Desk) -> None:
        self._last += 1
        queue = f"new-{self._last}"
        desk.channel.declare_queue(queue, durable=True)
        desk.channel.bind(queue, WORK, queue)
        if self.rng.random() < DELETED_SHARE:
            desk.channel.call(Queue.Delete(queue=queue), Queue.DeleteOk)
            self._deleted.append(queue)
        else:
            self.kept.append(queue)
            self._publish(desk, queue)

    def _publish(self, desk: Desk, queue: str) -> None:
        desk.publish_for_confirm(*self.writer.next(desk.name, Route(WORK, queue, (queue,))))
        while desk.waiting:
            desk.receive()

    def check(self, connection: RawConnection, history: list[Event]) -> None:
        """Writes down which answered declare or delete did not last, and forgets those queues."""
        for queue in [*self.kept, *self._deleted]:
            is_due, is_there = queue in self.kept, _is_there(connection, queue)
            if is_due and not is_there:
                history.append(Gone(f"queue {queue}"))
                self.kept.remove(queue)
            elif is_there and not is_due:
                history.append(Gone(f"queue {queue} was deleted, and is back"))
                self._deleted.remove(queue)


def _is_there(connection: RawConnection, queue: str) -> bool:
    channel = connection.channel()
    channel.send(Queue.Declare(queue=queue, passive=True))
    answer = connection.receive(channel.number)
    if isinstance(answer, Channel.Close):
        channel.send(Channel.CloseOk())
        return False
    channel.close()
    return True
