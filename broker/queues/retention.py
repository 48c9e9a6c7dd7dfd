"""How much of a stream is retained: by bytes, and by age. Must not: settle anything itself; the stream does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from broker.queues.context import QueueContext
from broker.queues.stream_log import StreamLog
from broker.queues.stretches import Stretches
from storage.journal import Loaded

AGE_PARTS: Final = 100  # a message goes within that part of the greatest age after it has reached it
CHECK_MS_MIN: Final = 100
RETRY_MS: Final = 1000


class TimeSearch:
    """Finds the first retained message that was published at a time or after it, reading a few from the log.

    Each step halves what is left, so there are at most 64.
    """

    __slots__ = ("_answer", "_at_ms", "_high", "_log", "_low")

    def __init__(self, log: StreamLog, low: int, high: int, at_ms: int, answer: Callable[[int], None]) -> None:
        """Args: it is at `low` or behind, and at most at `high`; answer is called, perhaps later, with its number."""
        self._log = log
        self._low = low
        self._high = high
        self._at_ms = at_ms
        self._answer = answer

    def step(self) -> None:
        """Looks at the message in the middle."""
        self._low = max(self._low, self._log.first)
        if self._low >= self._high:
            self._answer(self._low)
            return
        middle = (self._low + self._high) // 2
        span = self._log.at(middle)
        if span is not None:
            self._seen(middle, span.number, span.number + span.stop - span.start, span.batch.stamp_ms)
        else:
            self._log.stream.load(middle, 1, lambda runs, next_number: self._loaded(middle, runs, next_number))

    def _loaded(self, middle: int, runs: Sequence[Loaded], next_number: int) -> None:
        if runs:
            self._seen(middle, runs[0].first, runs[0].first + len(runs[0].items), runs[0].stamp_ms)
        else:
            self._seen(middle, next_number, next_number, self._at_ms)

    def _seen(self, middle: int, first: int, stop: int, stamp_ms: int) -> None:
        """The first message from the middle on that is there is one of `first..stop`, published together."""
        if stamp_ms < self._at_ms:
            self._low = max(middle + 1, stop)
        else:
            self._high = min(middle, first)
        self.step()


class Retention:
    """Drops what is too much or too old, by calling `drop` with the number up to which that is."""

    __slots__ = ("_age_max_ms", "_bytes_max", "_context", "_drop", "_is_searching", "_log", "_stretches", "_timer")

    def __init__(
        self, context: QueueContext, log: StreamLog, stretches: Stretches, drop: Callable[[int], None]
    ) -> None:
        self._context = context
        self._log = log
        self._stretches = stretches
        self._drop = drop
        self._bytes_max = -1
        self._age_max_ms = 0
        self._timer: object = None
        self._is_searching = False

    def limit(self, bytes_max: int, age_max_ms: int) -> None:
        """So much may be retained from now on (-1 and 0: any)."""
        self._bytes_max = bytes_max
        self._age_max_ms = age_max_ms
        self._stop()
        self.check_bytes()
        self._check_age()

    def appended(self, count: int, size_bytes: int, now_ms: int) -> None:
        """The stream has grown."""
        if self._stretches.append(count, size_bytes, now_ms, self._bytes_max):
            self.check_bytes()
        if self._age_max_ms and self._timer is None and not self._is_searching:
            self._timer = self._context.timers.add(now_ms + self._age_max_ms, self._due)

    def check_bytes(self) -> None:
        """Drops what is too much."""
        if 0 <= self._bytes_max < self._stretches.size_bytes:
            first = self._stretches.too_much(self._bytes_max)
            if first > self._stretches.first:
                self._drop(first)

    def find(self, at_ms: int, answer: Callable[[int], None]) -> None:
        """Answers, perhaps later, with the number of the first message published at a time or after it."""
        TimeSearch(self._log, *self._stretches.around(at_ms), at_ms, answer).step()

    def end(self) -> None:
        """The stream is gone."""
        self._age_max_ms = 0
        self._stop()

    def _stop(self) -> None:
        if self._timer is not None:
            self._context.timers.cancel(self._timer)
            self._timer = None

    def _due(self) -> None:
        self._timer = None
        self._check_age()

    def _check_age(self) -> None:
        if not self._age_max_ms or self._is_searching or self._log.first >= self._stretches.next:
            return
        self._is_searching = True
        self.find(self._context.now_ms() - self._age_max_ms + 1, self._found)

    def _found(self, number: int) -> None:
        """Everything before has reached the greatest age."""
        self._is_searching = False
        if number > self._log.first:
            self._drop(number)
        if self._age_max_ms and self._log.first < self._stretches.next:
            self._oldest_stamp(self._arm)

    def _oldest_stamp(self, answer: Callable[[int], None]) -> None:
        """Answers, perhaps later, with when the oldest retained message was published."""
        span = self._log.at(self._log.first)
        if span is not None:
            answer(span.batch.stamp_ms)
            return
        self._log.stream.load(
            self._log.first, 1, lambda runs, _: answer(runs[0].stamp_ms if runs else self._context.now_ms())
        )

    def _arm(self, stamp_ms: int) -> None:
        """Checks again when the oldest message will be too old, but not at every moment."""
        now_ms = self._context.now_ms()
        pause_ms = max(CHECK_MS_MIN, self._age_max_ms // AGE_PARTS)
        if self._age_max_ms and self._timer is None:
            self._timer = self._context.timers.add(max(now_ms + pause_ms, stamp_ms + self._age_max_ms), self._due)
