"""Which messages a job is about: all, or those whose headers or body match. Must not: take anything out of a queue."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from broker.model.message import Batch, Span
from broker.moving.deaths import Death, newest_death
from broker.queues.browsing import Place, has_text
from broker.queues.runs import Run
from broker.queues.waits import task_headers, task_name
from protocol.properties import Properties


@dataclass(frozen=True, slots=True)
class Filter:
    """What a message must be like; what is empty or None does not matter.

    headers: each of these is there with this value. body: these bytes are somewhere in it. reason, queue: why and where
    it died last. task: the Celery task that it is; an empty text for none. text: these bytes, in small letters, are in
    its body, properties, exchange or routing key, whatever their case there. places: it is one that waits at these.
    """

    headers: Mapping[str, Any] = field(default_factory=dict)
    body: bytes = b""
    reason: str | None = None
    queue: str | None = None
    task: str | None = None
    text: bytes = b""
    places: frozenset[Place] = frozenset()

    @property
    def is_everything(self) -> bool:
        """Whether every message matches."""
        return self == EVERYTHING


EVERYTHING = Filter()


class Matcher:
    """Applies a filter to one run after another; what messages share is looked at once."""

    __slots__ = ("_filter", "_properties", "_verdict", "is_everything")

    def __init__(self, wanted: Filter) -> None:
        self._filter = wanted
        self.is_everything = wanted.is_everything
        self._properties: Properties | None = None
        self._verdict = False

    def parts(self, run: Run) -> Iterator[Run]:
        """The parts of a run that match, in order."""
        if self.is_everything:
            yield run
        elif self._matches(run.span.batch):
            yield from self._one_by_one(run)

    def _matches(self, batch: Batch) -> bool:
        """Whether what a batch shares matches."""
        properties = batch.properties
        if properties is not self._properties:
            self._properties = properties
            self._verdict = self._judge(properties)
        return self._verdict

    def _judge(self, properties: Properties) -> bool:
        wanted = self._filter
        if wanted.task is not None and (task_name(properties) or "") != wanted.task:
            return False
        if wanted.reason is not None or wanted.queue is not None:
            death = newest_death(properties)
            if death is None or not _died_so(death, wanted):
                return False
        if not wanted.headers:
            return True
        headers = task_headers(properties)
        return all(name in headers and headers[name] == value for name, value in wanted.headers.items())

    def _one_by_one(self, run: Run) -> Iterator[Run]:
        """The parts that match in what each message has for itself."""
        wanted, span = self._filter, run.span
        if not (wanted.body or wanted.text or wanted.places):
            yield run
            return
        at = start = span.start
        while at < span.stop:
            if not self._fits(run, at):
                at += 1
                continue
            first = at
            while at < span.stop and self._fits(run, at):
                at += 1
            yield Run(run.level, _part(span, first - start, at - start))

    def _fits(self, run: Run, at: int) -> bool:
        wanted, batch = self._filter, run.span.batch
        if wanted.places and Place(run.level, run.span.position + at - run.span.start) not in wanted.places:
            return False
        if wanted.body not in batch.bodies[at]:
            return False
        return not wanted.text or has_text(batch, at, wanted.text)


def _died_so(death: Death, wanted: Filter) -> bool:
    return wanted.reason in (None, death.reason) and wanted.queue in (None, death.queue)


def _part(span: Span, first: int, stop: int) -> Span:
    """Some messages of a span, counted from its first, as a span of their own."""
    number = span.number + first if span.number else 0
    start = span.start + first
    return Span(
        span.batch, start, span.start + stop, span.position + first, span.expires_ms, span.deliveries, number
    )  # fmt: skip
