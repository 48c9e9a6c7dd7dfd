"""Loads waiting messages back from the log, a stretch at a time, through the reader.

Must not: decide what is loaded when; queues do.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from struct import error as struct_error
from typing import Final

from storage.commit import Committer, Timers
from storage.files import Files
from storage.index import Table
from storage.index_cache import IndexCache
from storage.journal import LOADED_RECORDS_MAX, Loaded, OnLoaded
from storage.keeping import Keeping
from storage.reading import Place, ReadPart, needed_places, parts_of, read_parts, read_tables
from storage.record import (
    HEADER_BYTES,
    SIZES_BYTES,
    SOURCE,
    TARGET_BYTES,
    BadRecord,
    check_payload,
    decode_entry,
    entry_sizes,
    entry_targets,
    read_header,
)
from storage.segment import log_name
from storage.space import Extent, Segment
from storage.stream import LocalStream
from storage.worker import Worker

log = logging.getLogger("leveret.storage")
RETRY_MS: Final = 1000  # after a read that failed
_BEFORE_HEAD_BYTES: Final = HEADER_BYTES + TARGET_BYTES + SOURCE.size + SIZES_BYTES  # of an entry with one target


class _Request:
    """One call of load; `head_bytes` above 0: nothing but so much of the heads is wanted."""

    __slots__ = ("extent", "first", "head_bytes", "on_loaded", "segment", "size_bytes", "stop", "stream")

    def __init__(self, stream: LocalStream, first: int, size_bytes: int, on_loaded: OnLoaded, head_bytes: int) -> None:
        self.stream = stream
        self.first = first
        self.size_bytes = size_bytes
        self.on_loaded = on_loaded
        self.head_bytes = head_bytes
        self.extent: Extent | None = None
        self.segment: Segment | None = None
        self.stop = 0

    def part_of(self, place: Place) -> Place:
        """As much of a record as is wanted."""
        if not self.head_bytes:
            return place
        return place._replace(length=min(place.length, _BEFORE_HEAD_BYTES + self.head_bytes))


class Loader:
    """Answers load requests, each in three steps: find the index, read the records, cut out what is needed."""

    __slots__ = ("_clock_ms", "_committer", "_files", "_keeping", "_reader", "_scattered", "_timers")

    def __init__(
        self, files: Files, reader: Worker, timers: Timers, clock_ms: Callable[[], int], committer: Committer,
        keeping: Keeping,
    ) -> None:  # fmt: skip
        self._files = files
        self._reader = reader
        self._timers = timers
        self._clock_ms = clock_ms
        self._committer = committer
        self._keeping = keeping
        self._scattered = IndexCache()

    def load(self, stream: LocalStream, first: int, size_bytes: int, on_loaded: OnLoaded, head_bytes: int = 0) -> None:
        """Reads messages of a stream from number `first` on, and calls back with them; with their heads only where
        `head_bytes` says how much of those.
        """
        self._find(_Request(stream, first, size_bytes, on_loaded, head_bytes))

    def _find(self, request: _Request) -> None:
        stream = request.stream
        if stream.is_dropped:
            request.on_loaded((), stream.next)
            return
        extent = stream.extent_with(request.first)
        if extent is None:
            request.on_loaded((), stream.next)
            return
        request.first = stream.settled.next_gap(max(request.first, extent.first))
        segment = request.segment = extent.segment
        request.extent = extent
        request.stop = extent.stop
        key = (stream.id, extent.source, extent.attempt)
        in_memory = [stretch.tables[key] for stretch in segment.stretches if key in stretch.tables]
        if not segment.index_bytes:
            self._read(request, in_memory)
            return
        known = self._known(stream, extent, segment.index_bytes)
        if known is not None:
            self._read(request, known + in_memory)
            return
        indexed = segment.indexed

        def read() -> list[Table]:
            return read_tables(self._files, indexed, lambda *found: found == key)

        def done(outcome: list[Table] | BaseException) -> None:
            if isinstance(outcome, BaseException):
                self._again(request, outcome)
                return
            self._remember(stream, extent, outcome, indexed.index_bytes)
            self._read(request, outcome + in_memory)

        self._reader.submit(read, done)

    def _known(self, stream: LocalStream, extent: Extent, index_bytes: int) -> list[Table] | None:
        cached = stream.cached
        if cached is not None and cached[0] is extent and cached[2] == index_bytes:
            return cached[1]
        return self._scattered.get(extent, index_bytes)

    def _remember(self, stream: LocalStream, extent: Extent, tables: list[Table], index_bytes: int) -> None:
        """The last extent of each stream; more of one whose messages are not asked for in their order."""
        cached = stream.cached
        if cached is not None and extent.first < cached[0].first:
            stream.is_scattered = True
        if stream.is_scattered:
            self._scattered.put(extent, tables, index_bytes)
        stream.cached = (extent, tables, index_bytes)

    def _read(self, request: _Request, pieces: list[Table]) -> None:
        segment = request.segment
        assert segment is not None
        written = self._committer.written - segment.base
        found: list[Place] = []
        size = 0
        stop = request.first
        next_gap = request.stream.settled.next_gap
        for place in needed_places(pieces, request.first, request.stop, next_gap):
            if place.offset + place.length > written:
                break
            stop = place.stop
            found.append(request.part_of(place))
            size += found[-1].length
            if size >= request.size_bytes or len(found) == LOADED_RECORDS_MAX:
                break
        else:
            stop = request.stop  # whatever else the extent names is not there
        if not found:
            self._none(request, stop)
            return
        wanted = parts_of(found)
        self._reader.submit(
            lambda: read_parts(self._files, segment.base, wanted),
            lambda outcome: self._taken(request, segment, wanted, stop, outcome),
        )

    def _none(self, request: _Request, stop: int) -> None:
        """The extent has nothing more: either the next one has, or it is not written yet."""
        if stop > request.first:
            request.first = stop
            self._find(request)
        else:
            request.on_loaded((), request.first)

    def _again(self, request: _Request, error: BaseException) -> None:
        """The segment has been deleted meanwhile, or cannot be read just now."""
        request.stream.cached = None
        if request.extent is not None:
            self._scattered.forget(request.extent)
        if isinstance(error, FileNotFoundError):
            self._find(request)
            return
        log.error("stream %d cannot be read, trying again: %s", request.stream.id, error)
        self._timers.add(self._clock_ms() + RETRY_MS, lambda: self._find(request))

    def _taken(
        self, request: _Request, segment: Segment, wanted: list[ReadPart], stop: int, error: BaseException | None
    ) -> None:
        if error is not None:
            self._again(request, error)
            return
        stream = request.stream
        runs: list[Loaded] = []
        for part in wanted:
            for place in part.places:
                runs += self._runs(request, segment, part, place)
        counters = self._keeping.counters
        counters.loads += len(wanted)
        counters.loaded += sum(len(run.items) for run in runs)
        counters.loaded_bytes += sum(len(part.data) for part in wanted)
        if runs or stop >= stream.next:
            request.on_loaded(runs, stop)
        else:
            request.first = stop
            self._find(request)

    def _runs(self, request: _Request, segment: Segment, part: ReadPart, place: Place) -> Iterator[Loaded]:
        """What of one record is still needed."""
        if request.head_bytes:
            yield from self._heads(request, segment, part, place)
            return
        stream = request.stream
        at = place.offset - part.start
        stop = place.stop
        try:
            header = read_header(part.data, at, segment.nonce + place.offset)
            check_payload(part.data, header)
            entry = decode_entry(part.data, header)
        except BadRecord as error:
            self._keeping.damaged(log_name(segment.base), place.offset, place.offset + place.length, str(error))
            stream.lost(place.first, stop)
            return
        expires_ms = next((target[2] for target in entry.targets if target[0] == stream.id), 0)
        share_bytes = place.length // (len(entry.targets) * (place.stop - place.first))
        for first, last, deliveries in stream.needed_runs(max(place.first, request.first), stop):
            items = entry.items
            if last - first != (place.stop - place.first):
                items = items[first - place.first : last - place.first]
            yield Loaded(first, items, entry.head, entry.stamp_ms, expires_ms, deliveries, share_bytes)

    def _heads(self, request: _Request, segment: Segment, part: ReadPart, place: Place) -> Iterator[Loaded]:
        """What of one record is still needed, with empty items; what is damaged is left to whoever loads it."""
        stream, data = request.stream, part.data
        try:
            header = read_header(data, place.offset - part.start, segment.nonce + place.offset)
            targets, _, _ = entry_targets(data, header)
            stamp_ms, head_bytes, _, at = entry_sizes(data, header)
        except (BadRecord, struct_error):  # cut off behind its first targets, if not damaged
            targets, stamp_ms, head_bytes, at = [], 0, 0, 0
        expires_ms = next((target[2] for target in targets if target[0] == stream.id), 0)
        head = bytes(data[at : at + min(head_bytes, request.head_bytes)])
        for first, last, deliveries in stream.needed_runs(max(place.first, request.first), place.stop):
            yield Loaded(first, [b""] * (last - first), head, stamp_ms, expires_ms, deliveries, 0)
