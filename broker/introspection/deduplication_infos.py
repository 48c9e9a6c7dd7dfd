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
