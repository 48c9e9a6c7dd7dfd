"""Group commit: one write and one sync at a time, on a thread; all that comes meanwhile goes into the next.

Must not: know records, or retry a sync.

Invariants
1. Pieces reach the files in the order they were added.
2. `written` and `durable` only rise, and only after the system has said so for every byte below them.
3. After a failed sync, or a failed write that was not for want of room, nothing becomes durable any more: what the
   system did with the pages is not known.
4. A write that found no room is cut back to where it began and made again later.
"""

from __future__ import annotations

import errno
import logging
from collections import deque
from collections.abc import Callable
from typing import Final, NoReturn, Protocol

from storage.files import File, Files
from storage.status import COMMIT_BYTES_BOUNDS, FAILED, FULL, OK, SYNC_NS_BOUNDS, Histogram
from storage.worker import Worker

log = logging.getLogger("leveret.storage")
ALWAYS: Final = "always"
INTERVAL: Final = "interval"
NEVER: Final = "never"
FSYNC_MODES: Final = (ALWAYS, INTERVAL, NEVER)
LAZY_SYNC_MS: Final = 100  # after which what nobody waits for is synced
RETRY_MS: Final = 500  # between attempts while the disk is full
NO_ROOM: Final = (errno.ENOSPC, errno.EDQUOT)


class Timers(Protocol):
    """The one heap of deadlines."""

    def add(self, due_ms: int, callback: Callable[[], None], /) -> object:
        """Calls back at or after a time."""
        ...


class Part:
    """What one file gets."""

    __slots__ = ("chunks", "is_new", "name", "offset")

    def __init__(self, name: str, offset: int, is_new: bool) -> None:
        self.name = name
        self.offset = offset
        self.is_new = is_new
        self.chunks: list[bytes] = []


class Job:
    """One write, and one sync where `is_synced`; `end` is the log's position behind it."""

    __slots__ = ("end", "is_synced", "parts")

    def __init__(self, parts: deque[Part], end: int, is_synced: bool) -> None:
        self.parts = parts
        self.end = end
        self.is_synced = is_synced


class NoRoom(Exception):
    """The disk is full; the text is the system's."""


class Disk:
    """The thread's side: the file being written and those not synced yet. Only the worker calls it."""

    __slots__ = ("_clock_ns", "_files", "_is_clean", "_is_synced", "_names_changed", "_open", "_trouble", "_unsynced",
                 "sync_ns")  # fmt: skip

    def __init__(self, files: Files, is_synced: bool, clock_ns: Callable[[], int]) -> None:
        """Args: is_synced says whether jobs will ask for syncs; clock_ns measures how long these take."""
        self.sync_ns = Histogram(SYNC_NS_BOUNDS)
        self._clock_ns = clock_ns
        self._files = files
        self._is_synced = is_synced
        self._trouble: OSError | None = None
        self._open: File | None = None
        self._unsynced: list[File] = []
        self._names_changed = False
        self._is_clean = False  # everything written is synced

    def run(self, job: Job) -> None:
        """Does a job, from where an earlier attempt ended. Raises: NoRoom, OSError (then for ever)."""
        if self._trouble is not None:
            raise self._trouble
        try:
            while job.parts:
                is_last = job.is_synced and len(job.parts) == 1 and self._is_clean and not job.parts[0].is_new
                self._write(job.parts[0], is_last)
                job.parts.popleft()
                if is_last:
                    return
            if job.is_synced:
                self._sync()
        except OSError as error:
            self._trouble = error
            raise

    def _write(self, part: Part, is_synced: bool) -> None:
        if part.is_new and self._is_synced:
            self._sync()  # the new file's snapshot says what became of messages in the one before
        try:
            if part.is_new:
                self._create(part.name)
                part.is_new = False
        except OSError as error:
            _raise(error)
        file = self._open
        assert file is not None, "the first part is of a new file"
        try:
            if is_synced:
                start_ns = self._clock_ns()
                file.write_and_sync(part.offset, part.chunks)
                self.sync_ns.add(self._clock_ns() - start_ns)
            else:
                self._is_clean = False
                file.write(part.offset, part.chunks)
        except OSError as error:
            if error.errno in NO_ROOM:
                file.truncate(part.offset)
            _raise(error)

    def _create(self, name: str) -> None:
        file = self._files.create(name)
        if not self._is_synced and self._open is not None:
            self._open.close()
            self._unsynced.clear()
        self._open = file
        self._unsynced.append(file)
        self._names_changed = True

    def _sync(self) -> None:
        start_ns = self._clock_ns()
        for file in self._unsynced:
            file.sync()
        if self._names_changed:
            self._files.sync_folder()
            self._names_changed = False
        self.sync_ns.add(self._clock_ns() - start_ns)
        for file in self._unsynced:
            if file is not self._open:
                file.close()
        self._unsynced = [self._open] if self._open is not None else []
        self._is_clean = True

    def close(self) -> None:
        """Lets go of all files."""
        for file in self._unsynced:
            file.close()
        self._unsynced = []
        self._open = None


