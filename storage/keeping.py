"""Keeps the log's folder in order: writes indexes, deletes what nobody needs, names damage.

Must not: touch the active segment, or delete what a snapshot on the disk does not cover.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from storage.appender import Appender
from storage.commit import Committer, Timers
from storage.compaction import Compaction
from storage.files import Files
from storage.index import Stretch
from storage.kept import Keep, Kept
from storage.marks import PREFIX
from storage.scan import Damage
from storage.segment import LOG_SUFFIX, base_of, index_name, log_name
from storage.space import LogCounters, Segment
from storage.status import OK
from storage.stream import LocalStream
from storage.worker import Worker

log = logging.getLogger("leveret.storage")
CHECK_MS: Final = 50  # how soon after something was settled room is made
COMPACT_BELOW: Final = 0.5  # of a segment's bytes, when so much is needed at most, the rest is copied
SPARE_SEGMENTS: Final = 1  # that the log may hold beyond twice what is needed before anything is copied
KEPT_SUFFIX: Final = ".damaged"
KEPT_BYTES_MAX: Final = 1024 * 1024  # of one piece of damage
KEPT_FILES_MAX: Final = 100
DAMAGE_KNOWN_MAX: Final = 10_000  # pieces of damage that are not named again


class Keeping:
    """The segments of a journal, and what becomes of them."""

    def __init__(
        self, files: Files, reader: Worker, timers: Timers, clock_ms: Callable[[], int], segment_bytes: int,
        compaction_bytes_per_s: int, committer: Committer, streams: dict[int, LocalStream], segments: list[Segment],
        keep: Keep,
    ) -> None:  # fmt: skip
        """Args: streams are the journal's own, by id; segments are those found at the start."""
        self.counters = LogCounters()
        self.segments = segments
        self.kept = Kept(files, reader, timers, clock_ms, keep)
        self._files = files
        self._reader = reader
        self._timers = timers
        self._clock_ms = clock_ms
        self._segment_bytes = segment_bytes
        self._compaction_bytes_per_s = compaction_bytes_per_s
        self._committer = committer
        self._streams = streams
        self._appender: Appender | None = None
        self._commit: Callable[[bool], None] = _ignore
        self._unindexed = [segment for segment in segments if segment.stretches]
        self._damaged: set[tuple[str, int]] = set()
        self._is_indexing = False
        self._is_check_due = False
        self._is_closed = False
        self._compaction: Compaction | None = None

    def start(
        self, appender: Appender, commit: Callable[[bool], None], marks: str, damage: list[tuple[str, Damage]]
    ) -> None:
        """The log is open: names damage, deletes what is left over from earlier starts.

        Args: commit hands on everything so far, and says whether somebody waits for it.
        """
        self._appender = appender
        self._commit = commit
        self._sync_found()
        for name, piece in damage:
            if piece.is_unfinished:
                self._unfinished(name, piece)
            else:
                self.damaged(name, piece.start, piece.stop, piece.why)
        bases = {segment.base for segment in self.segments}
        for name in self._files.names():
            is_old_marks = name.startswith(PREFIX) and name != marks
            base = base_of(name)
            if is_old_marks or (base is not None and not name.endswith(LOG_SUFFIX) and base not in bases):
                self._files.remove(name)
        self.advanced()
        self._check_later()

    def _sync_found(self) -> None:
        """What was read may be in the system's memory only; the first snapshot builds upon it."""
        for segment in self._unindexed:
            if segment.is_sealed:
                file = self._files.open(log_name(segment.base))
                try:
                    file.sync()
                finally:
                    file.close()
        self._files.sync_folder()

    def close(self) -> None:
        """Nothing is done any more; the next start finds what is left."""
        self._is_closed = self.kept.is_closed = True
        if self._compaction is not None:
            self._compaction.is_stopped = True

    def add(self, segment: Segment) -> None:
        """A new segment has begun."""
        self.segments.append(segment)
        self._unindexed.append(segment)

    def log_bytes(self) -> tuple[int, int]:
        """The log's size, and about how much of it is needed."""
        return sum(segment.size for segment in self.segments), sum(segment.live_bytes for segment in self.segments)

    # ---- indexes

    def advanced(self) -> None:
        """More of the log is durable: its index may be written."""
        if self._is_indexing or self._is_closed or not self._unindexed:
            return
        segment = self._unindexed[0]
        stretch = segment.stretches[0] if segment.stretches else None
        if stretch is None or not stretch.stop or segment.base + stretch.stop > self._committer.durable:
            return
        self._is_indexing = True
        self._reader.submit(
            lambda: self._write_index(segment, stretch), lambda outcome: self._indexed(segment, stretch, outcome)
        )

    def _write_index(self, segment: Segment, stretch: Stretch) -> int:
        """In the reader: appends a block to the index file; returns its new size."""
        chunks = stretch.encode(segment.base)
        name = index_name(segment.base)
        file = self._files.open(name) if segment.index_bytes else self._files.create(name)
        try:
            file.write(segment.index_bytes, chunks)
        finally:
            file.close()
        return segment.index_bytes + sum(map(len, chunks))

    def _indexed(self, segment: Segment, stretch: Stretch, outcome: int | BaseException) -> None:
        self._is_indexing = False
        if isinstance(outcome, BaseException):
            log.warning("the index of %s cannot be written: %s", log_name(segment.base), outcome)
            self._timers.add(self._clock_ms() + CHECK_MS, self.advanced)
            return
        segment.index_bytes = outcome
        segment.stretches.remove(stretch)
        if segment.is_sealed and not segment.stretches:
            self._unindexed.remove(segment)
            self._check_later()
        self.advanced()

    # ---- space

    def space_changed(self, _segment: Segment) -> None:
        """Less of a sealed segment is needed than before."""
        self._check_later()

    def _check_later(self) -> None:
        if not self._is_check_due:
            self._is_check_due = True
            self._timers.add(self._clock_ms() + CHECK_MS, self._check)

    def _check(self) -> None:
        self._is_check_due = False
        if self._is_closed:
            return
        appender = self._appender
        assert appender is not None, "the log is open"
        covered = self._covered()
        for segment in [one for one in self.segments if one.is_sealed and not one.live and not one.is_going]:
            if segment.base < covered:
                self._delete(segment)
        if covered < appender.active.base:  # the disk may be full: what goes makes room for the active one's head
            self._check_later()
            return
        if self._compaction is None and self._committer.state == OK:
            self._compact(appender)

    def _covered(self) -> int:
        """The base of the last segment whose snapshot is on the disk: it has what earlier ones say beside messages."""
        durable = self._committer.durable
        heads = (one for one in reversed(self.segments) if one.head_bytes and one.base + one.head_bytes <= durable)
        return next((one.base for one in heads), 0)

    def _delete(self, segment: Segment) -> None:
        is_being_indexed = self._is_indexing and self._unindexed and self._unindexed[0] is segment
        if is_being_indexed or self._committer.durable < segment.pinned_until or self.kept.is_held:
            self._check_later()
            return
        segment.is_going = True
        self._forget(segment)
        base = segment.base
        kept = self.kept.set_aside(base, segment.size) if self.kept.takes_more and self._committer.state == OK else None

        def remove() -> None:
            if kept is not None:
                self.kept.rename(kept)
            self._files.remove(log_name(base))
            self._files.remove(index_name(base))
            self._files.sync_folder()  # or it could come back after a segment with copies of its copies has gone

        self._reader.submit(remove, lambda outcome: self._deleted(segment, outcome))

    def _forget(self, segment: Segment) -> None:
        """No stream looks into it any more."""
        for stream_id in list(segment.streams):
            stream = self._streams.get(stream_id)
            if stream is not None:
                stream.replace(segment, [])
        if segment in self._unindexed:
            self._unindexed.remove(segment)

    def _deleted(self, segment: Segment, outcome: BaseException | None) -> None:
        if outcome is not None:
            log.error("%s cannot be deleted: %s", log_name(segment.base), outcome)
        self.segments.remove(segment)
        self.counters.deleted_segments += 1
        self.kept.trim()

    def _compact(self, appender: Appender) -> None:
        """Copies what is needed of the segment that mostly is not, where the log is larger than it should be."""
        _, live = self.log_bytes()
        total = sum(one.size for one in self.segments if one.live or not one.is_sealed)  # others go by themselves
        if total <= 2 * live + SPARE_SEGMENTS * self._segment_bytes:
            return
        sealed = [one for one in self.segments if one.is_sealed and one.live]
        candidates = [one for one in sealed if not one.is_going and not one.stretches]
        segment = min(candidates, key=lambda one: one.live_bytes / one.size, default=None)
        if segment is None or segment.live_bytes > COMPACT_BELOW * segment.size:
            return
        segment.is_going = True
        self._compaction = Compaction(
            segment, self._files, self._reader, self._timers, self._clock_ms, self._compaction_bytes_per_s, appender,
            self._committer, self._commit, self._streams, self.damaged, self._compacted,
        )  # fmt: skip
        self._compaction.start()

    def _compacted(self, segment: Segment, copied_bytes: int, is_done: bool) -> None:
        self._compaction = None
        self.counters.compacted_bytes += copied_bytes
        segment.is_going = False
        if is_done:
            self.counters.compacted_segments += 1
            self._delete(segment)
        self._check_later()

    # ---- damage

    def damaged(self, name: str, start: int, stop: int, why: str) -> None:
        """Names damage in a file, counts it and keeps its bytes aside; once, though many streams may find it."""
        if (name, start) in self._damaged:
            return
        if len(self._damaged) < DAMAGE_KNOWN_MAX:
            self._damaged.add((name, start))
        self.counters.damaged_records += 1
        self.counters.damaged_bytes += stop - start
        log.error("damage in %s, bytes %d to %d: %s; what was there is lost", name, start, stop, why)
        self._reader.submit(lambda: self._keep_aside(name, start, stop), _ignore)

    def _unfinished(self, name: str, piece: Damage) -> None:
        """What a crash has cut off was promised to nobody."""
        self.counters.unfinished_bytes += piece.stop - piece.start
        log.warning("%s ends with %d bytes of a write that was never finished", name, piece.stop - piece.start)
        self._reader.submit(lambda: self._keep_aside(name, piece.start, piece.stop), _ignore)

    def _keep_aside(self, name: str, start: int, stop: int) -> None:
        if sum(other.endswith(KEPT_SUFFIX) for other in self._files.names()) >= KEPT_FILES_MAX:
            return
        file = self._files.open(name)
        try:
            data = file.read(start, min(stop - start, KEPT_BYTES_MAX))
        finally:
            file.close()
        kept = self._files.create(f"{name}-{start}{KEPT_SUFFIX}")
        try:
            kept.write(0, [data])
        finally:
            kept.close()


def _ignore(outcome: object) -> None:
    if isinstance(outcome, BaseException):
        log.warning("damaged bytes could not be kept aside: %s", outcome)
