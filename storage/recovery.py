"""Brings a folder's log back: the segments there are, and every stream as it was. No damage keeps it from that.

Must not: write or delete anything; the journal that opens the folder does.

1. From each segment, its index; what the index does not cover is scanned. Damage is noted and left out.
2. What is settled comes from the last snapshot and the records behind it.
3. A segment that is there wins over copies that compaction made of its messages; of copies of a segment that is gone,
   the latest attempt wins: the one before which the segment was deleted.
4. The same bytes give the same state, however often they are read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from storage.files import Files
from storage.index import MAY_EXPIRE, Stretch, Summary, Table, read_blocks
from storage.marks import AHEAD_MAX
from storage.ranges import RangeSet
from storage.reading import read_tables
from storage.record import CLEAN, COUNTED_RANGE, DELIVERED, DROPPED, RANGE, SETTLED, SNAPSHOT, STREAM
from storage.scan import Damage, index_records
from storage.segment import HEAD_BYTES, BadSegment, NewerSegment, base_of, decode_head, index_name, log_name
from storage.snapshot import StreamState, decode_states
from storage.space import Extent, Run, Segment, extents_of

SEGMENTS_MAX: Final = 1_000_000
FIRST_BASE: Final = 4096  # of a new log: 0 stands for no segment


@dataclass
class Content:
    """What was read of one segment."""

    segment: Segment
    tables: list[Summary | Table] = field(default_factory=list)
    control: list[tuple[int, bytes]] = field(default_factory=list)
    damage: list[Damage] = field(default_factory=list)


@dataclass
class Recovered:
    """A log as it is found; `end` is the position behind its last byte, `is_clean` says that it was closed."""

    contents: list[Content]
    states: dict[int, StreamState]
    extents: dict[int, list[Extent]]
    damage: list[tuple[str, Damage]]
    end: int
    is_clean: bool


class NewerLogError(Exception):
    """A later version wrote this log: what it says would be lost here. The text is one line for the user."""


def recover(files: Files) -> Recovered:
    """Reads the log of a folder. Raises: NewerLogError, OSError."""
    names = files.names()
    bases = sorted(base for name in names if name.endswith(".log") and (base := base_of(name)) is not None)
    contents: list[Content] = []
    damage: list[tuple[str, Damage]] = []
    end = FIRST_BASE
    for base in bases[:SEGMENTS_MAX]:
        size = _size(files, log_name(base))
        if size < HEAD_BYTES:  # its creation was cut short; the next segment takes its place
            continue
        try:
            content = read_segment(files, base, index_name(base) in names)
        except NewerSegment as error:
            raise NewerLogError(f"{log_name(base)}: {error}; start the version that wrote it, or a later one") from None
        except BadSegment as error:
            damage.append((log_name(base), Damage(0, size, str(error))))
            end = max(end, base + size)
            continue
        contents.append(content)
        damage += [(log_name(base), piece) for piece in content.damage]
        end = max(end, content.segment.end)
    states, live_from, dropped = _states(contents)
    extents = _extents(files, contents, states, live_from, dropped)
    last = contents[-1].control[-1][0] if contents and contents[-1].control else 0
    return Recovered(contents, states, extents, damage, end, last == CLEAN)


def _size(files: Files, name: str) -> int:
    file = files.open(name)
    try:
        return file.size()
    finally:
        file.close()


def read_segment(files: Files, base: int, has_index: bool) -> Content:
    """One segment: from its index as far as that goes, then from its records. Raises: BadSegment."""
    file = files.open(log_name(base))
    try:
        size = file.size()
        nonce, bad_copies = decode_head(file.read(0, HEAD_BYTES), base)
        segment = Segment(base, nonce, size)
        segment.is_sealed = True
        content = Content(segment)
        if bad_copies:
            content.damage.append(Damage(0, HEAD_BYTES, "a copy of the segment's head is damaged"))
        covered = _read_index(files, content, size) if has_index else HEAD_BYTES
        if covered < size:
            stretch, damage = index_records(file.read(covered, size - covered), nonce, covered)
            content.damage += damage
            _take(content, stretch)
    finally:
        file.close()
    return content


def _read_index(files: Files, content: Content, size: int) -> int:
    """Takes what the index file says; returns the offset up to which it goes."""
    file = files.open(index_name(content.segment.base))
    covered = HEAD_BYTES
    try:
        for block in read_blocks(file, content.segment.base):
            if block.start != covered or block.stop > size:
                break
            content.tables += block.tables
            content.control += block.control
            covered = block.stop
            content.segment.index_bytes = block.end
    finally:
        file.close()
    return covered


def _take(content: Content, stretch: Stretch) -> None:
    content.segment.stretches.append(stretch)
    content.tables += stretch.tables.values()
    content.control += stretch.control


# ---- what is settled


def _states(contents: list[Content]) -> tuple[dict[int, StreamState], int, set[int]]:
    """The streams' states, the index of the segment with the snapshot they start from, and the dropped streams."""
    start = max((at for at, content in enumerate(contents) if _has_snapshot(content)), default=0)
    states: dict[int, StreamState] = {}
    dropped: set[int] = set()
    for content in contents[start:]:
        for kind, payload in content.control:
            if kind in (SNAPSHOT, CLEAN):
                states = {state.id: state for state in decode_states(payload)}
            else:
                _apply(kind, payload, states, dropped)
    return states, start, dropped


def _has_snapshot(content: Content) -> bool:
    return any(kind in (SNAPSHOT, CLEAN) for kind, _ in content.control)


def new_state(stream: int) -> StreamState:
    """A stream of which nothing is known."""
    return StreamState(stream, 1, 0, False, RangeSet(), {})


