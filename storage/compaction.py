"""Copies what is still needed of one segment behind the end of the log, so that the segment can go.

Must not: take the loop or the disk for itself: it works in small steps at a bounded rate.

Invariants
1. The streams look into the old segment until every copy is durable, then into the copies, at once.
2. Copies name the segment they come from and the attempt: a crash at any moment leaves either the segment, which wins,
   or all copies of the last attempt.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Final

from storage.appender import Appender
from storage.commit import Committer, Timers
from storage.files import Files
from storage.index import Table
from storage.reading import Place, ReadPart, parts_of, places, read_parts, read_tables
from storage.record import BadRecord, Entry, Target, check_payload, decode_entry, read_header
from storage.segment import log_name
from storage.space import Extent, Run, Segment
from storage.status import OK
from storage.stream import LocalStream
from storage.worker import Worker

log = logging.getLogger("leveret.storage")
STEP_BYTES: Final = 128 * 1024  # read, and copied, at a time
STEP_ENTRIES: Final = 2000  # looked at in one go
STEP_MS_MIN: Final = 2
WAIT_MS: Final = 100  # while the disk is full
Slice = tuple[int, int]  # messages of an entry, counted from its first


class Compaction:
    """One attempt at one segment."""

    def __init__(
        self, segment: Segment, files: Files, reader: Worker, timers: Timers, clock_ms: Callable[[], int],
        bytes_per_s: int, appender: Appender, committer: Committer, commit: Callable[[bool], None],
        streams: dict[int, LocalStream],
        on_damage: Callable[[str, int, int, str], None], on_done: Callable[[Segment, int, bool], None],
    ) -> None:  # fmt: skip
        self._segment = segment
        self._files = files
        self._reader = reader
        self._timers = timers
        self._clock_ms = clock_ms
        self._bytes_per_s = bytes_per_s
        self._appender = appender
        self._committer = committer
        self._commit = commit
        self._streams = streams
        self._on_damage = on_damage
        self._on_done = on_done
        self._attempt = appender.end
        self.is_stopped = False  # the journal has been closed
        self._copied_bytes = 0
        self._offsets: set[int] = set()
        self._places: list[Place] = []
        self._next = 0
        self._runs: dict[int, list[Run]] = {}  # what was copied of each stream

    def start(self) -> None:
        """Begins; `on_done` tells when it is over, how many bytes were copied, and whether all of them."""
        segment = self._segment
        wanted = {
            (stream_id, extent.source, extent.attempt)
            for stream_id in segment.streams
            for extent in self._extents(stream_id)
        }
        indexed = segment.indexed
        self._reader.submit(lambda: read_tables(self._files, indexed, lambda *key: key in wanted), self._found)

    def _extents(self, stream_id: int) -> list[Extent]:
        stream = self._streams.get(stream_id)
        return [] if stream is None else [one for one in stream.extents if one.segment is self._segment]

    def _found(self, outcome: list[Table] | BaseException) -> None:
        if isinstance(outcome, BaseException):
            self._give_up(outcome)
            return
        steps = self._choose(outcome)
        self._step(lambda: self._go_on(steps))

    def _go_on(self, steps: Iterator[None]) -> None:
        if next(steps, self) is self:
            self._places.sort()
            self._read()
        else:
            self._step(lambda: self._go_on(steps))

    def _choose(self, tables: list[Table]) -> Iterator[None]:
        """Notes the records that have something needed, a step at a time."""
        looked_at = 0
        for stream_id in list(self._segment.streams):
            for extent in self._extents(stream_id):
                key = (stream_id, extent.source, extent.attempt)
                pieces = [one for one in tables if (one.stream, one.source, one.attempt) == key]
                for place in places(pieces, extent.first, extent.stop):
                    stream = self._streams.get(stream_id)
                    if stream is not None and stream.is_needed(place.first, place.stop):
                        self._note(place)
                    looked_at += 1
                    if looked_at % STEP_ENTRIES == 0:
                        yield

    def _note(self, place: Place) -> None:
        if place.offset not in self._offsets:
            self._offsets.add(place.offset)
            self._places.append(place)

    # ---- copying

    def _step(self, action: Callable[[], None], copied_bytes: int = 0) -> None:
        pause_ms = max(STEP_MS_MIN, copied_bytes * 1000 // self._bytes_per_s)
        self._timers.add(self._clock_ms() + pause_ms, action)

    def _read(self) -> None:
        if self.is_stopped:
            return
        if self._committer.state != OK:
            self._timers.add(self._clock_ms() + WAIT_MS, self._read)
            return
        if self._next == len(self._places):
            self._finish()
            return
        chosen: list[Place] = []
        size = 0
        while self._next < len(self._places) and size < STEP_BYTES:
            chosen.append(self._places[self._next])
            size += chosen[-1].length
            self._next += 1
        parts = parts_of(chosen)
        base = self._segment.base
        self._reader.submit(lambda: read_parts(self._files, base, parts), lambda error: self._copy(parts, error))

    def _copy(self, parts: list[ReadPart], error: BaseException | None) -> None:
        if error is not None:
            self._give_up(error)
            return
        copied = 0
        for part in parts:
            for place in part.places:
                copied += self._copy_record(part, place)
        self._copied_bytes += copied
        self._commit(False)
        self._step(self._read, sum(len(part.data) for part in parts) + copied)

    def _copy_record(self, part: ReadPart, place: Place) -> int:
        at = place.offset - part.start
        try:
            header = read_header(part.data, at, self._segment.nonce + place.offset)
            check_payload(part.data, header)
            entry = decode_entry(part.data, header)
        except BadRecord as error:
            name = log_name(self._segment.base)
            self._on_damage(name, place.offset, place.offset + place.length, str(error))
            return 0
        size = 0
        for (first, stop), rows in self._needed(entry).items():
            size += self._appender.carry(
                rows, entry.stamp_ms, entry.head, entry.items[first:stop], self._segment.base, self._attempt
            )
            self._carried(rows, entry.items[first:stop])
        return size

    def _needed(self, entry: Entry) -> dict[Slice, list[Target]]:
        """The runs of an entry that streams still need, each with these streams."""
        count = len(entry.items)
        runs: dict[Slice, list[Target]] = {}
        for stream_id, first, expires_ms in entry.targets:
            stream = self._streams.get(stream_id)
            if stream is not None and self._is_here(stream, first):
                for start, stop, _ in stream.needed_runs(first, first + count):
                    rows = runs.setdefault((start - first, stop - first), [])
                    rows.append((stream_id, start, expires_ms))
        return runs

    def _is_here(self, stream: LocalStream, number: int) -> bool:
        extent = stream.extent_of(number)
        return extent is not None and extent.segment is self._segment

    def _carried(self, rows: list[Target], items: list[bytes]) -> None:
        size = sum(map(len, items))
        for stream_id, first, _ in rows:
            run = (first, first + len(items), self._appender.active, size, self._segment.base, self._attempt)
            self._runs.setdefault(stream_id, []).append(run)

    # ---- the end

    def _finish(self) -> None:
        """Waits until every copy is durable."""
        self._commit(True)  # with what was settled meanwhile: of that there are no copies
        end = self._appender.end
        self._wait(end)

    def _wait(self, end: int) -> None:
        if self._committer.durable < end and self._runs:
            self._timers.add(self._clock_ms() + STEP_MS_MIN, lambda: self._wait(end))
            return
        for stream_id in list(self._segment.streams):
            stream = self._streams.get(stream_id)
            if stream is not None:
                stream.replace(self._segment, self._runs.get(stream_id, []))
        self._segment.live = self._segment.live_bytes = 0
        self._on_done(self._segment, self._copied_bytes, True)

    def _give_up(self, error: BaseException) -> None:
        log.error("%s cannot be compacted: %s", log_name(self._segment.base), error)
        self._on_done(self._segment, self._copied_bytes, False)
