"""Gets back what was published to a durable queue since a time, settled or not, out of the log into a new queue.

Must not: read the log on the loop, change the queue that it is about, or pass over in silence what cannot be got back.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from broker.moving.destination import RefusedError, ToQueue
from broker.moving.jobs import Job, Jobs
from broker.moving.steps import Steps, Surroundings
from broker.queues.classic import ClassicQueue
from broker.queues.queue import Queue
from broker.queues.stored import HeadReader
from broker.vhost import Vhost
from protocol.errors import AmqpError
from storage.journal import History, Journal, Loaded
from storage.status import FAILED

log = logging.getLogger("leveret.moving")
WRITE_MS: Final = 5  # between two looks whether everything is written
MS_PER_S: Final = 1000
GIVEN_UP: Final = "files of the log are gone since the disk was short of room"
LOG_FAILED: Final = "the log has failed: nothing more is written to it"
_END: Final = object()


def shown_time(ms: int) -> str:
    """A time for people and programs: ISO 8601, UTC."""
    return datetime.fromtimestamp(ms / MS_PER_S, UTC).isoformat(timespec="milliseconds")


@dataclass(frozen=True, slots=True)
class Reach:
    """What of a queue the log has from a time on: so many messages are there, so many are not any more.

    From `complete_from_ms` on nothing is missing; 0: from the queue's first message, None: at no time.
    """

    messages: int
    missing: int
    complete_from_ms: int | None

    @property
    def told(self) -> str:
        """How far back a queue can be rewound, for people."""
        if self.complete_from_ms is None:
            return "nothing of this queue can be got back whole"
        return f"it can be rewound to {shown_time(self.complete_from_ms)} at the earliest"


def _reach(histories: Sequence[History], now_ms: int) -> Reach:
    missing = sum(one.missing for one in histories)
    complete_from_ms = max((one.complete_from_ms for one in histories), default=0)
    is_never = complete_from_ms > now_ms
    return Reach(sum(one.total for one in histories), missing, None if is_never else complete_from_ms)


class Preparing:
    """Finds what a log has of a queue; `done` gets it, or an error."""

    def __init__(
        self, journal: Journal, queue: ClassicQueue, since_ms: int, around: Surroundings,
        done: Callable[[Reach | str], None],
    ) -> None:  # fmt: skip
        self._journal = journal
        self._around = around
        self._done = done
        self._since_ms = since_ms
        found = [journal.history(stream.id) for stream in queue.ready.streams()]
        self.histories = [one for one in found if one is not None]
        self._is_whole = len(self.histories) == len(found)
        self.is_stopped = False

    def start(self) -> None:
        """Begins."""
        if not self._is_whole:
            self._done("this broker keeps no log")
            return
        self._open()

    def release(self) -> None:
        """Nobody reads any more."""
        for history in self.histories:
            history.release()

    def _open(self) -> None:
        if self.is_stopped:
            self._done("")
        elif self._journal.state == FAILED:
            self._done(LOG_FAILED)
        elif all(history.open() for history in self.histories):
            self._prepare(0)
        else:
            self._around.later(self._around.now_ms() + WRITE_MS, self._open)

    def _prepare(self, at: int) -> None:
        if at == len(self.histories):
            self._done(_reach(self.histories, self._around.now_ms()))
            return
        history = self.histories[at]
        self._step(history, history.prepare(self._since_ms), at)

    def _step(self, history: History, steps: Iterator[None], at: int) -> None:
        def taken(outcome: object) -> None:
            if isinstance(outcome, BaseException):
                self._done(_told(outcome))
            elif self.is_stopped:
                self._done("")
            elif outcome is _END:
                self._prepare(at + 1)
            else:
                self._step(history, steps, at)

        history.submit(lambda: next(steps, _END), taken)


def _told(error: BaseException) -> str:
    if isinstance(error, FileNotFoundError):
        return GIVEN_UP
    log.error("the log cannot be read to rewind a queue", exc_info=error)
    return f"the log cannot be read: {error}"


class Rewinder:
    """One job's work."""

    def __init__(
        self, job: Job, jobs: Jobs, vhost: Vhost, source: ClassicQueue,
        preparing: Callable[[Callable[[Reach | str], None]], Preparing],
        declare: Callable[[], None], is_partial: bool, around: Surroundings,
    ) -> None:  # fmt: skip
        """Args: declare makes the new queue, whose name is the job's destination; is_partial: some may be missing."""
        self._job = job
        self._vhost = vhost
        self._source = source
        self._declare = declare
        self._is_partial = is_partial
        self._around = around
        self._preparing = preparing(self._prepared)
        self._to = ToQueue(vhost, job.destination)
        self._queue: Queue | None = None  # the new one, once it is declared
        self._histories: Iterator[tuple[History, Iterator[list[Loaded]]]] = iter(())
        self._history: History | None = None
        self._runs: Iterator[list[Loaded]] = iter(())
        self._reader = HeadReader()
        self._is_at_end = False
        self._steps = Steps(job, jobs, around, self._read, lambda: not self._is_at_end, self._preparing.release)

    def start(self) -> None:
        """Begins."""
        self._job.on_cancel = self._cancelled
        self._preparing.start()

    def _cancelled(self) -> None:
        self._preparing.is_stopped = True
        if self._queue is not None:
            self._steps.go_on()

    # ---- before the first message

    def _prepared(self, found: Reach | str) -> None:
        if isinstance(found, str):
            self._steps.error = found
        elif not self._job.is_cancelled:
            self._steps.error = self._begun(found)
        if self._queue is None:
            self._steps.end()
        else:
            self._around.when_stored(self._steps.go_on, self._steps.failed)

    def _begun(self, found: Reach) -> str:
        """Declares the new queue; returns why not."""
        job = self._job
        job.total, job.skipped = found.messages, found.missing
        if found.missing and not self._is_partial:
            return f"{found.missing} messages of then are not in the log any more; {found.told}"
        try:
            self._declare()
        except AmqpError as error:
            return error.text
        self._queue = self._vhost.queues[job.destination]
        self._histories = iter([(one, one.runs()) for one in self._preparing.histories])
        return ""

    # ---- message by message

    def _read(self) -> None:
        """Reads on in the history that is read, or takes the next one."""
        if self._history is not None:
            runs = self._runs
            self._history.submit(lambda: next(runs, _END), self._taken)
            return
        found = next(self._histories, None)
        if found is None:
            self._is_at_end = True
        else:
            self._history, self._runs = found
        self._steps.again()

    def _taken(self, outcome: Any) -> None:
        if isinstance(outcome, BaseException):
            self._steps.error = _told(outcome)
        elif outcome is _END:
            self._history = None
        elif not self._job.is_cancelled:
            self._publish(outcome)
        self._steps.again()

    def _publish(self, found: list[Loaded]) -> None:
        job, count = self._job, 0
        receipt = self._steps.slice_begun(lambda: count)
        job.looked_at += sum(len(one.items) for one in found)
        try:
            queue = self._queue
            if queue is None or self._vhost.queues.get(job.destination) is not queue:
                raise RefusedError(f"no queue '{job.destination}' any more")
            for loaded in found:
                batch = self._reader.batch(loaded)
                if self._to.room(batch, self._source) < len(batch.bodies):
                    raise RefusedError(f"queue '{job.destination}' takes no more: a policy limits its length")
                self._vhost.publish(batch, (queue,), receipt)
                count += len(batch.bodies)
        except RefusedError as error:
            self._steps.error = str(error)
        receipt.taken()
