"""The only caller of the operating system for files: names in one folder, appends, reads, syncs.

Must not: know what a file holds. A test double drops, tears, reorders and garbles what was not synced.
"""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Protocol

BUFFERS_MAX: Final = 512  # pieces handed to one system call; the least that POSIX systems take is 1024
_MODE: Final = 0o600
_WRITE_DSYNC: Final[int] = getattr(os, "RWF_DSYNC", 0)
_FULL_SYNC: Final[int | None] = getattr(fcntl, "F_FULLFSYNC", None)


class File(Protocol):
    """One open file. Every method raises OSError where the system does."""

    def write(self, offset: int, chunks: Sequence[bytes]) -> None:
        """Writes all pieces one after another from `offset` on, however many calls that takes."""
        ...

    def write_and_sync(self, offset: int, chunks: Sequence[bytes]) -> None:
        """Writes, and returns when this is on the disk; what was written elsewhere in the file need not be."""
        ...

    def read(self, offset: int, size: int) -> bytes:
        """Up to `size` bytes from `offset`; fewer only at the file's end."""
        ...

    def size(self) -> int:
        """Its length in bytes."""
        ...

    def sync(self) -> None:
        """Returns when everything written is on the disk."""
        ...

    def truncate(self, size: int) -> None:
        """Cuts it to `size` bytes."""
        ...

    def close(self) -> None:
        """Lets go of it."""
        ...


class Files(Protocol):
    """The files of one folder, by name. Every method raises OSError where the system does."""

    def names(self) -> list[str]:
        """All names, sorted."""
        ...

    def create(self, name: str) -> File:
        """A new, empty file for reading and writing; one of that name is emptied."""
        ...

    def open(self, name: str) -> File:
        """A file that is there, for reading and writing. Raises: FileNotFoundError."""
        ...

    def remove(self, name: str) -> None:
        """Deletes a file; one that is not there counts as deleted."""
        ...

    def rename(self, name: str, to: str) -> None:
        """Gives a file another name, which no file has. Raises: FileNotFoundError."""
        ...

    def sync_folder(self) -> None:
        """Returns when created, changed and deleted names are on the disk."""
        ...

    def map(self, name: str, size: int) -> memoryview:
        """A file of at least `size` bytes as memory, which outlives the process, though not the power."""
        ...


class OsFile:
    """A File of the operating system."""

    __slots__ = ("_fd",)

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def write(self, offset: int, chunks: Sequence[bytes]) -> None:
        """Writes all pieces one after another from `offset` on, however many calls that takes."""
        for at in range(0, len(chunks), BUFFERS_MAX):
            offset = self._write_some(offset, chunks[at : at + BUFFERS_MAX])

    def write_and_sync(self, offset: int, chunks: Sequence[bytes]) -> None:
        """Writes, and returns when this is on the disk; what was written elsewhere in the file need not be.

        One system call where there is one for it: each costs this thread a wait for the interpreter.
        """
        if _WRITE_DSYNC and len(chunks) <= BUFFERS_MAX:
            total = sum(map(len, chunks))
            if os.pwritev(self._fd, chunks, offset, _WRITE_DSYNC) == total:
                return
        self.write(offset, chunks)
        self.sync()

    def _write_some(self, offset: int, chunks: Sequence[bytes]) -> int:
        written, total = os.pwritev(self._fd, chunks, offset), sum(map(len, chunks))
        end = offset + total
        if written < total:
            rest = memoryview(b"".join(chunks))
            while written < total:
                written += os.pwrite(self._fd, rest[written:], offset + written)
        return end

    def read(self, offset: int, size: int) -> bytes:
        """Up to `size` bytes from `offset`; fewer only at the file's end."""
        data = os.pread(self._fd, size, offset)
        if len(data) == size or not data:
            return data
        parts = [data]
        while data and (missing := size - sum(map(len, parts))) > 0:
            data = os.pread(self._fd, missing, offset + size - missing)
            parts.append(data)
        return b"".join(parts)

    def size(self) -> int:
        """Its length in bytes."""
        return os.fstat(self._fd).st_size

    def sync(self) -> None:
        """Returns when everything written is on the disk."""
        _sync(self._fd)

    def truncate(self, size: int) -> None:
        """Cuts it to `size` bytes."""
        os.ftruncate(self._fd, size)

    def close(self) -> None:
        """Lets go of it."""
        os.close(self._fd)