def _raise(error: OSError) -> NoReturn:
    if error.errno in NO_ROOM:
        raise NoRoom(error.strerror) from None
    raise error


class Committer:
    """The loop's side: what is to be written, what is under way, and how far the log is written and durable."""

    def __init__(
        self, files: Files, writer: Worker, timers: Timers, clock_ms: Callable[[], int], fsync: str, interval_ms: int,
        position: int, clock_ns: Callable[[], int],
    ) -> None:  # fmt: skip
        """Args: position is where the log ends so far, all of it durable; clock_ns measures syncs."""
        self.state = OK
        self.reason = ""
        self.written = position
        self.durable = position
        self.commits = 0
        self.written_bytes = 0
        self.commit_bytes = Histogram(COMMIT_BYTES_BOUNDS)
        self.on_written: Callable[[], None] = _nothing
        self.on_durable: Callable[[int], None] = _nobody
        self.on_state: Callable[[str, str], None] = _no_state
        self.backlog_bytes = 0
        self._disk = Disk(files, fsync != NEVER, clock_ns)
        self._writer = writer
        self._timers = timers
        self._clock_ms = clock_ms
        self.fsync = fsync
        self._interval_ms = interval_ms if fsync == INTERVAL else LAZY_SYNC_MS
        self._parts: deque[Part] = deque()
        self._size = 0
        self._end = position
        self._synced = position
        self._is_asked = False  # to write what there is, since the last job
        self._is_awaited = False
        self._is_armed = False
        self._is_closed = False
        self._job: Job | None = None
        self._held: Job | None = None  # what found no room, until it is tried again
        self._job_bytes = 0

    @property
    def is_busy(self) -> bool:
        """Whether something is being written or synced."""
        return self._job is not None

    @property
    def unwritten_bytes(self) -> int:
        """What was added and is not written, with what is being written."""
        return self.backlog_bytes + self._job_bytes

    @property
    def sync_ns(self) -> Histogram:
        """How long syncs took."""
        return self._disk.sync_ns

    # ---- input

    def open_file(self, name: str) -> None:
        """What follows goes into a new file."""
        self._parts.append(Part(name, 0, True))
        self._size = 0

    def add(self, chunks: list[bytes], size: int) -> None:
        """Adds bytes to the file, `size` of them."""
        if self.state == FAILED:
            return
        if not self._parts:
            self._parts.append(Part("", self._size, False))
        self._parts[-1].chunks += chunks
        self._end += size  # a sync that comes before the next commit takes it along
        self._size += size
        self.backlog_bytes += size

    def commit(self, end: int, is_awaited: bool) -> None:
        """Everything added ends at position `end`; it is synced soon where somebody waits, otherwise in a while."""
        self._end = end
        self._is_asked = True
        if is_awaited:
            self._is_awaited = True
        if self._job is None and self.state == OK:
            self._start()

    def write_now(self, end: int) -> None:
        """Writes and syncs what was added, in the caller's thread; at the start, before anything is promised.

        Raises: OSError for what is not a full disk.
        """
        parts, self._parts = self._parts, deque()
        self._end = end
        self._job_bytes, self.backlog_bytes = self.backlog_bytes, 0
        job = Job(parts, end, self.fsync != NEVER)
        try:
            self._disk.run(job)
        except NoRoom as error:
            self._full(job, error)
        else:
            self._job = job
            self._done(None)

    # ---- the work

    def _start(self) -> None:
        is_synced = self.fsync == ALWAYS and self._is_awaited and self._synced < self._end
        if not self._parts and not is_synced:
            return
        self._submit_all(is_synced)

    def _submit_all(self, is_synced: bool) -> None:
        parts, self._parts = self._parts, deque()
        self._is_asked = self._is_awaited = False
        self._job_bytes, self.backlog_bytes = self.backlog_bytes, 0
        self._submit(Job(parts, self._end, is_synced))

    def _submit(self, job: Job) -> None:
        self._job = job
        self._writer.submit(lambda: self._disk.run(job), self._done)

    def _done(self, outcome: BaseException | None) -> None:
        job, self._job = self._job, None
        if job is None:  # closed meanwhile
            return
        if isinstance(outcome, NoRoom):
            self._full(job, outcome)
        elif outcome is not None:
            self._failed(outcome)
        else:
            self._advance(job)

    def _advance(self, job: Job) -> None:
        self.commits += 1
        self.written = job.end
        if self._job_bytes:
            self.written_bytes += self._job_bytes
            self.commit_bytes.add(self._job_bytes)
            self._job_bytes = 0
        if job.is_synced:
            self._synced = job.end
        elif self._synced < job.end and self.fsync != NEVER:
            self._arm()
        if self.state == FULL:
            self._set_state(OK, "")
        durable = self._synced if self.fsync == ALWAYS else job.end
        self.on_written()
        if durable > self.durable:
            self.durable = durable
            self.on_durable(durable)
        if self._job is None and not self._is_closed and self._is_asked:
            self._start()

    def _arm(self) -> None:
        if not self._is_armed:
            self._is_armed = True
            self._timers.add(self._clock_ms() + self._interval_ms, self._sync_in_a_while)

    def _sync_in_a_while(self) -> None:
        self._is_armed = False
        if self._is_closed or self.state != OK or self._synced >= self._end:
            return
        if self._job is not None:
            self._arm()
            return
        self._submit_all(True)

    # ---- trouble

    def _full(self, job: Job, error: NoRoom) -> None:
        if self.state != FULL:
            self._set_state(FULL, f"no room to write the log: {error}")
        self._held = job
        self._timers.add(self._clock_ms() + RETRY_MS, self._try_again)

    def _try_again(self) -> None:
        job, self._held = self._held, None
        if job is not None and not self._is_closed:
            self._submit(job)

    def _failed(self, error: BaseException) -> None:
        text = error.strerror if isinstance(error, OSError) and error.strerror else repr(error)
        self._parts.clear()
        self.backlog_bytes = self._job_bytes = 0
        self._set_state(FAILED, f"the log cannot be written ({text}); nothing is confirmed until a restart")

    def _set_state(self, state: str, text: str) -> None:
        self.state = state
        self.reason = text
        if state != OK:
            log.error("%s", text)
        self.on_state(state, text)

    # ---- the end

    def close(self, end: int) -> None:
        """Writes and syncs what is left, in the caller's thread; the worker has ended."""
        self._end = end
        self._is_closed = True
        if self.state != FAILED:
            parts, self._parts = self._parts, deque()
            jobs = [self._job or self._held, Job(parts, end, self.fsync != NEVER)]
            try:
                for job in jobs:
                    if job is not None:
                        self._disk.run(job)
                        self._job = job
                        self._done(None)
            except (OSError, NoRoom) as error:
                self._job = None
                self._failed(error)
        self._disk.close()


def _nothing() -> None:
    return None


def _nobody(_: int) -> None:
    return None


def _no_state(_: str, __: str) -> None:
    return None
