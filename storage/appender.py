"""Puts records behind the last one: places them in the active segment, notes them in its index, begins new segments.

Must not: wait for anything; the committer writes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from storage.commit import Committer
from storage.index import Stretch
from storage.record import (
    CARRIED,
    ENTRY,
    GROUP,
    HEADER_BYTES,
    NESTED,
    SNAPSHOT,
    Target,
    control_frame,
    entry_payload,
    frame,
    padded,
    single_payload,
)
from storage.segment import HEAD_BYTES, encode_head, log_name
from storage.snapshot import StreamState, encode_states
from storage.space import Segment
from storage.stream import LocalStream

SNAPSHOT_COPIES: Final = 2
ROLL_SHARE: Final = 64  # of a full segment, that one has at least when it is ended early
Control = tuple[int, list[bytes]]  # a kind of record, and its parts


class Entry:
    """Messages to append; their numbers are given out when this is made."""

    __slots__ = ("firsts", "head", "items", "stamp_ms", "targets")

    def __init__(
        self, targets: Sequence[tuple[LocalStream, int]], stamp_ms: int, head: bytes, items: Sequence[bytes]
    ) -> None:
        self.targets = targets
        self.stamp_ms = stamp_ms
        self.head = head
        self.items = items
        self.firsts = [stream.next for stream, _ in targets]
        for stream, _ in targets:
            stream.next += len(items)

    def rows(self) -> list[Target]:
        """The targets as records have them."""
        return [
            (stream.id, first, expires_ms)
            for (stream, expires_ms), first in zip(self.targets, self.firsts, strict=True)
        ]


class Appender:
    """The end of the log."""

    __slots__ = ("_committer", "_empty_bytes", "_index_bytes", "_nonce", "_on_segment", "_segment_bytes", "_states",
                 "active")  # fmt: skip

    def __init__(
        self, committer: Committer, segment_bytes: int, index_bytes: int, nonce: Callable[[], int],
        states: Callable[[], Iterable[StreamState]], on_segment: Callable[[Segment], None],
    ) -> None:  # fmt: skip
        """Begins a segment where the log ends.

        Args: index_bytes is the stretch of a segment after which its index may be written; nonce gives random numbers
        of 32 bits; states are what a snapshot has to say; on_segment gets each new segment.
        """
        self._committer = committer
        self._segment_bytes = segment_bytes
        self._index_bytes = index_bytes
        self._nonce = nonce
        self._states = states
        self._on_segment = on_segment
        self._empty_bytes = 0
        self.active = self._begin(committer.written)

    @property
    def end(self) -> int:
        """The position behind the last record."""
        return self.active.base + self.active.size

    # ---- records

    def entry(self, entry: Entry) -> int:
        """Appends messages; returns the size of the record."""
        rows, items = entry.rows(), entry.items
        payload, length = entry_payload(rows, entry.stamp_ms, entry.head, items, None)
        size = HEADER_BYTES + len(payload)
        segment = self._room(size)
        offset = segment.size
        chunks = frame(ENTRY, len(rows), len(items), payload, length, segment.nonce + offset)
        self._add(segment, chunks, size)
        _note(segment, offset, size, entry, rows)
        return size

    def single(self, stream: LocalStream, expires_ms: int, stamp_ms: int, head: bytes, items: Sequence[bytes]) -> int:
        """Appends messages to one stream, as most are; returns the size of the record."""
        first, count = stream.next, len(items)
        stream.next = first + count
        payload, length = single_payload(stream.id, first, expires_ms, stamp_ms, head, items)
        size = HEADER_BYTES + len(payload)
        segment = self._room(size)
        offset = segment.size
        self._committer.add(frame(ENTRY, 1, count, payload, length, segment.nonce + offset), size)
        segment.size = offset + size
        item_bytes = count * len(items[0])
        segment.stretches[-1].add_single(stream.id, first, expires_ms, count, offset, size, item_bytes)
        stream.appended(first, count, expires_ms, segment, item_bytes, size // count)
        return size

    def carry(
        self, rows: list[Target], stamp_ms: int, head: bytes, items: list[bytes], source: int, attempt: int
    ) -> int:
        """Copies messages for compaction; returns the size of the record. Their streams are told later."""
        payload, length = entry_payload(rows, stamp_ms, head, items, (source, attempt))
        size = HEADER_BYTES + len(payload)
        segment = self._room(size)
        offset = segment.size
        self._add(segment, frame(CARRIED, len(rows), len(items), payload, length, segment.nonce + offset), size)
        item_bytes = len(items) * len(items[0])
        segment.stretches[-1].add_entry(rows, len(items), offset, size, item_bytes, source, attempt)
        return size

    def control(self, kind: int, parts: list[bytes]) -> None:
        """Appends a record that is no entry."""
        payload = b"".join(parts)
        size = HEADER_BYTES + padded(len(payload))
        segment = self._room(size)
        self._add(segment, control_frame(kind, len(parts), payload, segment.nonce + segment.size), size)
        segment.stretches[-1].control.append((kind, payload))

    def begin_group(self) -> None:
        """A group follows; nothing that it does was asked for yet."""
        self._room(0)

    def group(self, entries: list[Entry], controls: list[Control]) -> None:
        """Appends entries and other records that stand or fall together, after `begin_group`."""
        payloads = [entry_payload(one.rows(), one.stamp_ms, one.head, one.items, None) for one in entries]
        parts = [(kind, len(pieces), b"".join(pieces)) for kind, pieces in controls]
        inner = sum(HEADER_BYTES + len(payload) for payload, _ in payloads)
        inner += sum(HEADER_BYTES + padded(len(payload)) for _, _, payload in parts)
        segment = self.active  # a new one would begin with a snapshot that says what the group did, before the group
        at, nonce = segment.size + HEADER_BYTES, segment.nonce
        chunks: list[bytes] = []
        for one, (payload, length) in zip(entries, payloads, strict=True):
            chunks += frame(ENTRY | NESTED, len(one.targets), len(one.items), payload, length, nonce + at)
            _note(segment, at, HEADER_BYTES + len(payload), one, one.rows())
            at += HEADER_BYTES + len(payload)
        for kind, count, payload in parts:
            chunks += control_frame(kind | NESTED, count, payload, nonce + at)
            segment.stretches[-1].control.append((kind, payload))
            at += HEADER_BYTES + padded(len(payload))
        whole = b"".join(chunks)
        outer = frame(GROUP, 0, len(payloads) + len(parts), whole, inner, nonce + segment.size)
        self._add(segment, outer, HEADER_BYTES + inner)

    def _add(self, segment: Segment, chunks: list[bytes], size: int) -> None:
        self._committer.add(chunks, size)
        segment.size += size

    # ---- segments

    def _room(self, size: int) -> Segment:
        """The segment for a record of that size: the active one, or a new one."""
        active = self.active
        if active.size + size > self._segment_bytes and active.size > self._empty_bytes:
            self.seal()
            active = self.active = self._begin(active.end)
        elif active.size - active.stretches[-1].start >= self._index_bytes:
            active.stretches[-1].stop = active.size
            active.stretches.append(Stretch(active.size))
        return active

    def roll(self) -> None:
        """Begins a new segment, where that is worth it: the active one may be small, but not tiny."""
        if self.active.size - self._empty_bytes > self._segment_bytes // ROLL_SHARE:
            self.seal()
            self.active = self._begin(self.active.end)

    def seal(self) -> None:
        """Nothing more comes into the active segment."""
        self.active.stretches[-1].stop = self.active.size
        self.active.is_sealed = True

    def _begin(self, base: int) -> Segment:
        segment = Segment(base, self._nonce(), HEAD_BYTES)
        segment.stretches.append(Stretch(HEAD_BYTES))
        self._committer.open_file(log_name(base))
        self._committer.add([encode_head(base, segment.nonce)], HEAD_BYTES)
        states = list(self._states())
        payload = encode_states(states)
        for _ in range(SNAPSHOT_COPIES):
            size = HEADER_BYTES + padded(len(payload))
            self._add(segment, control_frame(SNAPSHOT, len(states), payload, segment.nonce + segment.size), size)
        segment.stretches[0].control.append((SNAPSHOT, payload))
        self._empty_bytes = segment.head_bytes = segment.size
        self._on_segment(segment)
        return segment


def _note(segment: Segment, offset: int, size: int, entry: Entry, rows: list[Target]) -> None:
    """Puts an entry into the index, and into its streams' extents."""
    items = entry.items
    count = len(items)
    item_bytes = count * len(items[0])
    segment.stretches[-1].add_entry(rows, count, offset, size, item_bytes, 0, 0)
    share_bytes = size // (count * len(rows))
    for (stream, expires_ms), row in zip(entry.targets, rows, strict=True):
        stream.appended(row[1], count, expires_ms, segment, item_bytes, share_bytes)
