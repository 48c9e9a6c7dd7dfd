"""What is copied of a queue's pace. Must not: change anything."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PaceInfo:
    """How many messages of a queue may be worked on at once, and how quickly they go out; None where nothing says so.

    `waits_for` is what holds back a message that is ready: concurrency or rate.
    """

    concurrency_max: int | None
    rate_limit: int | None
    rate_limit_burst: int | None
    rate_limit_period: int | None  # ms
    waits_for: str | None
