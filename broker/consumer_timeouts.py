"""Consumers that do not acknowledge in time: what they hold is taken back, or their channel is closed.

Nothing is noted per message: a round looks at all channels now and then and keeps, per channel, up to which tag it had
delivered when. Must not: take longer than a slice at once, or count what a consumer gets with no_ack.
"""

from __future__ import annotations

import logging
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Final

from broker.config import Config
from broker.connections.channel import Channel
from broker.connections.connection import Connection
from broker.connections.consumer import Consumer
from broker.connections.late import LateTags
from broker.connections.services import TimersPort
from broker.connections.unacked import Delivery, Unacked
from broker.model.interfaces import ConsumerPort, QueueHandle
from broker.queues.queue import Queue
from protocol.constants import PRECONDITION_FAILED
from protocol.errors import ChannelException

log = logging.getLogger("leveret.consumers")
CLOSE: Final = "close"  # the action that is not to take messages back
ROUND_MS_MIN: Final = 20  # between two rounds
ROUND_MS_MAX: Final = 5000
ROUNDS_PER_TIMEOUT: Final = 20  # so a timeout is noticed after 1.1 times its length at the latest
MARKS_MAX: Final = 64  # of a channel; beyond that every second one goes, and what is older is known less exactly
RUNS_A_ROUND: Final = 1000  # of deliveries, looked at in one channel
CHANNELS_A_SLICE: Final = 100
SLICE_PAUSE_MS: Final = 2
NAMED_MAX: Final = 3  # queues, in a log line


class Marks:
    """When a channel had delivered up to which tag, and from where on a round looks at it."""

    __slots__ = ("at_ms", "next_tag", "tags")

    def __init__(self) -> None:
        self.at_ms: list[int] = []
        self.tags: list[int] = []
        self.next_tag = 0

    def add(self, now_ms: int, last_tag: int, oldest_tag: int) -> None:
        """Up to `last_tag` has been delivered; what is below `oldest_tag` is settled."""
        settled = bisect_left(self.tags, oldest_tag)
        del self.tags[:settled]
        del self.at_ms[:settled]
        if not self.tags or self.tags[-1] < last_tag:
            self.tags.append(last_tag)
            self.at_ms.append(now_ms)
        if len(self.tags) > MARKS_MAX:
            del self.tags[1:-1:2]
            del self.at_ms[1:-1:2]

    def delivered_ms(self, tag: int) -> int:
        """When a tag had been delivered: the first round that saw it, so never too early."""
        return self.at_ms[bisect_left(self.tags, tag)]


