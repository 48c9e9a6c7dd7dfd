"""The names of the queues whose streams a log holds, from a copy of the definitions beside it.

Must not: open the definitions themselves: SQLite would make files beside them, or move its own log into them.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

from broker.definitions import values
from broker.definitions.keys import names_of
from broker.queues.levels import LEVEL_BITS, LEVEL_MASK
from storage.definitions_disk import FILE_NAME, DefinitionsError, SqliteDisk

QUEUE_PARTS: Final = 3  # queue/V/Q
HELD: Final = "(held messages)"  # in the place of a queue's name
WAL_NAME: Final = FILE_NAME + "-wal"
ATTEMPTS: Final = 10  # to copy what a broker may be changing


class QueueName(NamedTuple):
    """A queue, and the vhost it is in."""

    vhost: str
    queue: str


class QueueNames:
    """Which queue, and which of its priority levels, a stream belongs to."""

    def __init__(self, names: dict[int, QueueName]) -> None:
        """Args: names are the queues by their numbers."""
        self._names = names

    def describe(self, stream: int) -> dict[str, object]:
        """A stream in plain words; `queue` and `vhost` are None where no definition has its number any more."""
        number = stream >> LEVEL_BITS
        name = self._names.get(number)
        return {
            "stream": stream,
            "queue_number": number,
            "queue": None if name is None else name.queue,
            "vhost": None if name is None else name.vhost,
            "level": stream & LEVEL_MASK,
        }

    def is_held(self, stream: int) -> bool:
        """Whether a stream has messages that are held until a time."""
        name = self._names.get(stream >> LEVEL_BITS)
        return name is not None and name.queue == HELD

    def label(self, stream: int) -> str:
        """A stream's queue for people; `#5` is the fifth queue that was declared, and has no definition now."""
        name = self._names.get(stream >> LEVEL_BITS)
        return f"#{stream >> LEVEL_BITS}" if name is None else name.queue

    def find(self, vhost: str, queue: str) -> int | None:
        """The number of a queue; `#5` is itself."""
        if queue.startswith("#") and queue[1:].isascii() and queue[1:].isdigit():
            return int(queue[1:])
        return next((number for number, name in self._names.items() if name == (vhost, queue)), None)


def read_names(folder: Path) -> QueueNames:
    """The queues of a data folder; none where it has no definitions.

    Raises: DefinitionsError.
    """
    path = folder / FILE_NAME
    if not path.exists():
        return QueueNames({})
    with TemporaryDirectory(prefix="leveret-") as copy:
        try:
            _copy(folder, Path(copy))
        except OSError as error:
            raise DefinitionsError(f"cannot read {path}: {error.strerror}") from None
        return QueueNames(_names(Path(copy), path))


def _copy(folder: Path, copy: Path) -> None:
    """Copies the file and its write-ahead log; again where the file has changed meanwhile, as a checkpoint does."""
    for _ in range(ATTEMPTS):
        before = _stamp(folder / FILE_NAME)
        shutil.copyfile(folder / FILE_NAME, copy / FILE_NAME)
        try:
            shutil.copyfile(folder / WAL_NAME, copy / WAL_NAME)
        except FileNotFoundError:
            (copy / WAL_NAME).unlink(missing_ok=True)
        if _stamp(folder / FILE_NAME) == before:
            return


def _stamp(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_mtime_ns, status.st_size


def _names(copy: Path, path: Path) -> dict[int, QueueName]:
    disk = SqliteDisk(copy)
    try:
        return dict(_queues((key, entry.value) for key, entry in disk.load()))
    except DefinitionsError as error:
        raise DefinitionsError(str(error).replace(str(copy / FILE_NAME), str(path))) from None
    except (ValueError, LookupError, TypeError) as error:
        raise DefinitionsError(f"cannot understand a queue's definition in {path}: {error}") from None
    finally:
        disk.close()


def _queues(rows: Iterable[tuple[str, bytes]]) -> Iterable[tuple[int, QueueName]]:
    for key, value in rows:
        names = names_of(key)
        if names[0] == "held":
            yield int(values.decode_value(value)), QueueName(names[1], HELD)
        if names[0] == "queue" and len(names) == QUEUE_PARTS:
            definition = values.decode_queue(names[2], value)
            for number in (definition.number, *(former.number for former in definition.former)):
                yield number, QueueName(names[1], names[2])
