"""What has happened to a queue's messages, in plain numbers. Must not: be anything but counted up."""

from __future__ import annotations

from broker.queues.parts import EXPIRED, MAXLEN, REJECTED


class QueueCounters:
    """What has happened to a queue's messages since it was declared."""

    __slots__ = ("acked", "dead_lettered", "deduplicated", "delivered", "delivered_no_ack", "dropped", "expired", "got",
                 "got_empty", "got_no_ack", "moved", "over_limit", "published", "purged", "redelivered", "refused",
                 "rejected", "requeued")  # fmt: skip

    def __init__(self) -> None:
        self.published = 0
        self.delivered = 0
        self.delivered_no_ack = 0
        self.got = 0
        self.got_no_ack = 0
        self.got_empty = 0
        self.redelivered = 0
        self.acked = 0
        self.rejected = 0
        self.requeued = 0
        self.expired = 0
        self.refused = 0  # publishes that did not fit
        self.purged = 0
        self.dead_lettered = 0  # of all that left, what went to a dead letter exchange
        self.dropped = 0  # from a queue that was too long
        self.over_limit = 0  # left since they had been delivered too often
        self.moved = 0  # taken out of it by a job, into another queue
        self.deduplicated = 0  # not taken, since their like was there

    def left(self, reason: str, count: int) -> None:
        """Messages that nobody has taken leave the queue."""
        if reason == EXPIRED:
            self.expired += count
        elif reason == REJECTED:
            self.rejected += count
        elif reason == MAXLEN:
            self.dropped += count
        else:
            self.over_limit += count

    def add(self, other: QueueCounters) -> None:
        """Counts what another one has counted too."""
        self.published += other.published
        self.delivered += other.delivered
        self.delivered_no_ack += other.delivered_no_ack
        self.got += other.got
        self.got_no_ack += other.got_no_ack
        self.got_empty += other.got_empty
        self.redelivered += other.redelivered
        self.acked += other.acked
        self.rejected += other.rejected
        self.requeued += other.requeued
        self.expired += other.expired
        self.refused += other.refused
        self.purged += other.purged
        self.deduplicated += other.deduplicated
        self.moved += other.moved
        self.dead_lettered += other.dead_lettered
        self.dropped += other.dropped
        self.over_limit += other.over_limit
