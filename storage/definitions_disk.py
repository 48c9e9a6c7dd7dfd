"""Where definitions lie: a table in SQLite, or a dict that stands for it. Written by a worker, one batch at a time.

Must not: hold anything back, or know what a key or a value means.

The file `definitions.sqlite`, in WAL mode with synchronous=FULL; SQLite's `user_version` is the version of this layout:

    definitions
      key       TEXT     primary key, ASCII
      value     BLOB
      revision  INTEGER  rises with every change while the broker runs
      crc       INTEGER  CRC-32 of key, NUL, revision in decimal, NUL, value

Upgrade rule: a broker reads every layout from 1 to its own. One that is older it brings to its own version, step by
step in one transaction, before it changes anything; one that is newer it refuses. What the values mean has versions of
its own, one in each value.
"""

from __future__ import annotations

import contextlib
import sqlite3
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple, Protocol

FILE_NAME: Final = "definitions.sqlite"
LAYOUT_VERSION: Final = 1
PRAGMAS: Final = ("journal_mode = WAL", "synchronous = FULL", "fullfsync = ON", "checkpoint_fullfsync = ON")
_CREATE: Final = (
    "CREATE TABLE definitions"
    " (key TEXT PRIMARY KEY, value BLOB NOT NULL, revision INTEGER NOT NULL, crc INTEGER NOT NULL) WITHOUT ROWID"
)


class DefinitionsError(Exception):
    """The definitions cannot be read; the text is one line that says which file and what to do."""


class Entry(NamedTuple):
    """A value and its revision, which rises with every change of anything in the store."""

    value: bytes
    revision: int


Changes = dict[str, Entry | None]  # None: the key is to be removed


class Disk(Protocol):
    """Where definitions survive."""

    def load(self) -> Iterator[tuple[str, Entry]]:
        """Everything that was written, in the order of keys. Raises: DefinitionsError."""
        ...

    def write(self, changes: Mapping[str, Entry | None]) -> None:
        """Makes the changes, all or none of them; they are durable when this returns.

        Raises: OSError, sqlite3.Error; nothing has changed then.
        """
        ...

    def close(self) -> None:
        """Ends; `load` may be called again."""
        ...


class MemoryDisk:
    """A disk for tests: what was written is there for the next store on it."""

    __slots__ = ("entries", "writes")

    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {}
        self.writes = 0

    def load(self) -> Iterator[tuple[str, Entry]]:
        """Everything that was written, in the order of keys."""
        return iter(sorted(self.entries.items()))

    def write(self, changes: Mapping[str, Entry | None]) -> None:
        """Makes the changes."""
        self.writes += 1
        for key, entry in changes.items():
            if entry is None:
                self.entries.pop(key, None)
            else:
                self.entries[key] = entry

    def close(self) -> None:
        """Does nothing: what was written stays."""


class SqliteDisk:
    """The table in SQLite. `load` is called first, by one thread; afterwards one other thread may do the rest."""

    __slots__ = ("_connection", "_path")

    def __init__(self, folder: Path) -> None:
        """Args: the data folder, which nobody else uses."""
        self._path = folder / FILE_NAME
        self._connection: sqlite3.Connection | None = None

    def load(self) -> Iterator[tuple[str, Entry]]:
        """Opens the file, made where there is none, checks it and reads everything. Raises: DefinitionsError."""
        if not self._path.exists():
            try:
                self._create()
            except (sqlite3.Error, OSError) as error:
                raise DefinitionsError(f"cannot make the file of definitions {self._path}: {error}") from None
        try:
            connection = self._connection = self._open()
            self._check(connection)
            rows = connection.execute("SELECT key, value, revision, crc FROM definitions ORDER BY key").fetchall()
        except (sqlite3.Error, OSError) as error:
            raise self._unreadable(str(error)) from None
        return self._entries(rows)

    def _open(self) -> sqlite3.Connection:
        try:
            return _connect(self._path, ())
        except sqlite3.OperationalError:  # on a full disk there is no room for the file that connections share
            return _connect(self._path, ("locking_mode = EXCLUSIVE",))

    def _entries(self, rows: list[tuple[str, bytes, int, int]]) -> Iterator[tuple[str, Entry]]:
        for key, value, revision, crc in rows:
            if _crc(key, value, revision) != crc:
                raise self._unreadable(f"the entry {key} is damaged")
            yield key, Entry(value, revision)

    def _unreadable(self, why: str) -> DefinitionsError:
        self.close()
        return DefinitionsError(
            f"cannot read the definitions in {self._path}: {why}; "
            "restore the file from a backup, or move it aside to start without definitions"
        )

    def _create(self) -> None:
        """The file is whole or absent at any time: SQLite syncs the folder with the first transaction in it."""
        unfinished = self._path.with_name(FILE_NAME + ".new")
        unfinished.unlink(missing_ok=True)
        unfinished.touch(mode=0o600)
        connection = sqlite3.connect(unfinished, isolation_level=None)
        try:
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA fullfsync = ON")
            connection.execute(_CREATE)
            connection.execute(f"PRAGMA user_version = {LAYOUT_VERSION}")
        finally:
            connection.close()
        unfinished.replace(self._path)

    def _check(self, connection: sqlite3.Connection) -> None:
        version = int(connection.execute("PRAGMA user_version").fetchone()[0])
        if version > LAYOUT_VERSION:
            raise self._unreadable(f"it has layout {version}, and this broker knows layouts up to {LAYOUT_VERSION}")
        if version < 1:
            raise self._unreadable("it is not a file of definitions")
        found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if found != "ok":
            raise self._unreadable(str(found).replace("\n", " "))

    def write(self, changes: Mapping[str, Entry | None]) -> None:
        """Makes the changes in one transaction. Raises: sqlite3.Error; nothing has changed then."""
        connection = self._connection
        assert connection is not None, "loaded"
        kept = [(key, *entry, _crc(key, *entry)) for key, entry in changes.items() if entry is not None]
        removed = [(key,) for key, entry in changes.items() if entry is None]
        try:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany("DELETE FROM definitions WHERE key = ?", removed)
            connection.executemany("INSERT OR REPLACE INTO definitions VALUES (?, ?, ?, ?)", kept)
            connection.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):  # where SQLite has done so itself
                connection.execute("ROLLBACK")
            raise

    def close(self) -> None:
        """Ends; what is in the WAL is moved into the file."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _connect(path: Path, first: Sequence[str]) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        for pragma in (*first, *PRAGMAS):
            connection.execute(f"PRAGMA {pragma}").fetchall()
    except BaseException:
        connection.close()
        raise
    return connection


def _crc(key: str, value: bytes, revision: int) -> int:
    return zlib.crc32(value, zlib.crc32(b"%b\0%d\0" % (key.encode(), revision)))
