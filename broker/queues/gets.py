"""Gets of messages that are being loaded: they wait, in order, until the message is there.

Must not: take a message; the queue does.
"""

from __future__ import annotations

from collections.abc import Callable

from broker.model.message import Span
from broker.queues.ready import ReadyList

GetAnswer = Callable[[Span | None, int], None]


class WaitingGets:
    """Those of one queue; `serve` answers one, or says that it has to wait (False)."""

    __slots__ = ("_serve", "_waiting")

    def __init__(self, serve: Callable[[bool, GetAnswer], bool]) -> None:
        self._serve = serve
        self._waiting: list[tuple[bool, GetAnswer]] = []

    def __len__(self) -> int:
        return len(self._waiting)

    def __bool__(self) -> bool:
        return len(self) > 0

    def add(self, no_ack: bool, answer: GetAnswer) -> None:
        """Waits behind the others."""
        self._waiting.append((no_ack, answer))

    def answer(self, ready: ReadyList) -> None:
        """Answers those for whom something is there, or nothing will be."""
        waiting = self._waiting
        while waiting and (ready.next_message_bytes() or not ready.count):
            no_ack, answer = waiting[0]
            if not self._serve(no_ack, answer):
                return
            waiting.pop(0)

    def give_up(self) -> None:
        """The queue is gone."""
        waiting, self._waiting = self._waiting, []
        for _, answer in waiting:
            answer(None, 0)
