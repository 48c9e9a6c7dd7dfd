"""The journal on segments of an append-only log: one per node, all durable queues in it.

Must not: block the loop on a disk; reading and writing is the workers'.

Invariants, beyond those of `storage/journal.py`
1. Everything that is settled, delivered again or dropped is in a record of the active segment, or in the snapshot at
   its head: a segment whose messages are all settled can go, whatever else it says.
2. A segment goes only when the snapshot at the head of a later one is durable, and so is every group that settled some
   of it: a group that a crash undoes needs its messages again.
3. What the index file says of a segment is durable in the segment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from secrets import randbits
from typing import Final, cast

from storage.appender import Appender, Control, Entry
from storage.commit import ALWAYS, Committer, Timers
from storage.files import Files
from storage.history import History, Origin, kept_origin, segment_origin
from storage.journal import Journal, OnLoaded, Stream
from storage.keeping import Keeping
from storage.kept import NOTHING, Keep
from storage.loading import Loader
from storage.marks import Marks, boot_identity, marks_name, read_marks
from storage.record import CLEAN, DELIVERED, DROPPED, HEADER_BYTES, SETTLED, STREAM
from storage.recovery import Recovered, delivered_before, new_state, recover
from storage.snapshot import StreamState, encode_states
from storage.space import Extent, Segment
from storage.status import FULL, OK, LogStatus
from storage.stream import LocalStream
from storage.worker import Worker

MIB: Final = 1024 * 1024


@dataclass(frozen=True)
class LogSettings:
    """How the log behaves."""

    segment_bytes: int = 64 * MIB
    index_bytes: int = 8 * MIB  # of a segment, after which its index is written
    fsync: str = ALWAYS
    fsync_interval_ms: int = 1000
    compaction_bytes_per_s: int = 64 * MIB
    keep: Keep = NOTHING


class LocalJournal(Journal):
    """A Journal on the files of one folder."""

    def __init__(
        self, files: Files, writer: Worker, reader: Worker, timers: Timers, clock_ms: Callable[[], int],
        settings: LogSettings, nonce: Callable[[], int] = lambda: randbits(32), boot: int | None = None,
        clock_ns: Callable[[], int] = lambda: 0,
    ) -> None:  # fmt: skip
        """Reads what is there and begins a new segment, whose head is on the disk when this returns.

        Args: nonce gives random numbers of 32 bits; boot is the machine's boot identity (None: ask the system);
        clock_ns measures how long syncs take.
        Raises: OSError where the folder cannot be read or written; NewerLogError.
        """
        boot = boot_identity() if boot is None else boot
        recovered = recover(files)
        super().__init__()
        self.streams: dict[int, LocalStream] = {}
        self._files = files
        self._writer = writer
        self._reader = reader
        self._touched: list[LocalStream] = []
        self._dropped: list[int] = []
        self._group: list[Entry] | None = None
        self._settled_in_group: list[Segment] = []
        marks = read_marks(files, boot)
        self.marks = Marks(files, marks_name(recovered.end), boot)
        self._restore(recovered, marks)
        self.committer = Committer(
            files, writer, timers, clock_ms, settings.fsync, settings.fsync_interval_ms, recovered.end, clock_ns
        )
        self.keeping = Keeping(
            files, reader, timers, clock_ms, settings.segment_bytes, settings.compaction_bytes_per_s, self.committer,
            self.streams, [content.segment for content in recovered.contents], settings.keep,
        )  # fmt: skip
        self._counters = self.keeping.counters
        self.loader = Loader(files, reader, timers, clock_ms, self.committer, self.keeping)
        self.appender = Appender(
            self.committer, settings.segment_bytes, settings.index_bytes, nonce, self._states, self.keeping.add
        )
        self.keeping.start(self.appender, self.commit, marks_name(recovered.end), recovered.damage)
        self.committer.on_durable = self._advanced
        self.committer.on_state = self._changed
        self.committer.write_now(self.appender.end)

    def _restore(self, recovered: Recovered, marks: dict[int, int] | None) -> None:
        for stream_id, state in recovered.states.items():
            delivered = delivered_before(state, marks, recovered.is_clean)
            in_order = state.in_order and recovered.is_clean
            restored = state._replace(delivered=delivered, next=max(state.next, delivered), in_order=in_order)
            extents = recovered.extents.get(stream_id, [])
            _settle_lost(restored, extents)
            stream = self.streams[stream_id] = LocalStream(restored, self)
            for extent in extents:
                stream.adopt(extent)

    # ---- state

    @property
    def durable(self) -> int:
        """The position up to which nothing is lost any more."""
        return self.committer.durable

    @property
    def written(self) -> int:
        """The position up to which messages can be loaded."""
        return self.committer.written

    @property
    def state(self) -> str:
        """OK, FULL or FAILED."""
        return self.committer.state

    def backlog_bytes(self) -> int:
        """What was appended and is not written yet."""
        return self.committer.backlog_bytes

    def is_committing(self) -> bool:
        """Whether a commit is under way, so that what comes now waits for its end."""
        return self.committer.is_busy

    def has_uncommitted(self) -> bool:
        """Whether a commit would hand anything on."""
        return bool(self._touched or self._dropped or self.committer.backlog_bytes)

    def make_room(self) -> None:
        """The disk is short of room: what is kept beyond need goes, and so may the active segment, however small."""
        self.keeping.kept.give_up()
        for stream in self._touched:
            stream.apply()
        if self.appender.active.live or self.committer.state != OK or self._group is not None:
            return
        self.appender.roll()
        self.keeping.space_changed(self.appender.active)
        self.commit(True)

    def status(self) -> LogStatus:
        """How it does; the cost grows with the number of segments."""
        committer, counters = self.committer, self.keeping.counters
        log_bytes, live_bytes = self.keeping.log_bytes()
        return LogStatus(
            state=committer.state,
            reason=committer.reason,
            fsync=committer.fsync,
            log_bytes=log_bytes,
            live_bytes=live_bytes,
            segments=len(self.keeping.segments),
            written=committer.written,
            durable=committer.durable,
            backlog_bytes=committer.unwritten_bytes,
            commits=committer.commits,
            written_bytes=committer.written_bytes,
            appended_entries=counters.appended,
            loads=counters.loads,
            loaded_messages=counters.loaded,
            loaded_bytes=counters.loaded_bytes,
            deleted_segments=counters.deleted_segments,
            compacted_segments=counters.compacted_segments,
            compacted_bytes=counters.compacted_bytes,
            damaged_records=counters.damaged_records,
            damaged_bytes=counters.damaged_bytes,
            kept_segments=len(self.keeping.kept.segments),
            kept_bytes=self.keeping.kept.bytes,
            sync_ns=committer.sync_ns.copy(),
            commit_bytes=committer.commit_bytes.copy(),
        )

    def _advanced(self, position: int) -> None:
        self.keeping.advanced()
        self.on_durable(position)

    def _changed(self, state: str, text: str) -> None:
        if state == FULL:
            self.keeping.kept.give_up()
        self.on_state(state, text)

    # ---- streams

    def stream(self, stream_id: int) -> Stream:
        """The stream of that id, with what is in it, or a new one."""
        stream = self.streams.get(stream_id)
        if stream is None:
            stream = self.streams[stream_id] = LocalStream(new_state(stream_id), self)
        return stream

    def stream_ids(self) -> list[int]:
        """The streams there are."""
        return list(self.streams)

    def _states(self) -> Iterator[StreamState]:
        """Every stream that ever had a message: an old segment may hold some, and their numbers are not given again."""
        return (stream.state() for stream in self.streams.values() if stream.next > 1)

    def touched(self, stream: LocalStream) -> None:
        """The stream has something to be written at the next commit."""
        self._touched.append(stream)

    def dropped(self, stream: LocalStream) -> None:
        """The stream has ended."""
        del self.streams[stream.id]
        self._dropped.append(stream.id)

    def space_changed(self, segment: Segment) -> None:
        """Less of a segment is needed than before."""
        if self._group is not None:
            self._settled_in_group.append(segment)
        if segment.is_sealed:
            self.keeping.space_changed(segment)

    def history(self, stream_id: int) -> History | None:
        """Everything the log still has of a stream, settled or not; its reader releases it."""
        stream = self.streams.get(stream_id)
        stop = stream.next if stream is not None else 1
        keeping, end = self.keeping, self.appender.end
        self.commit(True)

        def find() -> list[Origin] | None:
            written = self.committer.written
            if written < end:
                return None
            origins = [kept_origin(one) for one in keeping.kept.segments]
            return origins + [segment_origin(one, written) for one in keeping.segments if one.base < written]

        return History(self._files, self._reader, keeping.kept, find, stream_id, stop)

    def load(self, stream: LocalStream, first: int, size_bytes: int, on_loaded: OnLoaded, head_bytes: int = 0) -> None:
        """Reads messages of a stream, or so much of their heads."""
        self.loader.load(stream, first, size_bytes, on_loaded, head_bytes)

    # ---- append

    def append(
        self, targets: Sequence[tuple[Stream, int]], stamp_ms: int, head: bytes, items: Sequence[bytes]
    ) -> tuple[int, int]:
        """Appends messages of equal size to streams, each with its expiry (absolute, in ms; 0: never).

        Returns: the position, and the share_bytes of each message in each stream.
        """
        self._counters.appended += 1
        count = len(items)
        if self._group is None and len(targets) == 1:
            stream, expires_ms = targets[0]
            size = self.appender.single(cast("LocalStream", stream), expires_ms, stamp_ms, head, items)
            return self.appender.end, size // count
        entry = Entry(cast("Sequence[tuple[LocalStream, int]]", targets), stamp_ms, head, items)
        if self._group is not None:
            self._group.append(entry)
            size = HEADER_BYTES + len(head) + count * len(items[0])
            return self.appender.end + 1, size // (count * len(targets))
        size = self.appender.entry(entry)
        return self.appender.end, size // (count * len(targets))

    def begin(self) -> None:
        """What follows, up to `end`, stands or falls together."""
        assert self._group is None, "groups do not nest"
        self.appender.begin_group()
        self._group = []

    def is_grouping(self) -> bool:
        """Whether `begin` was called, and `end` not yet."""
        return self._group is not None

    def end(self) -> int:
        """Ends what `begin` began; returns its position, 0 where nothing was done."""
        entries = self._group
        assert entries is not None, "a group was begun"
        controls = self._controls()
        self._group = None
        if not entries and not controls:
            return 0
        self.appender.group(entries, controls)
        for segment in self._settled_in_group:
            segment.pinned_until = self.appender.end
        self._settled_in_group.clear()
        return self.appender.end

    def _controls(self) -> list[Control]:
        """What was settled, delivered again and dropped since the last record."""
        settled: list[bytes] = []
        redelivered: list[bytes] = []
        touched, self._touched = self._touched, []
        for stream in touched:
            if not stream.is_dropped:
                stream.flush(settled, redelivered)
        dropped = [STREAM.pack(stream_id) for stream_id in self._dropped]
        self._dropped.clear()
        return [(kind, parts) for kind, parts in ((SETTLED, settled), (DELIVERED, redelivered), (DROPPED, dropped))
                if parts]  # fmt: skip

    def commit(self, is_awaited: bool) -> None:
        """Hands on everything so far; `on_durable` tells when it is durable, soon where somebody waits for it."""
        if self._touched or self._dropped:
            for kind, parts in self._controls():
                self.appender.control(kind, parts)
        self.committer.commit(self.appender.end, is_awaited)

    def close(self) -> None:
        """Makes everything durable, with a snapshot behind it that the next start begins from, and ends."""
        self.commit(False)
        self.keeping.close()
        self._writer.close()
        states = list(self._states())
        self.appender.control(CLEAN, [encode_states([state]) for state in states])
        self.appender.seal()
        self.committer.close(self.appender.end)
        self._reader.close()


def _settle_lost(state: StreamState, extents: Sequence[Extent]) -> None:
    """Numbers that were given, and that no segment has, need nothing: copies may come to stand around them."""
    at = 1
    for extent in extents:
        if at < extent.first:
            state.settled.add(at, extent.first)
        at = extent.stop
    if at < state.next:
        state.settled.add(at, state.next)