def _sync(fd: int) -> None:
    """fdatasync; on macOS only F_FULLFSYNC reaches the medium."""
    if _FULL_SYNC is None:
        os.fdatasync(fd)
    else:
        fcntl.fcntl(fd, _FULL_SYNC)


def make_folder(folder: Path) -> None:
    """Makes a folder that is private to its owner, and those above it; their names are on the disk on return."""
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for made in missing:
        _sync_names(made.parent)


def _sync_names(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


class OsFiles:
    """The Files of a folder on disk; makes the folder, private to its owner."""

    __slots__ = ("_folder",)

    def __init__(self, folder: Path) -> None:
        make_folder(folder)
        self._folder = folder

    def names(self) -> list[str]:
        """All names, sorted."""
        return sorted(entry.name for entry in os.scandir(self._folder) if entry.is_file())

    def create(self, name: str) -> File:
        """A new, empty file for reading and writing; one of that name is emptied."""
        return OsFile(os.open(self._folder / name, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, _MODE))

    def open(self, name: str) -> File:
        """A file that is there, for reading and writing. Raises: FileNotFoundError."""
        return OsFile(os.open(self._folder / name, os.O_RDWR | os.O_CLOEXEC))

    def remove(self, name: str) -> None:
        """Deletes a file; one that is not there counts as deleted."""
        (self._folder / name).unlink(missing_ok=True)

    def rename(self, name: str, to: str) -> None:
        """Gives a file another name, which no file has. Raises: FileNotFoundError."""
        (self._folder / name).rename(self._folder / to)

    def sync_folder(self) -> None:
        """Returns when created, changed and deleted names are on the disk."""
        _sync_names(self._folder)

    def map(self, name: str, size: int) -> memoryview:
        """A file of at least `size` bytes as memory, which outlives the process, though not the power."""
        fd = os.open(self._folder / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _MODE)
        try:
            if os.fstat(fd).st_size < size:
                os.posix_fallocate(fd, 0, size) if hasattr(os, "posix_fallocate") else os.ftruncate(fd, size)
            return memoryview(mmap.mmap(fd, size))
        finally:
            os.close(fd)


class ReadOnlyFiles:
    """The Files of a folder that is looked at and never changed, even while a broker works in it."""

    __slots__ = ("_folder",)

    def __init__(self, folder: Path) -> None:
        """Raises: OSError where the folder is missing or may not be read."""
        os.scandir(folder).close()
        self._folder = folder

    def names(self) -> list[str]:
        """All names, sorted."""
        return sorted(entry.name for entry in os.scandir(self._folder) if entry.is_file())

    def open(self, name: str) -> File:
        """A file that is there, for reading; the system refuses writes to it. Raises: FileNotFoundError."""
        return OsFile(os.open(self._folder / name, os.O_RDONLY | os.O_CLOEXEC))

    def create(self, name: str) -> File:
        """Raises: OSError."""
        raise _read_only(name)

    def remove(self, name: str) -> None:
        """Raises: OSError."""
        raise _read_only(name)

    def rename(self, name: str, to: str) -> None:  # noqa: ARG002 - the protocol's
        """Raises: OSError."""
        raise _read_only(name)

    def sync_folder(self) -> None:
        """Raises: OSError."""
        raise _read_only(str(self._folder))

    def map(self, name: str, size: int) -> memoryview:  # noqa: ARG002 - the protocol's
        """Raises: OSError."""
        raise _read_only(name)


def _read_only(name: str) -> OSError:
    return OSError(errno.EROFS, "the folder is only looked at", name)
