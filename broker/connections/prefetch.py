"""How much may be unacknowledged: per consumer, and shared by the channel. Must not: count; the channel does.

Spec: 1.8.3.1 (basic.qos), with RabbitMQ's meaning of `global`: false is for each new consumer, true for the channel.
"""

from __future__ import annotations

from typing import Final

UNLIMITED: Final = 1 << 62


class Prefetch:
    """The two limits of a channel; 0 is none."""

    __slots__ = ("of_channel", "of_new_consumers")

    def __init__(self) -> None:
        self.of_channel = 0
        self.of_new_consumers = 0

    def channel_room(self, lent: int) -> int:
        """How many more deliveries the channel's consumers may get together, holding `lent` now."""
        return max(0, self.of_channel - lent) if self.of_channel else UNLIMITED
