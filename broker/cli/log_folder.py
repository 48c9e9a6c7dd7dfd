"""The log of a data folder, for the commands that read it without a broker. Must not: write there."""

from __future__ import annotations

import fcntl
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, TypeVar

import click

from broker.cli.exits import NO_INPUT, CtlError
from broker.cli.target import LOCK_FILE
from broker.offline.names import QueueNames, read_names
from storage.definitions_disk import DefinitionsError
from storage.files import ReadOnlyFiles

T = TypeVar("T")
LOG_FOLDER: Final = "log"
IN_USE_NOTE: Final = "a broker is working in this folder: the end of the log may be unfinished"


class UnreadableError(CtlError):
    """A folder that cannot be read; the text is one line with what to do."""

    exit_code = NO_INPUT


def open_log(data_dir: Path) -> ReadOnlyFiles:
    """The files of the log. Raises: UnreadableError."""
    if not data_dir.is_dir():
        raise UnreadableError(f"there is no data folder {data_dir}; another one is given with --data-dir")
    try:
        return ReadOnlyFiles(data_dir / LOG_FOLDER)
    except (FileNotFoundError, NotADirectoryError):
        raise UnreadableError(
            f"there is no log in {data_dir}: no brokerd has kept one there; another folder is given with --data-dir"
        ) from None
    except OSError as error:
        raise unreadable(error) from None


def reading(items: Iterable[T]) -> Iterator[T]:
    """Items that are read from the folder one by one. Raises: UnreadableError, in place of the system's error."""
    try:
        yield from items
    except OSError as error:
        raise unreadable(error) from None


def unreadable(error: OSError) -> UnreadableError:
    """What to do where the system does not let us read."""
    if isinstance(error, PermissionError):
        return UnreadableError(f"{error.filename} may not be read; run brokerctl as the user that runs brokerd")
    return UnreadableError(f"the log cannot be read: {error}; copy the folder away before the disk gets worse")


def is_in_use(data_dir: Path) -> bool:
    """Whether a broker holds the folder's lock at this moment."""
    try:
        lock = os.open(data_dir / LOCK_FILE, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


def queue_names(data_dir: Path) -> QueueNames:
    """The queues by their numbers; none, with a warning, where the definitions cannot be read."""
    try:
        return read_names(data_dir)
    except DefinitionsError as error:
        click.echo(f"brokerctl: queues stay without names: {error}", err=True)
        return QueueNames({})


class Progress:
    """A note on a terminal of how far a command has come; nothing elsewhere."""

    def __init__(self, verb: str, segment_count: int) -> None:
        self._verb = verb
        self._total = segment_count
        self._done = 0
        self._is_shown = sys.stderr.isatty()

    def next_segment(self, name: str) -> None:
        """Begins with the next one."""
        self._done += 1
        if self._is_shown:
            click.echo(f"\r\x1b[K{self._verb} segment {self._done} of {self._total}: {name}", err=True, nl=False)

    def clear(self) -> None:
        """Takes the note away, before something else is written or at the end."""
        if self._is_shown:
            click.echo("\r\x1b[K", err=True, nl=False)
