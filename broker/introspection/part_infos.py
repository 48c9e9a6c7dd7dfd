"""What can be seen of parts that most queues and exchanges do not have. Must not: hold anything that changes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DeduplicationInfo:
    """What takes each message once: how many it knows of how many (None: as many as are there), and has kept out."""

    identities: int
    identities_max: int | None
    ttl: int | None  # ms for which each is known
    persistence: str | None  # memory or disk; None: that of the queue's messages
    duplicates: int
    learning: bool  # what was there before is not known yet


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
