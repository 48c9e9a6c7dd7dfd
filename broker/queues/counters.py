"""What has happened to a queue's messages, in plain numbers. Must not: be anything but counted up."""

from __future__ import annotations


class QueueCounters:
    """What has happened to a queue's messages since it was declared."""

    __slots__ = ("acked", "delivered", "delivered_no_ack", "dropped", "expired", "got", "got_empty", "got_no_ack",
                 "published", "purged", "redelivered", "refused",
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
        self.dropped = 0  # from the front of a queue that was too long
        self.refused = 0  # publishes that did not fit
        self.purged = 0

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
        self.dropped += other.dropped
        self.refused += other.refused
        self.purged += other.purged
