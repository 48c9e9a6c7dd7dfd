"""Where log lines go: stderr, a file that is rotated, and the recent ones. A thread writes, so that nobody waits.

Must not: say what a line looks like; `broker.logs` does.
"""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BufferedWriter, FileIO, TextIOWrapper
from logging.handlers import QueueHandler, QueueListener, RotatingFileHandler
from pathlib import Path
from threading import Thread
from typing import Final

from broker.config import Config, ConfigError
from broker.logs import JSON, OUR_LOGGER, LogLine, RecentLines, as_json, as_text, line_of

LINES_WAITING_MAX: Final = 2000  # for a stderr that nobody reads or a slow disk; what is beyond is dropped and counted
STOP_S_MAX: Final = 2.0  # what the last lines get when the process ends
OWNER_ONLY: Final = 0o600


class _Formatter(logging.Formatter):
    def __init__(self, show: Callable[[LogLine], str]) -> None:
        super().__init__()
        self._show = show

    def format(self, record: logging.LogRecord) -> str:
        return self._show(line_of(record))


class _Waiting(QueueHandler):
    """Hands lines to the thread; where too many wait, drops them and says so once there is room."""

    def __init__(self, lines: queue.Queue[logging.LogRecord]) -> None:
        super().__init__(lines)
        self._dropped = 0

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        line_of(record)  # now, while its arguments are what they were
        return record

    def enqueue(self, record: logging.LogRecord) -> None:
        try:
            if self._dropped:
                self.queue.put_nowait(self._gap())
                self._dropped = 0
            self.queue.put_nowait(record)
        except queue.Full:
            self._dropped += 1

    def _gap(self) -> logging.LogRecord:
        text = "%d lines were dropped here: they could not be written fast enough"
        return logging.LogRecord(f"{OUR_LOGGER}.logs", logging.WARNING, "", 0, text, (self._dropped,), None)


class _Stderr(logging.Handler):
    """Standard error by its descriptor: a write that hangs holds no lock that the end of the process would need."""

    def createLock(self) -> None:
        """None is needed: one thread writes."""
        self.lock = None

    def emit(self, record: logging.LogRecord) -> None:
        """Writes the whole line, or waits."""
        data = (self.format(record) + "\n").encode("utf-8", "backslashreplace")
        with contextlib.suppress(OSError):  # it is gone
            while data:
                data = data[os.write(sys.stderr.fileno(), data) :]


class _Writer(QueueListener):
    """The thread that writes; one that hangs does not keep the process from ending."""

    def enqueue_sentinel(self) -> None:
        """Puts the end behind what is waiting."""
        self.queue.put(None, timeout=STOP_S_MAX)  # type: ignore[attr-defined]  # as QueueListener's own does at once

    def stop(self) -> None:
        """Waits for what is waiting, with a limit."""
        thread: Thread | None = self._thread
        if thread is not None:
            with contextlib.suppress(queue.Full):
                self.enqueue_sentinel()
                thread.join(STOP_S_MAX)


class _File(RotatingFileHandler):
    """A file for its owner only, also after it was rotated."""

    def _open(self) -> TextIOWrapper:
        descriptor = os.open(self.baseFilename, os.O_WRONLY | os.O_CREAT | os.O_APPEND, OWNER_ONLY)
        return TextIOWrapper(BufferedWriter(FileIO(descriptor, "a")), encoding=self.encoding, errors=self.errors)


@contextmanager
def logging_to(config: Config, recent: RecentLines) -> Iterator[None]:
    """Logs as the settings say until the end, and into `recent`; then everything that waits is written.

    Lines of libraries are taken from level warning on: what they tell below may hold anything.
    Raises: ConfigError where the file cannot be written.
    """
    waiting: queue.Queue[logging.LogRecord] = queue.Queue(LINES_WAITING_MAX)
    listener = _Writer(waiting, *_places(config))
    ours, root, handlers = logging.getLogger(OUR_LOGGER), logging.getLogger(), (_Waiting(waiting), recent)
    level, levels_before = logging.getLevelName(config.log_level.upper()), (ours.level, root.level)
    ours.setLevel(level)
    root.setLevel(max(level, logging.WARNING))
    logging.raiseExceptions = False  # a stderr that is gone must not cost more than the line
    for handler in handlers:
        root.addHandler(handler)
    listener.start()
    try:
        yield
    finally:
        for handler in handlers:
            root.removeHandler(handler)
        ours.setLevel(levels_before[0])
        root.setLevel(levels_before[1])
        listener.stop()
        for place in listener.handlers:
            with contextlib.suppress(OSError):
                place.close()


def _places(config: Config) -> list[logging.Handler]:
    """Standard error, and the file if there is one."""
    places: list[logging.Handler] = [_Stderr()]
    if config.log_file:
        places.append(_file(config))
    for place in places:
        place.setFormatter(_Formatter(as_json if config.log_format == JSON else as_text))
    return places


def _file(config: Config) -> _File:
    path = Path(config.log_file)
    try:
        return _File(
            path, maxBytes=config.log_file_max_bytes, backupCount=config.log_files_kept, encoding="utf-8",
            errors="backslashreplace",
        )  # fmt: skip
    except OSError as error:
        raise ConfigError(f"log_file: cannot write {path}: {os.strerror(error.errno or 0).lower()}") from None