def delivered_before(state: StreamState, marks: dict[int, int] | None, is_clean: bool) -> int:
    """The number below which a stream's messages may have been delivered before this start.

    Args: marks are those of the same boot of the machine; None: the power went, or nobody knows.
    """
    if marks is not None:
        mark = marks.get(state.id, 0)
        return max(state.delivered, mark if mark <= state.next + AHEAD_MAX else state.next)
    return state.delivered if is_clean else state.next


def _apply(kind: int, payload: bytes, states: dict[int, StreamState], dropped: set[int]) -> None:
    if kind == SETTLED:
        for stream, first, stop in RANGE.iter_unpack(payload):
            state = states.get(stream)
            if state is None:
                state = states[stream] = new_state(stream)
            state.settled.add(first, stop)
    elif kind == DELIVERED:
        for stream, first, stop, count in COUNTED_RANGE.iter_unpack(payload):
            state = states.get(stream)
            if state is None:
                state = states[stream] = new_state(stream)
            state.deliveries.update(dict.fromkeys(range(first, stop), count))
    elif kind == DROPPED:
        for (stream,) in STREAM.iter_unpack(payload):
            states.pop(stream, None)
            dropped.add(stream)


# ---- where the rest is


def _extents(
    files: Files, contents: list[Content], states: dict[int, StreamState], live_from: int, dropped: set[int]
) -> dict[int, list[Extent]]:
    """Where each stream's messages stand; completes the states with what the tables say."""
    bases = {content.segment.base for content in contents}
    attempts = _last_attempts(table for content in contents for table in content.tables)
    found: dict[int, list[Extent]] = {}
    for at, content in enumerate(contents):
        for table in content.tables:
            stream = table.stream
            if stream in dropped or (stream not in states and at < live_from):
                continue
            if table.source and (table.source in bases or attempts[stream, table.source] != table.attempt):
                continue
            state = states.get(stream) or new_state(stream)
            states[stream] = state._replace(
                next=max(state.next, table.stop), may_expire=state.may_expire or table.flags & MAY_EXPIRE != 0
            )
            _add_extent(found.setdefault(stream, []), content.segment, table)
    for stream, extents in found.items():
        extents.sort(key=_first)
        if any(one.stop > other.first for one, other in pairwise(extents)):
            found[stream] = _apart(files, stream, extents)
    for content in contents:
        if any(piece.start >= HEAD_BYTES and piece.stop < content.segment.size for piece in content.damage):
            _settle_missing(files, content.segment, states, found)
    for stream, state in states.items():
        highest = max((stop for _, stop in state.settled), default=1)
        states[stream] = state._replace(next=max(state.next, highest, state.delivered))
    return found


def _last_attempts(tables: Iterable[Summary | Table]) -> dict[tuple[int, int], int]:
    attempts: dict[tuple[int, int], int] = {}
    for table in tables:
        key = (table.stream, table.source)
        attempts[key] = max(attempts.get(key, 0), table.attempt)
    return attempts


def _settle_missing(
    files: Files, segment: Segment, states: dict[int, StreamState], found: dict[int, list[Extent]]
) -> None:
    """Numbers within the extents of a damaged segment that no entry has are lost."""
    entries: dict[tuple[int, int, int], list[tuple[int, int]]] = {}
    tables = [table for stretch in segment.stretches for table in stretch.tables.values()]
    tables += read_tables(files, segment.indexed, lambda *_: True)
    for table in tables:
        runs = entries.setdefault((table.stream, table.source, table.attempt), [])
        runs += [(first, first + count) for first, count in zip(table.firsts, table.counts, strict=True)]
    for stream, extents in found.items():
        for extent in extents:
            if extent.segment is segment:
                for first, stop in _gaps(extent, entries[stream, extent.source, extent.attempt]):
                    states[stream].settled.add(first, stop)


def _gaps(extent: Extent, runs: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    expected = extent.first
    for first, stop in sorted(runs):
        if expected < first < extent.stop:
            yield expected, first
        expected = max(expected, stop)


def _add_extent(extents: list[Extent], segment: Segment, table: Summary | Table) -> None:
    """Adds a table's messages; a segment's later stretches of the same kind continue its extent."""
    if extents and extents[-1].segment is segment and extents[-1].source == table.source:
        extent = extents[-1]
        extent.first, extent.stop = min(extent.first, table.first), max(extent.stop, table.stop)
    else:
        extent = Extent(table.first, table.stop, segment, table.source, table.attempt)
        extents.append(extent)
    extent.messages += table.messages
    extent.item_bytes += table.item_bytes
    extent.log_bytes += table.log_bytes


def _first(extent: Extent) -> int:
    return extent.first


def _apart(files: Files, stream: int, extents: list[Extent]) -> list[Extent]:
    """Copies may stand around other extents' numbers: takes theirs apart, so that extents do not overlap."""
    originals = [extent for extent in extents if not extent.source]
    copies = [extent for extent in extents if extent.source]
    runs = [run for extent in copies for run in _runs(files, stream, extent)]
    others = extents_of(runs, [extent.first for extent in originals])
    return sorted(originals + others, key=_first)


def _runs(files: Files, stream: int, extent: Extent) -> Iterator[Run]:
    segment = extent.segment
    key = (stream, extent.source, extent.attempt)
    tables = [stretch.tables[key] for stretch in segment.stretches if key in stretch.tables]
    tables += read_tables(files, segment.indexed, lambda *found: found == key)
    for table in tables:
        size = table.item_bytes // max(1, table.messages)
        for first, count in zip(table.firsts, table.counts, strict=True):
            yield first, first + count, segment, size * count, extent.source, extent.attempt
