"""The file of definitions on a disk that is full: what was stored can be read, and the rest when there is room."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.small_disk import MIB, NoSmallDisk, SmallDisk

HEAD = """
import sqlite3, sys, os
from pathlib import Path
from storage.definitions_disk import Entry, SqliteDisk
disk = SqliteDisk(Path(sys.argv[1]))
found = [key for key, _ in disk.load()]
"""
STORES = """
assert found == []
disk.write({"a": Entry(b"1", 1)})
if sys.argv[2] == "closed":
    disk.close()
os._exit(0)
"""
IS_REFUSED = """
assert found == ["a"], found
try:
    disk.write({"b": Entry(b"2" * 100_000, 2)})
except sqlite3.OperationalError as error:
    assert "full" in str(error), error
else:
    raise AssertionError("there was room")
disk.close()
"""
STORES_MORE = """
assert found == ["a"], found
disk.write({"b": Entry(b"2" * 100_000, 2)})
disk.close()
assert [key for key, _ in disk.load()] == ["a", "b"]
"""


@pytest.mark.parametrize("end", ["closed", "killed"])
def test_definitions_on_a_full_disk(tmp_path: Path, end: str) -> None:
    try:
        mounted = SmallDisk(tmp_path / "disk", MIB)
    except NoSmallDisk as error:
        pytest.skip(str(error))

    def run(script: str) -> None:  # where the file system is; SQLite would not take our way to it
        words = [*mounted.prefix, sys.executable, "-c", HEAD + script, str(mounted.folder), end]
        subprocess.run(words, check=True, timeout=60)

    with mounted:
        run(STORES)
        mounted.fill(0)
        run(IS_REFUSED)
        mounted.clear()
        run(STORES_MORE)
