"""What a log holds: of each stream what is waiting, of each segment how much of it is still needed.

Must not: write, or hold more than one segment's records in memory.

A segment's bytes are divided into
    live     the share that waiting messages have in their records
    settled  the share of messages that are settled
    dead     messages of dropped streams, copies that do not count, damage
    other    everything else: heads, settlements, deliveries, snapshots
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from storage.files import Files
from storage.inspect import Record, file_size, open_segment, records, segment_bases
from storage.marks import boot_identity, read_marks
from storage.ranges import RangeSet
from storage.record import CARRIED, ENTRY, KINDS, entry_targets
from storage.recovery import Recovered, delivered_before, recover
from storage.scan import Damage
from storage.segment import BadSegment, log_name
from storage.snapshot import StreamState
from storage.space import Extent

ATTEMPTS: Final = 5  # to read a folder in which a broker deletes segments meanwhile
Key = tuple[int, int, int, int]  # base, stream, source, attempt


class StreamUse(NamedTuple):
    """One stream; `first` is the number of the first waiting message, `next` that of the next one to come.

    `delivered_messages` of the waiting ones may have been delivered before, `redelivered_messages` more than once,
    `deliveries` times together.
    """

    stream: int
    messages: int
    bytes: int
    first: int
    next: int
    delivered_before: int
    delivered_messages: int
    redelivered_messages: int
    deliveries: int


@dataclass
class SegmentUse:
    """One segment; `records` counts its records by kind."""

    name: str
    size: int
    live_bytes: int = 0
    settled_bytes: int = 0
    dead_bytes: int = 0
    messages: int = 0  # waiting, once for each stream
    records: dict[str, int] = field(default_factory=dict)
    damaged_bytes: int = 0  # which are dead, too

    @property
    def other_bytes(self) -> int:
        """What is no message."""
        return self.size - self.live_bytes - self.settled_bytes - self.dead_bytes


class Usage(NamedTuple):
    """A whole log; `is_clean` says that it was closed in order."""

    streams: list[StreamUse]
    segments: list[SegmentUse]
    is_clean: bool


def usage(files: Files, on_file: Callable[[str], None], boot: int | None = None) -> Usage:
    """Reads a folder as a start of the broker would, and counts its records.

    Args: on_file is told each segment's name before its records are read; boot is the machine's boot identity (None:
    ask the system).
    Raises: OSError.
    """
    recovered = _recover(files)
    marks = read_marks(files, boot_identity() if boot is None else boot)
    streams = [
        _stream_use(state, recovered.extents.get(stream, []), delivered_before(state, marks, recovered.is_clean))
        for stream, state in sorted(recovered.states.items())
    ]
    needed = {
        (extent.segment.base, stream, extent.source, extent.attempt)
        for stream, extents in recovered.extents.items()
        for extent in extents
    }
    settled = {stream: state.settled for stream, state in recovered.states.items()}
    segments: list[SegmentUse] = []
    for base in segment_bases(files):
        on_file(log_name(base))
        try:
            segments.append(_segment_use(files, base, needed, settled))
        except FileNotFoundError:
            continue  # the running broker has deleted it meanwhile
    return Usage(streams, segments, recovered.is_clean)


def _recover(files: Files) -> Recovered:
    for _ in range(ATTEMPTS - 1):
        try:
            return recover(files)
        except FileNotFoundError:
            continue
    return recover(files)


def _stream_use(state: StreamState, extents: list[Extent], delivered: int) -> StreamUse:
    messages = size = seen = 0
    for extent in extents:
        waiting = _waiting(state.settled, extent.first, extent.stop)
        messages += waiting
        size += extent.item_bytes * waiting // max(1, extent.messages)
        seen += _waiting(state.settled, extent.first, max(extent.first, min(extent.stop, delivered)))
    first = next((gap for extent in extents if (gap := state.settled.next_gap(extent.first)) < extent.stop), state.next)
    again = [count for number, count in state.deliveries.items() if state.settled.next_gap(number) == number]
    return StreamUse(
        state.id, messages, size, first, max(state.next, delivered), delivered, seen, len(again), sum(again)
    )


def _waiting(settled: RangeSet, first: int, stop: int) -> int:
    return stop - first - settled.count(first, stop)


def _segment_use(files: Files, base: int, needed: set[Key], settled: dict[int, RangeSet]) -> SegmentUse:
    try:
        segment = open_segment(files, base)
    except BadSegment:
        size = file_size(files, log_name(base))
        return SegmentUse(log_name(base), size, dead_bytes=size, damaged_bytes=size)
    use = SegmentUse(log_name(base), segment.size)
    for found in records(segment):
        if isinstance(found, Damage):
            use.damaged_bytes += found.stop - found.start
            continue
        kind = KINDS[found.header.kind]
        use.records[kind] = use.records.get(kind, 0) + 1
        if found.header.kind in (ENTRY, CARRIED):
            _add_entry(use, found, needed, settled)
    use.dead_bytes += use.damaged_bytes
    return use


def _add_entry(use: SegmentUse, record: Record, needed: set[Key], settled: dict[int, RangeSet]) -> None:
    targets, source, attempt = entry_targets(record.segment.data, record.header)
    count = record.header.item_count
    left = record.size
    for number, (stream, first, _) in enumerate(targets):
        share = left // (len(targets) - number)
        left -= share
        if (record.segment.base, stream, source, attempt) not in needed:
            use.dead_bytes += share
            continue
        waiting = _waiting(settled[stream], first, first + count)
        live = share * waiting // count
        use.messages += waiting
        use.live_bytes += live
        use.settled_bytes += share - live
