"""What a running journal knows of its segments: how much of each is still needed, and where each stream's messages are.

Must not: read or write files.

Invariants
1. A segment's `live` is the number of messages in its extents that are not settled, once for each stream.
2. A stream's extents do not overlap and stand in order of their numbers.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import NamedTuple

from storage.index import Stretch


class Indexed(NamedTuple):
    """What of a segment is in its index file, at one moment: so many bytes of that, for the offsets below `stop`."""

    base: int
    index_bytes: int
    stop: int


class Segment:
    """One file of the log.

    `live_bytes` is about what the live messages take of it. `stretches` is its index, as long as it is not all in the
    index file, of which `index_bytes` are written.
    """

    __slots__ = ("base", "head_bytes", "index_bytes", "is_going", "is_sealed", "live", "live_bytes", "nonce",
                 "pinned_until", "size", "streams", "stretches")  # fmt: skip

    def __init__(self, base: int, nonce: int, size: int) -> None:
        self.base = base
        self.nonce = nonce
        self.size = size
        self.live = 0
        self.live_bytes = 0
        self.is_sealed = False
        self.is_going = False  # being deleted or compacted
        self.streams: set[int] = set()
        self.stretches: list[Stretch] = []
        self.index_bytes = 0
        self.head_bytes = 0  # with the snapshot; what follows is records
        self.pinned_until = 0  # the end of the last group that settled some of it: without that, they are needed

    @property
    def end(self) -> int:
        """The position behind its last record."""
        return self.base + self.size

    @property
    def indexed(self) -> Indexed:
        """What of it is in its index file now; the rest is in `stretches`."""
        return Indexed(self.base, self.index_bytes, self.stretches[0].start if self.stretches else self.size)


class LogCounters:
    """What has happened to a log since the start."""

    __slots__ = ("appended", "compacted_bytes", "compacted_segments", "damaged_bytes", "damaged_records",
                 "deleted_segments", "loaded", "loaded_bytes", "loads", "unfinished_bytes")  # fmt: skip

    def __init__(self) -> None:
        self.appended = 0  # entries
        self.loaded = 0  # messages read back
        self.loaded_bytes = 0
        self.loads = 0  # times that the log was read for them
        self.compacted_segments = 0
        self.compacted_bytes = 0  # copied for it
        self.deleted_segments = 0
        self.damaged_records = 0
        self.damaged_bytes = 0
        self.unfinished_bytes = 0  # cut off by a crash, at the end of a segment


class Extent:
    """Numbers `first..stop` of a stream stand in one segment, as far as they are not settled."""

    __slots__ = ("attempt", "first", "item_bytes", "log_bytes", "messages", "segment", "source", "stop")

    def __init__(self, first: int, stop: int, segment: Segment, source: int = 0, attempt: int = 0) -> None:
        self.first = first
        self.stop = stop
        self.segment = segment
        self.source = source
        self.attempt = attempt
        self.messages = 0  # as they were appended, settled ones included
        self.item_bytes = 0  # of all these
        self.log_bytes = 0  # what they take of the log


Run = tuple[int, int, Segment, int, int, int]  # first, stop, where, item bytes, source, attempt


def extents_of(runs: list[Run], boundaries: list[int]) -> list[Extent]:
    """Runs of messages as extents: of one segment each, and with nobody else's numbers inside.

    Args: boundaries are where the stream's other extents begin, in order.
    """
    extents: list[Extent] = []
    stretch = -1
    for first, stop, segment, item_bytes, source, attempt in sorted(runs, key=_first):
        at = bisect_right(boundaries, first)
        if not extents or extents[-1].segment is not segment or at != stretch or extents[-1].attempt != attempt:
            extents.append(Extent(first, first, segment, source, attempt))
            stretch = at
        extent = extents[-1]
        extent.stop = stop
        extent.messages += stop - first
        extent.item_bytes += item_bytes
        extent.log_bytes += item_bytes
    return extents


def _first(run: Run) -> int:
    return run[0]
