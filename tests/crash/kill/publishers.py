"""Publishers: with confirms in a window, and with transactions. Must not: read queues."""

from __future__ import annotations

from pamqp.commands import Confirm, Tx

from tests.crash.kill.events import CommitOk, CommitSent
from tests.crash.kill.messages import Router
from tests.crash.kill.peer import Desk, Peer, Refused
from tests.support.raw_frames import Method

GROUP_SIZES = (2, 6)
ROLLBACK_SHARE = 0.15


class ConfirmingPublisher(Peer):
    """Keeps `window` messages unconfirmed."""

    def __init__(self, name: str, seed: str, window: int, router: Router) -> None:
        super().__init__(name, seed)
        self._window = window
        self._router = router

    def work(self, desk: Desk) -> None:
        """Fills the window, then sends as many as are confirmed."""
        desk.channel.call(Confirm.Select(), Confirm.SelectOk)
        while True:
            while len(desk.waiting) < self._window:
                desk.publish_for_confirm(*self.writer.next(desk.name, self._router(self.rng)))
            desk.receive()


class TransactionalPublisher(Peer):
    """Groups of messages to several queues, committed or, sometimes, rolled back."""

    def __init__(self, name: str, seed: str, router: Router) -> None:
        super().__init__(name, seed)
        self._router = router
        self._transaction = 0

    def work(self, desk: Desk) -> None:
        """One group after the other."""
        desk.channel.call(Tx.Select(), Tx.SelectOk)
        while True:
            self._transaction += 1
            for _ in range(self.rng.randint(*GROUP_SIZES)):
                desk.publish(*self.writer.next(desk.name, self._router(self.rng), self._transaction))
            if self.rng.random() < ROLLBACK_SHARE:
                _call(desk, Tx.Rollback(), Tx.RollbackOk)
                continue
            desk.note(CommitSent(self.name, self._transaction))
            _call(desk, Tx.Commit(), Tx.CommitOk)
            desk.note(CommitOk(self.name, self._transaction))


def _call(desk: Desk, method: Method, reply: type[Method]) -> None:
    desk.channel.send(method)
    while (received := desk.receive()) is None:
        pass
    if not isinstance(received, reply):
        raise Refused(f"{reply.name} was due, {received} came")
