"""Moves or copies waiting messages, a slice at a time: out of their queue and into another in one group of the journal.

Must not: know HTTP or JSON, decide where messages go, or hold the loop for longer than a slice takes.

Invariants
1. A message leaves its queue in the group of the journal in which it enters the other: a crash leaves it in one.
2. Nothing is taken out of its queue that its destination would not take.
3. Only what waited when the job began is looked at, so that a job ends whatever is published meanwhile.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from broker.model.message import Batch
from broker.model.names import queue_rs
from broker.model.receipt import Receipt
from broker.moving.destination import Destination, RefusedError
from broker.moving.filters import Matcher
from broker.moving.jobs import Job, Jobs
from broker.moving.pace import Pace
from broker.moving.steps import Steps, Surroundings
from broker.queues.browsing import Place
from broker.queues.classic import ClassicQueue
from broker.queues.runs import STEP_MESSAGES, Run, find_runs
from broker.vhost import Vhost

log = logging.getLogger("leveret.moving")


class Plan(Protocol):
    """What is to become of each run of messages."""

    def place(self, batch: Batch) -> Destination | None:
        """Where messages go that share this batch; None where they stay."""
        ...

    def made(self, batch: Batch, start: int, stop: int, to: Destination) -> Batch:
        """These messages as they are published there."""
        ...


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which messages of a queue: from a place on, how many at most (0: all), and only those that match."""

    begin: Place
    count: int
    matcher: Matcher
    is_copied: bool = False
    is_single: bool = False  # the one at `begin`, or none


class Mover:
    """One job's work."""

    def __init__(
        self, job: Job, jobs: Jobs, vhost: Vhost, source: ClassicQueue, plan: Plan, wanted: Wanted, pace: Pace,
        around: Surroundings,
    ) -> None:  # fmt: skip
        self._job = job
        self._vhost = vhost
        self._source = source
        self._plan = plan
        self._wanted = wanted
        self._pace = pace
        self._around = around
        self._place: Place | None = wanted.begin
        self._stop = max(source.next_position, source.ready.end_position())
        self._left = wanted.count or source.ready.count
        self._steps = Steps(job, jobs, around, self._step, self._has_more)

    def start(self) -> None:
        """Begins in the next turn."""
        job, ready = self._job, self._source.ready.count
        job.total = 1 if self._wanted.is_single else ready
        if self._wanted.count and self._wanted.matcher.is_everything:
            job.total = min(self._wanted.count, ready)
        job.on_cancel = self._steps.go_on
        self._steps.go_on()

    # ---- one step after the other

    def _has_more(self) -> bool:
        return self._place is not None and self._left > 0

    def _step(self) -> None:
        """Looks for the next messages, where it may."""
        around, steps = self._around, self._steps
        allowed = self._pace.allowed(around.now_ms(), self._left)
        if around.is_storing():  # a queue that a crash undoes would take its messages along
            around.when_stored(steps.again, steps.failed)
        elif not allowed:
            around.later(self._pace.next_ms(), steps.again)
        elif self._vhost.queues.get(self._source.name) is not self._source:
            steps.failed(f"no {queue_rs(self._source.name, self._vhost.name)} any more")
        else:
            assert self._place is not None
            count = allowed if self._wanted.matcher.is_everything else STEP_MESSAGES
            find_runs(self._source.ready, self._place, count, self._found)

    def _found(self, runs: Sequence[Run], behind: Place | None) -> None:
        """Deals with what was found."""
        if not (self._job.is_cancelled or self._source.is_deleted):
            try:
                self._slice(runs, behind)
            except Exception as error:
                log.exception("job %s has failed", self._job.id)
                self._steps.error = f"{type(error).__name__}: {error}"
        self._steps.again()

    # ---- a slice

    def _slice(self, runs: Sequence[Run], behind: Place | None) -> None:
        job, wanted = self._job, self._wanted
        part = _Slice(self._pace.allowed(self._around.now_ms(), self._left), behind)
        receipt = self._steps.slice_begun(lambda: part.moved)
        try:
            with self._vhost.together(receipt):
                for run in runs:
                    if self._is_beyond(run, part) or not self._run(run, part, receipt):
                        break
        except RefusedError as error:
            self._steps.error = str(error)
        finally:
            job.looked_at += part.looked_at
            self._left -= part.moved
            self._place = part.place
            self._pace.gave(part.moved)
            if wanted.is_single:
                self._place = None
                if not part.moved and not self._steps.error:
                    self._steps.error = "the message does not wait there any more, or did not die"
            receipt.taken()

    def _is_beyond(self, run: Run, part: _Slice) -> bool:
        """Whether nothing is to be done in a run and behind it: it is newer than the job, or not the one wanted."""
        position = run.span.position
        if position >= self._stop:  # as all that is behind it in its level
            part.place = Place(run.level - 1, 0) if run.level else None
            return True
        return self._wanted.is_single and position != self._wanted.begin.position

    def _run(self, run: Run, part: _Slice, receipt: Receipt) -> bool:
        """Deals with what matches in a run; whether there may be more in this slice."""
        begin, held = run.span.position, run.span.stop - run.span.start
        for some in self._wanted.matcher.parts(run):
            span = some.span
            if part.moved == part.allowed:
                part.stop_at(some.level, span.position, begin)
                return False
            fits = Run(some.level, span.cut(min(span.stop - span.start, part.allowed - part.moved)))
            self._part(fits, part, receipt)
            if span.start < span.stop:
                part.stop_at(some.level, span.position, begin)
                return False
        part.looked_at += held
        return True

    def _part(self, some: Run, part: _Slice, receipt: Receipt) -> None:
        """Puts messages where they go, and takes them out of their queue."""
        span = some.span
        destination = self._plan.place(span.batch)
        if destination is None:
            self._job.skipped += span.stop - span.start
            return
        while span.start < span.stop:
            made = self._plan.made(span.batch, span.start, span.stop, destination)
            room = destination.room(made, self._source)
            if room < len(made.bodies):
                made = self._plan.made(span.batch, span.start, span.start + room, destination)
            self._put(made, destination, receipt)
            handed = Run(some.level, span.cut(len(made.bodies)))
            part.moved += len(made.bodies)
            if not self._wanted.is_copied:
                self._take_out(handed)

    def _put(self, made: Batch, destination: Destination, receipt: Receipt) -> None:
        """Raises: RefusedError where a gate refuses them after all."""
        was_rejected, receipt.rejected = receipt.rejected, False
        destination.put(made, receipt, self._around.now_ms())
        is_refused, receipt.rejected = receipt.rejected, was_rejected
        if is_refused:
            raise RefusedError("the destination refuses messages")

    def _take_out(self, handed: Run) -> None:
        source = self._source
        for taken in source.ready.withdraw(handed.level, handed.span):
            source.counters.moved += taken.stop - taken.start
            source.done(taken)


class _Slice:
    """What one slice has done, and where the next one goes on."""

    __slots__ = ("allowed", "looked_at", "moved", "place")

    def __init__(self, allowed: int, place: Place | None) -> None:
        self.allowed = allowed
        self.place = place
        self.moved = 0
        self.looked_at = 0

    def stop_at(self, level: int, position: int, begin: int) -> None:
        """No more may go now; the run that is being looked at begins at `begin`."""
        self.place = Place(level, position)
        self.looked_at += position - begin
