"""Dead letters that must arrive: what a target refuses stays with the queue, and is sent again until it is taken.

RabbitMQ's dead-letter-strategy at-least-once. Must not: give a letter up, or try without a pause.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Final

from broker.model.message import Batch, Span
from broker.model.vhost_counters import AT_LEAST_ONCE, CONFIRMED
from broker.queues.classic import ClassicQueue
from broker.queues.dead_letter import DeadLetter, passes
from broker.queues.letters import Letter, Letters, Route, Sender
from broker.queues.stored import HeadReader
from storage.journal import Loaded, Stream

RETRY_MS: Final = 1000  # after a refusal, before the next attempt
PROBE_RUNS: Final = 64  # tried at a time; where all of them arrive, the next follow at once
LOAD_BYTES: Final = 256 * 1024  # read back at a time


class ColdLetter:
    """A letter whose messages are in the log only: `first..stop` of a stream."""

    __slots__ = ("arrived", "body_bytes", "first", "reason", "shift", "stop", "stream")

    def __init__(self, letter: Letter, stream: Stream) -> None:
        span = letter.span
        self.stream = stream
        self.first = span.number
        self.shift = span.position - span.number
        self.stop = span.number + span.stop - span.start
        self.body_bytes = span.batch.body_bytes  # of each
        self.reason = letter.reason
        self.arrived = letter.arrived


class KeptLetters:
    """A queue's letters that are to be sent again, in order; those that are in the log are not in memory.

    `queue.kept` counts their messages, and `queue.kept_bytes` their bodies' bytes. They are sent again by the settings
    that the queue has then, whatever those were.
    """

    __slots__ = ("_is_armed", "_is_refused", "_letters", "_queue", "_reader", "_waiting")

    def __init__(self, queue: ClassicQueue, letters: Letters) -> None:
        self._queue = queue
        self._letters = letters
        self._reader = HeadReader()
        self._waiting: deque[Letter | ColdLetter] = deque()
        self._is_armed = False
        self._is_refused = False

    def add(self, letter: Letter) -> None:
        """Keeps a letter that did not arrive everywhere."""
        span = letter.span
        stream = self._queue.ready.stream_of(span) if span.number else None
        if stream is not None:
            self._waiting.append(ColdLetter(letter, stream))
        else:
            self._waiting.append(letter)
        self._count(span.stop - span.start, span.batch.body_bytes)
        self._is_refused = True
        self._arm(RETRY_MS)

    def _count(self, count: int, body_bytes: int) -> None:
        """So many more messages of that size, or fewer."""
        self._queue.kept += count
        self._queue.kept_bytes += count * body_bytes

    def _arm(self, wait_ms: int) -> None:
        if not self._is_armed:
            self._is_armed = True
            self._letters.wake(self._letters.now_ms() + wait_ms, self._probe)

    def _probe(self) -> None:
        """Sends the oldest once more."""
        self._is_armed = False
        if self._queue.is_deleted:
            self._waiting.clear()
            return
        self._is_refused = False
        for _ in range(min(PROBE_RUNS, len(self._waiting))):
            kept = self._waiting.popleft()
            if isinstance(kept, ColdLetter):
                self._load(kept)
            else:
                self._post(kept.span, kept.reason, kept.arrived)
        if self._waiting and not self._is_armed:
            self._is_armed = True
            self._letters.wake(self._letters.now_ms(), self._next)

    def _next(self) -> None:
        """In the turn after a probe: the next follow at once where nothing was refused, as far as that is known."""
        self._is_armed = False
        self._arm(RETRY_MS if self._is_refused else 0)

    def _post(self, span: Span, reason: str, arrived: Sequence[str] | None) -> None:
        self._count(span.start - span.stop, span.batch.body_bytes)
        leaving = self._queue.leaving
        if isinstance(leaving, Sender):
            self._letters.post(Letter(leaving, span, reason, True, arrived))
        else:  # there is no dead letter exchange any more
            self._queue.done(span)

    def _load(self, kept: ColdLetter) -> None:
        def loaded(runs: Sequence[Loaded], next_number: int) -> None:
            self._loaded(kept, runs, next_number)

        kept.stream.load(kept.first, LOAD_BYTES, loaded)

    def _loaded(self, kept: ColdLetter, runs: Sequence[Loaded], next_number: int) -> None:
        if self._queue.is_deleted:
            return
        for run in runs:
            if run.first >= kept.stop:
                break
            count = min(len(run.items), kept.stop - run.first)
            batch, position = self._reader.batch(run), run.first + kept.shift
            span = Span(batch, 0, count, position, run.expires_ms, run.deliveries, run.first)
            self._count(kept.first - run.first, kept.body_bytes)  # what lies between could not be read any more
            kept.first = run.first + count
            self._post(span, kept.reason, kept.arrived)
        if next_number >= kept.stop:
            self._count(min(0, kept.first - kept.stop), kept.body_bytes)
        elif kept.first < kept.stop:
            self._waiting.appendleft(kept)
            self._arm(0 if runs else RETRY_MS)


class KeptDeadLetter(DeadLetter):
    """The dead letters of a queue that must arrive (at-least-once)."""

    __slots__ = ("_kept",)

    def __init__(self, queue: ClassicQueue, letters: Letters, exchange: str, routing_key: str | None) -> None:
        super().__init__(queue, letters, exchange, routing_key)
        self._kept = KeptLetters(queue, letters)

    def send(self, letter: Letter, now_ms: int) -> None:
        """Publishes a letter and settles what every target has taken of it; the rest is kept."""
        if self.queue.is_deleted:
            self.queue.done(letter.span)
            return
        if not letter.is_again:
            self.count(letter, AT_LEAST_ONCE)
        span = letter.span
        written = self.write(span.batch, letter.reason, now_ms)
        batch = Batch(written.address, written.properties, list(span.bodies()), -1)
        route = self.route(written, batch)
        if route is None or not route[1]:
            self._keep(letter, letter.arrived)
        elif passes(route, batch, now_ms):
            self._send(letter, batch, route, now_ms)
        else:
            for single in batch.singles():
                part = span.cut(1) if span.stop - span.start > 1 else span
                self._send(Letter(self, part, letter.reason, letter.is_again, letter.arrived), single, route, now_ms)

    def _send(self, letter: Letter, batch: Batch, route: Route, now_ms: int) -> None:
        gate, queues = route
        if letter.arrived is not None:  # the exchange is asked once
            gate = None
        due = [queue for queue in queues if queue.name not in (letter.arrived or ())]
        refusing = self.deliver(batch, (gate, due), now_ms) if due else ()
        if refusing:
            self._keep(letter, [queue.name for queue in queues if queue not in refusing])
            return
        self.queue.done(letter.span)
        counts, count = self._letters.counts, letter.span.stop - letter.span.start
        counts.add(self.queue.settings.queue_type, AT_LEAST_ONCE, CONFIRMED, count)

    def _keep(self, letter: Letter, arrived: Sequence[str] | None) -> None:
        self._kept.add(Letter(self, letter.span, letter.reason, True, arrived))


def create_dead_letter(queue: ClassicQueue, letters: Letters | None) -> DeadLetter | None:
    """What becomes of a queue's dead letters by its settings; None where there is no dead letter exchange."""
    settings = queue.settings
    if settings.dead_letter_exchange is None:
        return None
    assert letters is not None, "the vhost has set it before it makes queues"
    where = settings.dead_letter_exchange, settings.dead_letter_routing_key
    is_sure = settings.dead_letter_strategy == "at-least-once" and settings.overflow == "reject-publish"
    if not is_sure or settings.queue_type != "quorum":
        return DeadLetter(queue, letters, *where)
    return KeptDeadLetter(queue, letters, *where)
