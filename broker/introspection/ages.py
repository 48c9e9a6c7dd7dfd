"""How long messages have been waiting: ready ones since they were published, unacknowledged ones since delivery.

Ready: a batch knows when it was published, and a queue's oldest message is the one in front. Where that is on disk
only, as after a restart, its time is read from the log, for a few queues a round. Unacknowledged: nobody notes the
time of a delivery; each round notes the last delivery tag of a channel, so that the time of older ones is known to a
round.

Must not: cost a message anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Final

from pamqp.commands import Basic

from broker.connections.channel import Channel
from broker.model.interfaces import QueueHandle
from broker.model.message import Span
from broker.queues.queue import Queue
from protocol.properties import TIMESTAMP
from storage.journal import Loaded

MARKS_MAX: Final = 16  # of a channel; beyond that every second one goes, and what is older is known less exactly
RUNS_MAX: Final = 32  # runs of deliveries that are looked at in a channel
LOADS_MAX: Final = 50  # queues whose oldest message is read from the log, in one round
NOT_KNOWN: Final = 0


class Marks:
    """When a channel had delivered up to which tag, in rising order; no more of it than its unsettled tags need."""

    __slots__ = ("_at_ms", "_tags")

    def __init__(self) -> None:
        self._at_ms: list[int] = []
        self._tags: list[int] = []

    def __len__(self) -> int:
        return len(self._tags)

    def add(self, at_ms: int, last_tag: int, oldest_tag: int) -> None:
        """Up to `last_tag` has been delivered; what is below `oldest_tag` is settled."""
        tags, times = self._tags, self._at_ms
        settled = next((place for place, tag in enumerate(tags) if tag >= oldest_tag), len(tags))
        del tags[:settled]
        del times[:settled]
        if not tags or tags[-1] < last_tag:
            tags.append(last_tag)
            times.append(at_ms)
        if len(tags) > MARKS_MAX:
            del tags[1:-1:2]
            del times[1:-1:2]

    def delivered_ms(self, tag: int) -> int:
        """About when a tag was delivered: the first round that saw it, so never too early."""
        return next(at_ms for at_ms, marked in zip(self._at_ms, self._tags, strict=True) if marked >= tag)


class Ages:
    """What rounds find out; `begin` and `end` enclose one, and until its end answers are those of the last."""

    def __init__(self) -> None:
        self._marks: dict[Channel, Marks] = {}
        self._new_marks: dict[Channel, Marks] = {}
        self._unacked_ms: dict[QueueHandle, int] = {}  # for how long its oldest one has been delivered
        self._new_unacked_ms: dict[QueueHandle, int] = {}
        self._cold_ms: dict[Queue, tuple[int, int]] = {}  # a message's number, and when it was published
        self._loads = 0

    def begin(self) -> None:
        """A round begins."""
        self._new_marks, self._new_unacked_ms, self._loads = {}, {}, 0

    def end(self) -> None:
        """It has seen everything."""
        self._marks, self._unacked_ms = self._new_marks, self._new_unacked_ms
        self._cold_ms = {queue: cold for queue, cold in self._cold_ms.items() if is_cold(queue)}

    # ---- unacknowledged

    def see_channel(self, channel: Channel, now_ms: int) -> int:
        """Notes the oldest deliveries of a channel by queue; returns how many runs it has looked at."""
        context = channel.context
        runs = context.unacked.front(RUNS_MAX)
        if not runs:
            return 0
        marks = self._new_marks[channel] = self._marks.get(channel) or Marks()
        marks.add(now_ms, context.last_tag, runs[0].first)
        sought = {consumer.queue for consumer in channel.consumers.values()}
        for looked_at, run in enumerate(runs, 1):
            age_ms = now_ms - marks.delivered_ms(run.first)
            self._new_unacked_ms[run.queue] = max(age_ms, self._new_unacked_ms.get(run.queue, 0))
            sought.discard(run.queue)
            if not sought:
                return looked_at
        return len(runs)

    def unacked_ms(self, queue: Queue) -> int | None:
        """For how long at least the oldest unacknowledged message had been delivered when the last round looked."""
        return self._unacked_ms.get(queue, 0) if queue.unacked else None

    def unacked_max_ms(self) -> int:
        """The same of the queue that is worst off, without asking whether that is settled by now."""
        return max(self._unacked_ms.values(), default=0)

    # ---- ready

    def see_queue(self, queue: Queue) -> None:
        """Has the time of a message read that is on disk only, unless it is known."""
        if not is_cold(queue) or self._loads >= LOADS_MAX:
            return
        for stream in queue.ready.streams():
            _, _, first = stream.waiting()
            if self._cold_ms.get(queue, (0, 0))[0] != first:
                self._loads += 1
                stream.load(first, 1, partial(self._loaded, queue, first))
            return

    def _loaded(self, queue: Queue, first: int, runs: Sequence[Loaded], _next_number: int) -> None:
        if runs:
            self._cold_ms[queue] = (first, runs[0].stamp_ms)

    def ready_since_ms(self, queue: Queue) -> int:
        """When the oldest ready message was published; NOT_KNOWN where there is none, or not yet."""
        oldest = queue.ready.oldest() if queue.ready.count else None
        if oldest is not None:
            return oldest.batch.stamp_ms
        return self._cold_ms.get(queue, (0, NOT_KNOWN))[1] if queue.ready.count else NOT_KNOWN


def is_cold(queue: Queue) -> bool:
    """Whether the queue's oldest message is not in memory."""
    return queue.ready.count > 0 and queue.ready.oldest() is None


def head_timestamp_s(span: Span | None) -> int | None:
    """The `timestamp` that the publisher gave a message, in seconds; None where it gave none."""
    if span is None or not span.batch.properties.flags & TIMESTAMP:
        return None
    properties = span.batch.properties
    found = Basic.Properties()
    try:
        found.unmarshal(properties.flags, properties.raw[2:])
    except (ValueError, IndexError, KeyError):  # a header table that we pass on without looking at it
        return None
    return int(found.timestamp.timestamp()) if found.timestamp is not None else None
