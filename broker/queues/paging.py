"""How much memory waiting messages may take, in all queues together and in each.

Must not: page anything itself; the paged lists do, and report here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

from broker.model.message import Span

MIB: Final = 1024 * 1024
QUEUE_BYTES_MAX: Final = 16 * MIB  # a list keeps in memory, however much memory there is; the rest is as quick on disk
TRANSIENT_BYTES_MAX: Final = 128 * MIB  # the same where the rest would have to be written first
QUEUE_BYTES_MIN: Final = MIB  # it may keep, however many lists there are
CHUNK_BYTES: Final = 256 * 1024  # loaded at a time
LOW_BYTES: Final = 4 * CHUNK_BYTES  # in memory, below which more is loaded ahead
PAGE_STEP_BYTES: Final = MIB // 4  # more in memory, after which a list that could not page out tries again
STEP_SPANS: Final = 128  # given back in one go: at most two milliseconds' work
SPAN_BYTES: Final = 700  # about what a batch with one span takes beside its bodies
BODY_BYTES: Final = 48  # about what a body takes beside its bytes


def memory_bytes(span: Span) -> int:
    """About the memory a span takes."""
    batch = span.batch
    body_bytes = batch.body_bytes
    shared_bytes = batch.message_bytes - body_bytes  # properties and names, once
    return SPAN_BYTES + shared_bytes + (span.stop - span.start) * (body_bytes + BODY_BYTES)


class Shrinkable(Protocol):
    """A list that can give memory back."""

    def shrink(self, bytes_max: int) -> bool:
        """Takes a step towards keeping no more than this in memory; whether it still keeps more."""
        ...


@dataclass(frozen=True, slots=True)
class Limits:
    """What one list holds in memory: at most and at least that much, loading so much at a time when below `low`."""

    queue_bytes_max: int = QUEUE_BYTES_MAX
    transient_bytes_max: int = TRANSIENT_BYTES_MAX
    queue_bytes_min: int = QUEUE_BYTES_MIN
    chunk_bytes: int = CHUNK_BYTES
    low_bytes: int = LOW_BYTES
    step_bytes: int = PAGE_STEP_BYTES


class MemoryBudget:
    """What all paged lists hold in memory, and how much that may be."""

    __slots__ = ("_large", "bytes_max", "limits", "used")

    def __init__(self, bytes_max: int, limits: Limits | None = None) -> None:
        self.bytes_max = bytes_max
        self.limits = limits or Limits()
        self.used = 0
        self._large: dict[Shrinkable, None] = {}  # those above the least, in the order in which they are asked

    def queue_bytes_max(self, is_durable: bool) -> int:
        """What one list may keep now."""
        if self.used >= self.bytes_max:
            return self.limits.queue_bytes_min
        return self.limits.queue_bytes_max if is_durable else self.limits.transient_bytes_max

    def grown(self, ready: Shrinkable) -> None:
        """A list has passed the least it may keep."""
        self._large[ready] = None
        if self.used > self.bytes_max:
            self.give_back()

    def give_back(self) -> None:
        """All together have too much: the list whose turn it is gives back what it can in one step.

        One that still has too much, perhaps because nothing of it is written yet, is asked again after the others.
        """
        large = self._large
        if large:
            first = next(iter(large))
            del large[first]
            if first.shrink(self.limits.queue_bytes_min):
                large[first] = None

    def forget(self, ready: Shrinkable) -> None:
        """A list is empty, or gone."""
        self._large.pop(ready, None)
