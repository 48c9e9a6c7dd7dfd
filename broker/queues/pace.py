"""How many of a queue's messages may be worked on at once, and how quickly they are handed out.

Must not: choose a consumer (the picker inside does) or count anything: the queue's own numbers say what was handed out.
"""

from __future__ import annotations

from typing import Final

from broker.model.interfaces import ConsumerPort
from broker.model.settings import QueueSettings
from broker.queues.consumers import Picker
from broker.queues.context import QueueContext
from broker.queues.queue import Queue

BURSTS_PER_PERIOD: Final = 10  # where no burst is set: what comes in a tenth of the period may come at once
ROUNDS: Final = 8  # of consumers, at least, in which a large room is given to them
UNLIMITED: Final = 1 << 62
CONCURRENCY: Final = "concurrency"
RATE: Final = "rate"


class Bucket:
    """What may be handed out by now, at `rate` messages in `period_ms` and at most `burst` at once.

    It is kept in parts of a message: `period_ms` of them are one, and a millisecond brings `rate` of them.
    """

    __slots__ = ("_at_ms", "_level", "_seen", "burst", "period_ms", "rate")

    def __init__(self, rate: int, period_ms: int, burst: int, now_ms: int, seen: int) -> None:
        """Args: seen is how many messages had been handed out before."""
        self.rate = rate
        self.period_ms = period_ms
        self.burst = burst
        self._level = burst * period_ms
        self._at_ms = now_ms
        self._seen = seen

    def room(self, now_ms: int, seen: int) -> int:
        """How many messages may be handed out now. Args: seen is how many have been, ever."""
        level = self._level - (seen - self._seen) * self.period_ms
        level += max(0, now_ms - self._at_ms) * self.rate
        self._level = min(level, self.burst * self.period_ms)
        self._at_ms, self._seen = now_ms, seen
        return max(0, self._level // self.period_ms)

    def wait_ms(self) -> int:
        """How long from the time of the last question until there is room for one."""
        return max(1, -((self._level - self.period_ms) // self.rate))


class Paced(Picker):
    """A picker that gives no more room than the queue's pace leaves, to each consumer its part of it."""

    __slots__ = ("_bucket", "_concurrency_max", "_context", "_deadline", "_due_ms", "_picker", "_queue")

    def __init__(self, picker: Picker, queue: Queue, concurrency_max: int, bucket: Bucket | None,
                 context: QueueContext) -> None:  # fmt: skip
        """Args: concurrency_max of 0 is no limit, and so is no bucket."""
        super().__init__()
        self._picker = picker
        self._queue = queue
        self._concurrency_max = concurrency_max
        self._bucket = bucket
        self._context = context
        self._deadline: object = None
        self._due_ms = 0
        self.offered = picker.offered

    @property
    def bucket(self) -> Bucket | None:
        """What limits its rate."""
        return self._bucket

    def plain(self) -> Picker:
        """The picker inside; this one is over."""
        if self._deadline is not None:
            self._context.timers.cancel(self._deadline)
            self._deadline = None
        return self._picker

    def add(self, consumer: ConsumerPort) -> None:
        """A consumer starts."""
        self._picker.add(consumer)
        self.offered = self._picker.offered

    def remove(self, consumer: ConsumerPort) -> None:
        """A consumer ends."""
        self._picker.remove(consumer)
        self.offered = self._picker.offered

    def offer(self, consumer: ConsumerPort) -> None:
        """A consumer may have room again."""
        self._picker.offer(consumer)
        self.offered = self._picker.offered

    def everyone(self) -> list[ConsumerPort]:
        """All consumers, in the order of the picker inside."""
        return self._picker.everyone()

    def pick(self, message_bytes: int) -> tuple[ConsumerPort, int] | None:
        """The next consumer with room for a message of that size, and for how many."""
        self.is_held = not self._free()
        room = self._room(False)
        if not room:
            return None
        picked = self._picker.pick(message_bytes)
        self.offered = self._picker.offered
        if picked is None:
            return None
        return picked[0], min(picked[1], room if self.offered <= 1 else max(1, room // (self.offered * ROUNDS)))

    def may_get(self, no_ack: bool) -> bool:
        """Whether basic.get may have a message now."""
        return self._room(no_ack) > 0

    def waits_for(self) -> str:
        """What holds back a message that is ready: concurrency or rate; empty where nothing does."""
        if not self._queue.ready.count:
            return ""
        if not self._free():
            return CONCURRENCY
        return RATE if self._bucket is not None and not self._tokens(self._bucket) else ""

    def _free(self) -> int:
        return max(0, self._concurrency_max - self._queue.unacked) if self._concurrency_max else UNLIMITED

    def _room(self, no_ack: bool) -> int:
        """How many messages may be handed out now; where there are none, the queue is pumped when there may be."""
        room = UNLIMITED if no_ack else self._free()
        if room and self._bucket is not None:
            room = min(room, self._tokens(self._bucket))
            if not room:
                self._wait(self._context.now_ms() + self._bucket.wait_ms())
        return room

    def _tokens(self, bucket: Bucket) -> int:
        return bucket.room(self._context.now_ms(), _handed_out(self._queue))

    def _wait(self, due_ms: int) -> None:
        if self._deadline is not None:
            if self._due_ms <= due_ms:
                return
            self._context.timers.cancel(self._deadline)
        self._due_ms = due_ms
        self._deadline = self._context.timers.add(due_ms, self._wake)

    def _wake(self) -> None:
        self._deadline = None
        if not self._queue.is_deleted:
            self._context.mark_dirty(self._queue)


def paced(queue: Queue, context: QueueContext) -> Picker:
    """The queue's picker with the pace that its settings ask for, in place of the one it has."""
    old, settings = queue.consumers, queue.settings
    picker = old.plain()
    if not settings.concurrency_max and not settings.rate_limit:
        return picker
    bucket = _bucket(queue, settings, context) if settings.rate_limit else None
    had = old.bucket if isinstance(old, Paced) else None
    if bucket is not None and had is not None and _is_same(bucket, had):
        bucket = had
    return Paced(picker, queue, settings.concurrency_max, bucket, context)


def burst_of(settings: QueueSettings) -> int:
    """How many messages may be handed out at once after a pause."""
    return settings.rate_burst or max(1, settings.rate_limit // BURSTS_PER_PERIOD)


def _bucket(queue: Queue, settings: QueueSettings, context: QueueContext) -> Bucket:
    seen = _handed_out(queue)
    return Bucket(settings.rate_limit, settings.rate_period_ms, burst_of(settings), context.now_ms(), seen)


def _handed_out(queue: Queue) -> int:
    counters = queue.counters
    return counters.delivered + counters.delivered_no_ack + counters.got + counters.got_no_ack


def _is_same(one: Bucket, other: Bucket) -> bool:
    return (one.rate, one.period_ms, one.burst) == (other.rate, other.period_ms, other.burst)
