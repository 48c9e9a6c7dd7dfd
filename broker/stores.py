"""What a broker keeps in its data folder: the definitions, the log, the spool, and the threads that write them.

Must not: decide what is stored, or take the folder (the server does).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Final

from broker.config import Config
from storage.commit import ALWAYS, NEVER, Timers
from storage.definitions import StagedDefinitions
from storage.definitions_disk import SqliteDisk
from storage.files import OsFiles
from storage.kept import Keep
from storage.local import LocalJournal, LogSettings
from storage.worker import ThreadWorker

log = logging.getLogger("leveret.server")
LOG_FOLDER: Final = "log"
SPOOL_FOLDER: Final = "spool"


class Stores:
    """The stores of one data folder; a node is given its methods."""

    def __init__(self, config: Config, call_soon_threadsafe: Callable[..., object]) -> None:
        """Args: call_soon_threadsafe brings what a thread has done back to the event loop."""
        self._config = config
        self._call_soon_threadsafe = call_soon_threadsafe
        self._workers = [self._worker(name) for name in ("definitions", "log writer", "log reader")]

    def _worker(self, name: str) -> ThreadWorker:
        return ThreadWorker(self._call_soon_threadsafe, name)

    def open_definitions(self) -> StagedDefinitions:
        """The definitions. Raises: DefinitionsError."""
        return StagedDefinitions(SqliteDisk(self._config.data_dir), self._workers[0])

    def open_log(self, timers: Timers, clock_ms: Callable[[], int]) -> LocalJournal:
        """The log. Raises: OSError, NewerLogError."""
        config = self._config
        if config.fsync != ALWAYS:
            log.warning("fsync = %s: what is confirmed can be lost when the power goes", config.fsync)
        settings = LogSettings(
            segment_bytes=config.segment_bytes, fsync=config.fsync, fsync_interval_ms=config.fsync_interval_ms,
            compaction_bytes_per_s=config.compaction_bytes,
            keep=Keep(config.log_keep_bytes, int(config.log_keep_s * 1000)),
        )  # fmt: skip
        files = OsFiles(config.data_dir / LOG_FOLDER)
        _, writer, reader = self._workers
        return LocalJournal(files, writer, reader, timers, clock_ms, settings, clock_ns=time.perf_counter_ns)

    def open_spool(self, timers: Timers, clock_ms: Callable[[], int]) -> LocalJournal:
        """A log for transient messages that memory has no room for; what an earlier process left in it is of no use."""
        config = self._config
        files = OsFiles(config.data_dir / SPOOL_FOLDER)
        for name in files.names():
            files.remove(name)
        writer, reader = self._worker("spool writer"), self._worker("spool reader")
        settings = LogSettings(segment_bytes=config.segment_bytes, fsync=NEVER,
                               compaction_bytes_per_s=config.compaction_bytes)  # fmt: skip
        return LocalJournal(files, writer, reader, timers, clock_ms, settings)

    def close(self) -> None:
        """Ends the threads, once all that was to be written has been; who has opened a store has closed it."""
        for worker in self._workers:
            worker.close()
