"""Takes the steps of a job one after the other, with some slices of messages on their way to the disk meanwhile.

Must not: know what a step does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from broker.model.receipt import Receipt
from broker.moving.jobs import PAUSED, RUNNING, Job, Jobs
from broker.queues.context import Timers

SLICES_MAX: Final = 4  # on their way to the disk at a time
PAUSE_MS: Final = 250  # between two looks whether publishers are paused
NOT_STORED: Final = "the log cannot be written: what was moved is written once there is room, and is not lost"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a job needs of the node.

    `call_soon` runs something in the next turn of the loop; `trouble` says why nobody may publish now, empty where one
    may; `when_stored` calls the first of its arguments once the definitions are on the disk, the second where they
    cannot be stored; `is_storing` says whether some are not yet.
    """

    now_ms: Callable[[], int]
    call_soon: Callable[[Callable[[], None]], object]
    timers: Timers
    wake: Callable[[], None]
    trouble: Callable[[], str]
    is_storing: Callable[[], bool]
    when_stored: Callable[[Callable[[], None], Callable[[str], None]], None]

    def later(self, due_ms: int, callback: Callable[[], None]) -> None:
        """Calls back at or after a time."""
        self.timers.add(due_ms, callback)
        self.wake()


def nothing() -> None:
    """What a job has to do at its end that has nothing to do."""


class Steps:
    """Until the job is over: `step` takes the next one, and says `again` when it is done; at once or later."""

    def __init__(
        self, job: Job, jobs: Jobs, around: Surroundings, step: Callable[[], None], has_more: Callable[[], bool],
        on_end: Callable[[], None] = nothing,
    ) -> None:  # fmt: skip
        """Args: has_more says whether there is a step to take; on_end is called before the job ends."""
        self._job = job
        self._jobs = jobs
        self._around = around
        self._step = step
        self._has_more = has_more
        self._on_end = on_end
        self._under_way = 0  # slices whose receipt is not complete
        self._is_stepping = False
        self.error = ""  # why there is no other step

    def go_on(self) -> None:
        """Sees to the next step, unless one is on its way; or to the end."""
        if self._job.is_over or self._is_stepping:
            return
        if self.error or self._job.is_cancelled or not self._has_more():
            if not self._under_way:
                self.end()
        elif self._under_way < SLICES_MAX:
            self._is_stepping = True
            self._around.call_soon(self._take)

    def _take(self) -> None:
        """A step, or a pause while nobody may publish."""
        trouble = self._around.trouble()
        self._job.state, self._job.error = (PAUSED, trouble) if trouble else (RUNNING, "")
        if self._job.is_cancelled:
            self.again()
        elif trouble:
            self._around.later(self._around.now_ms() + PAUSE_MS, self.again)
        else:
            self._step()

    def again(self) -> None:
        """The step under way is over."""
        self._is_stepping = False
        self.go_on()

    def failed(self, error: str) -> None:
        """The step under way is over, and there is no other."""
        self.error = self.error or error
        self.again()

    def end(self) -> None:
        """The job is over."""
        self._on_end()
        self._jobs.end(self._job, self.error)

    def slice_begun(self, count: Callable[[], int]) -> Receipt:
        """A slice is on its way until its receipt is complete, which says that so many messages are there then."""
        self._under_way += 1
        return Receipt(1, 1, lambda answered: self._stored(answered, count()))

    def _stored(self, receipt: Receipt, count: int) -> None:
        self._under_way -= 1
        self._jobs.progress(self._job, count)
        if receipt.rejected:
            self.error = self.error or NOT_STORED
        self.go_on()
