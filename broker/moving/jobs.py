"""Jobs: long work on messages that whoever asked for it can watch and cancel. Must not: know what the work is.

A job lives as long as the process: after a restart it is gone, and what it had done is done.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

RUNNING_MAX: Final = 16
FINISHED_MAX: Final = 200  # that are remembered; the oldest is forgotten

RUNNING: Final = "running"
PAUSED: Final = "paused"  # publishers are paused too: `error` says why
DONE: Final = "done"
FAILED: Final = "failed"
CANCELLED: Final = "cancelled"
STATES: Final = (RUNNING, PAUSED, DONE, FAILED, CANCELLED)

MOVE: Final = "move"
COPY: Final = "copy"
REPLAY: Final = "replay"
REWIND: Final = "rewind"
KINDS: Final = (MOVE, COPY, REPLAY, REWIND)


class TooManyJobsError(ValueError):
    """As many jobs run as may run at a time."""


class UnknownJobError(LookupError):
    """There is no such job, or it ended too long ago."""


class Job:
    """One job: what it is, and how far it has come.

    `done` messages are where they were to be, on the disk where they belong there. `total` is how many there are to
    look at and `looked_at` how many of them were; `skipped` those that were looked at and could not be done. `error` is
    why it failed or is paused.
    """

    __slots__ = ("destination", "done", "ended_ms", "error", "id", "is_cancelled", "kind", "looked_at", "on_cancel",
                 "skipped", "source", "started_ms", "state", "total", "user", "vhost")  # fmt: skip

    def __init__(self, kind: str, vhost: str, source: str, destination: str, user: str) -> None:
        self.id = ""
        self.kind = kind
        self.vhost = vhost
        self.source = source
        self.destination = destination
        self.user = user
        self.state = RUNNING
        self.error = ""
        self.done = 0
        self.total = 0
        self.looked_at = 0
        self.skipped = 0
        self.started_ms = 0
        self.ended_ms = 0
        self.is_cancelled = False
        self.on_cancel: Callable[[], None] | None = None

    @property
    def is_over(self) -> bool:
        """Whether nothing more happens."""
        return self.ended_ms > 0


class MovedCounters:
    """How many messages all jobs together have done since the start, by kind."""

    __slots__ = ("by_kind",)

    def __init__(self) -> None:
        self.by_kind = dict.fromkeys(KINDS, 0)


class Jobs:
    """The jobs of a broker, those that run and those that have ended lately."""

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self._now_ms = now_ms
        self._jobs: dict[str, Job] = {}
        self._last = 0
        self.counters = MovedCounters()

    def check_room(self) -> None:
        """Raises: TooManyJobsError."""
        if self.running >= RUNNING_MAX:
            raise TooManyJobsError(f"{RUNNING_MAX} jobs are running, and more may not; cancel one or wait")

    def add(self, job: Job) -> None:
        """A job begins: gives it its id. Raises: TooManyJobsError."""
        self.check_room()
        self._last += 1
        job.id = str(self._last)
        job.started_ms = self._now_ms()
        self._jobs[job.id] = job

    @property
    def running(self) -> int:
        """How many have not ended."""
        return sum(not job.is_over for job in self._jobs.values())

    def all(self) -> list[Job]:
        """Every job that is known, the newest first."""
        return list(reversed(self._jobs.values()))

    def get(self, job_id: str) -> Job:
        """The job of that id. Raises: UnknownJobError."""
        job = self._jobs.get(job_id)
        if job is None:
            raise UnknownJobError(f"no job {job_id!r}")
        return job

    def progress(self, job: Job, count: int) -> None:
        """So many more messages are done."""
        job.done += count
        self.counters.by_kind[job.kind] += count

    def end(self, job: Job, error: str = "") -> None:
        """A job is over: cancelled, failed with an error, or done."""
        if job.is_over:
            return
        job.ended_ms = max(1, self._now_ms())
        job.state = FAILED if error else CANCELLED if job.is_cancelled else DONE
        job.error = error
        job.on_cancel = None
        over = [one.id for one in self._jobs.values() if one.is_over]
        for job_id in over[: max(0, len(over) - FINISHED_MAX)]:
            del self._jobs[job_id]

    def cancel(self, job: Job) -> None:
        """Asks a job to stop; what it has done stays done."""
        if job.is_over or job.is_cancelled:
            return
        job.is_cancelled = True
        if job.on_cancel is not None:
            job.on_cancel()
