"""What has happened in a vhost, in plain numbers. Must not: be anything but counted up."""

from __future__ import annotations

from typing import Final

SIZE_BOUNDS: Final = (100, 1000, 10_000, 100_000, 1_000_000, 10_000_000, 50_000_000, 100_000_000)  # as RabbitMQ counts


# How safely what leaves a queue travels to a dead letter exchange, as metrics call it; without one it does not.
AT_MOST_ONCE: Final = "at_most_once"
AT_LEAST_ONCE: Final = "at_least_once"
DISABLED: Final = "disabled"
CONFIRMED: Final = "confirmed"  # stands beside the reasons: what had to arrive, and has


class LeftCounters:
    """How many messages have left queues without being consumed, by type of queue, strategy and reason."""

    __slots__ = ("numbers",)

    def __init__(self) -> None:
        self.numbers: dict[tuple[str, str, str], int] = {}

    def add(self, queue_type: str, strategy: str, reason: str, count: int) -> None:
        """Counts messages."""
        key = (queue_type, strategy, reason)
        self.numbers[key] = self.numbers.get(key, 0) + count


class VhostCounters:
    """What has happened in a vhost since the start."""

    __slots__ = ("channels_closed", "channels_opened", "confirmed", "left", "published", "published_confirm",
                 "queues_changed", "queues_created", "queues_declared", "queues_deleted", "received_bytes", "returned",
                 "routed", "sent_bytes", "sizes", "sizes_total_bytes", "timed_out", "unroutable")  # fmt: skip

    def __init__(self) -> None:
        self.channels_opened = 0
        self.channels_closed = 0
        self.published = 0
        self.published_confirm = 0  # of those, on channels in confirm mode
        self.sizes = [0] * (len(SIZE_BOUNDS) + 1)  # of the bodies, how many were at most each bound
        self.sizes_total_bytes = 0
        self.routed = 0
        self.unroutable = 0  # dropped, neither routed nor returned
        self.returned = 0
        self.confirmed = 0
        self.timed_out = 0  # deliveries that were not acknowledged in time
        self.queues_declared = 0  # declarations that were answered, of queues new or not
        self.queues_created = 0
        self.queues_changed = 0  # in place: other arguments
        self.queues_deleted = 0
        self.left = LeftCounters()
        self.received_bytes = 0  # on connections that have ended
        self.sent_bytes = 0
