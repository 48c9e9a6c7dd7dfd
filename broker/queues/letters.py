"""The dead letters of a vhost on their way: sent a slice at a time, each together with its settlement.

Must not: know what a dead letter looks like, or decide where one goes; the senders do.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from mypy_extensions import mypyc_attr

from broker.model.interfaces import Gate, PublishTarget
from broker.model.message import Batch, Span
from broker.model.receipt import Receipt
from broker.model.settings import QueueSettings
from broker.model.vhost_counters import LeftCounters
from broker.queues.parts import Leaving
from storage.journal import Journal

log = logging.getLogger("leveret.letters")
SLICE_RUNS: Final = 64  # sent in one go: at most two milliseconds' work
SLICE_BYTES: Final = 1024 * 1024  # and then no more
UNWRITTEN_BYTES_MAX: Final = 16 * 1024 * 1024  # of the log; from there on letters wait for the disk
DISK_WAIT_MS: Final = 5  # then, before it is looked at again
BYTES_MAX: Final = 2**62  # no limit, where all of it belongs to one group
WAITING_RUNS_MAX: Final = 4096  # from which on no queue should let more of its messages go

Route = tuple[Gate | None, Sequence[PublishTarget]]  # through an exchange with that gate, to these


@mypyc_attr(allow_interpreted_subclasses=True)
class Sender(Leaving):
    """Whoever sends a queue's dead letters."""

    __slots__ = ()

    def send(self, letter: Letter, now_ms: int) -> None:
        """Publishes a letter and settles its source; what is done is one group of the journal."""
        raise NotImplementedError


class Letter:
    """Messages that leave a queue. `is_again` says that this is another attempt.

    `arrived` names the targets that took them before; None: their exchange has not let them in yet.
    """

    __slots__ = ("arrived", "is_again", "reason", "sender", "span")

    def __init__(
        self, sender: Sender, span: Span, reason: str, is_again: bool = False, arrived: Sequence[str] | None = None
    ) -> None:
        self.sender = sender
        self.span = span
        self.reason = reason
        self.is_again = is_again
        self.arrived = arrived


class Letters:
    """The letters of one vhost that are to be sent; the tick pumps it as it does a queue.

    1. What a letter publishes and what it settles are in one group of the journal: both outlive a crash, or neither.
    2. A letter that is caused by sending another one waits behind it, so that no chain of queues is a recursion.

    `route` finds the targets of a batch by exchange and further keys (None: no such exchange), `publish` hands it to
    them; `settings_of` is what counts for a queue, by its name; `wake` calls back at a time.
    """

    __slots__ = ("_is_due", "_is_sending", "_journal", "_mark_dirty", "_waiting", "_when_stored", "counts", "now_ms",
                 "publish", "route", "settings_of", "wake")  # fmt: skip

    def __init__(
        self,
        journal: Journal,
        now_ms: Callable[[], int],
        mark_dirty: Callable[[Letters], None],
        when_stored: Callable[[Callable[[], None], Callable[[str], None]], None],
        wake: Callable[[int, Callable[[], None]], object],
        route: Callable[[str, Batch, Sequence[str]], Route | None],
        publish: Callable[[Batch, Sequence[PublishTarget], Receipt | None], int],
        settings_of: Callable[[str], QueueSettings | None],
        counts: LeftCounters,
    ) -> None:
        self._journal = journal
        self.now_ms = now_ms
        self._mark_dirty = mark_dirty
        self._when_stored = when_stored
        self.wake = wake
        self.route = route
        self.publish = publish
        self.settings_of = settings_of
        self.counts = counts
        self._waiting: deque[Letter] = deque()
        self._is_sending = False
        self._is_due = False

    def has_room(self) -> bool:
        """Whether more messages may leave their queues now."""
        return len(self._waiting) < WAITING_RUNS_MAX

    def post(self, letter: Letter) -> None:
        """Sends a letter in this turn, or soon where there are many; within a group of the journal at once."""
        self._waiting.append(letter)
        if self._is_sending:
            return
        if self._journal.is_grouping():
            self._send(len(self._waiting), BYTES_MAX)
        else:
            self._call()

    def _call(self) -> None:
        if not self._is_due:
            self._is_due = True
            self._mark_dirty(self)

    def pump(self, now_ms: int) -> None:  # noqa: ARG002 - as the tick pumps queues
        """Sends a slice once all queues that there are now would be there after a crash, and the next one later."""
        self._when_stored(self._send_slice, self._in_trouble)

    def _in_trouble(self, _: str) -> None:
        """The definitions cannot be stored for now; the letters do not wait for that."""
        self._send_slice()

    def _send_slice(self) -> None:
        self._is_due = False
        if not self._waiting:
            return
        if self._journal.backlog_bytes() > UNWRITTEN_BYTES_MAX:
            self._wake_at(self.now_ms() + DISK_WAIT_MS)
            return
        self._journal.begin()
        try:
            self._send(SLICE_RUNS, SLICE_BYTES)
        finally:
            self._journal.end()

    def _next_turn(self) -> None:
        self._is_due = False
        self._call()

    def _send(self, runs_max: int, bytes_max: int) -> None:
        self._is_sending = True
        now_ms = self.now_ms()
        while self._waiting and runs_max > 0 and bytes_max > 0:
            letter = self._waiting.popleft()
            runs_max -= 1
            bytes_max -= (letter.span.stop - letter.span.start) * letter.span.batch.message_bytes
            try:
                letter.sender.send(letter, now_ms)
            except Exception:  # one message must not keep back all others; it comes back at the next start
                log.exception("a dead letter could not be sent")
        self._is_sending = False
        if self._waiting:
            self._wake_at(now_ms)

    def _wake_at(self, due_ms: int) -> None:
        if not self._is_due:
            self._is_due = True
            self.wake(due_ms, self._next_turn)
