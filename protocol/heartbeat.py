"""Heartbeats both ways as arithmetic on a given time. Must not: read a clock or send anything itself.

Spec: 4.2.7 (heartbeat frames).
"""

from __future__ import annotations

from typing import Final

HEARTBEAT_FRAME: Final = b"\x08\x00\x00\x00\x00\x00\x00\xce"
SILENT_INTERVALS_MAX: Final = 2  # negotiated intervals without a byte before a peer counts as dead
_GRACE: Final = 1.25  # clients that send exactly every interval must not be cut by a little lateness


class Heartbeat:
    """When to send the next heartbeat and when the peer counts as dead, for one connection."""

    __slots__ = ("_interval_ms", "_received_ms", "_sent_ms")

    def __init__(self, interval_s: int, now_ms: int) -> None:
        self._interval_ms = interval_s * 1000
        self._received_ms = now_ms
        self._sent_ms = now_ms

    def received(self, now_ms: int) -> None:
        """Any traffic from the peer counts as its heartbeat."""
        self._received_ms = now_ms

    def sent(self, now_ms: int) -> None:
        """Anything sent counts as ours."""
        self._sent_ms = now_ms

    def must_send(self, now_ms: int) -> bool:
        """Whether half an interval has passed with nothing sent."""
        return now_ms - self._sent_ms >= self._interval_ms // 2

    def is_dead(self, now_ms: int) -> bool:
        """Whether the peer has been silent for too many intervals."""
        return now_ms - self._received_ms >= self._interval_ms * SILENT_INTERVALS_MAX * _GRACE

    def next_check_ms(self) -> int:
        """When to look again: the earlier of our next heartbeat and the peer's deadline."""
        dead = self._received_ms + int(self._interval_ms * SILENT_INTERVALS_MAX * _GRACE)
        return min(self._sent_ms + max(self._interval_ms // 2, 1), dead)