class ConsumerTimeouts:
    """Rounds over the channels, each of them in slices, at intervals that suit the shortest timeout there is."""

    def __init__(
        self, connections: Iterable[Connection], timers: TimersPort, now_ms: Callable[[], int], config: Config
    ) -> None:
        """Args: connections are the open ones; config says what counts where queues and consumers say nothing."""
        self._connections = connections
        self._timers = timers
        self._now_ms = now_ms
        self._default_ms = config.consumer_timeout_ms  # 0 means none, as with queues and consumers
        self._action = config.consumer_timeout_action
        self._marks: dict[Channel, Marks] = {}
        self._new_marks: dict[Channel, Marks] = {}
        self._rest: Iterator[tuple[Connection, Channel]] = iter(())
        self._shortest_ms = self._new_shortest_ms = self._default_ms

    def start(self) -> None:
        """Rounds begin."""
        self._timers.add(self._now_ms() + self._pause_ms(), self._begin)

    def _pause_ms(self) -> int:
        if not self._shortest_ms:
            return ROUND_MS_MAX
        return max(ROUND_MS_MIN, min(ROUND_MS_MAX, self._shortest_ms // ROUNDS_PER_TIMEOUT))

    def _begin(self) -> None:
        self._new_marks, self._new_shortest_ms = {}, self._default_ms
        self._rest = self._channels()
        self._slice()

    def _channels(self) -> Iterator[tuple[Connection, Channel]]:
        for connection in list(self._connections):
            for channel in list(connection.channels.values()):
                yield connection, channel

    def _slice(self) -> None:
        now_ms, seen = self._now_ms(), 0
        for connection, channel in islice(self._rest, CHANNELS_A_SLICE):
            seen += 1
            if channel.context.is_open:
                self._see(connection, channel, now_ms)
        if seen == CHANNELS_A_SLICE:
            self._timers.add(now_ms + SLICE_PAUSE_MS, self._slice)
        else:
            self._marks, self._shortest_ms = self._new_marks, self._new_shortest_ms
            self._timers.add(now_ms + self._pause_ms(), self._begin)

    def timeout_ms(self, queue: QueueHandle, consumer: ConsumerPort | None) -> int:
        """How long a delivery may stay unacknowledged, as its consumer, its queue or the server says; 0: for ever."""
        if isinstance(consumer, Consumer) and consumer.timeout_ms >= 0:
            return consumer.timeout_ms
        if queue.is_numbered():  # a stream's: nobody waits for what a reader holds
            return 0
        if isinstance(queue, Queue) and queue.settings.consumer_timeout_ms >= 0:
            return queue.settings.consumer_timeout_ms
        return self._default_ms

    def _see(self, connection: Connection, channel: Channel, now_ms: int) -> None:
        for consumer in channel.consumers.values():
            timeout_ms = 0 if consumer.no_ack else self.timeout_ms(consumer.queue, consumer)
            if timeout_ms:
                self._new_shortest_ms = min(self._new_shortest_ms or timeout_ms, timeout_ms)
        unacked = channel.context.unacked
        oldest = unacked.front(1)
        if not oldest:
            return
        marks = self._new_marks[channel] = self._marks.get(channel) or Marks()
        marks.add(now_ms, channel.context.last_tag, oldest[0].first)
        overdue = self._overdue(unacked, marks, now_ms)
        if not overdue:
            return
        channel.actor.vhost.counters.timed_out += sum(run.last - run.first + 1 for run, _ in overdue)
        if self._action == CLOSE:
            self._close(connection, channel, overdue[0][1])
        else:
            _take_back(channel, [run for run, _ in overdue])

    def _overdue(self, unacked: Unacked, marks: Marks, now_ms: int) -> list[tuple[Delivery, int]]:
        """What has been held for too long, with how long it might have been, of the runs that are looked at."""
        runs = unacked.since(marks.next_tag, RUNS_A_ROUND)
        marks.next_tag = runs[-1].last + 1 if len(runs) == RUNS_A_ROUND else 0
        found: list[tuple[Delivery, int]] = []
        for run in runs:
            delivered_ms = marks.delivered_ms(run.first)
            if delivered_ms == now_ms:  # it came after the last round, as all behind it
                marks.next_tag = 0
                break
            timeout_ms = self.timeout_ms(run.queue, run.consumer)
            if timeout_ms and delivered_ms + timeout_ms <= now_ms:
                found.append((run, timeout_ms))
        return found

    def _close(self, connection: Connection, channel: Channel, timeout_ms: int) -> None:
        text = (
            f"delivery acknowledgement on channel {channel.number} timed out. Timeout value used: {timeout_ms} ms. "
            "This timeout value can be configured, see consumers doc guide to learn more"
        )
        log.warning("%s: %s", connection.name, text)
        connection.host.fail(channel.number, ChannelException(PRECONDITION_FAILED, text))


def _take_back(channel: Channel, overdue: list[Delivery]) -> None:
    """Puts deliveries back into their queues, the last first; their tags are remembered, for a late answer."""
    context = channel.context
    if channel.late is None:
        channel.late = LateTags(context)
    count = 0
    for run in reversed(overdue):
        taken = context.unacked.take(run.first, run.last)
        assert taken is not None, "it was there a moment ago"
        for delivery in reversed(taken):
            channel.late.add(delivery.first, delivery.last, delivery.consumer)
            delivery.queue.requeue(delivery.span)
            count += delivery.last - delivery.first + 1
    names = ", ".join(sorted({run.queue.name for run in overdue})[:NAMED_MAX])
    log.warning("%d messages went back to %s: not acknowledged in time on channel %d of user %s",
                count, names, channel.number, channel.actor.user)  # fmt: skip
