"""What the disk does by itself, and how much of it a folder takes. Must not: know what a broker is."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from typing import Final

RECORD_BYTES: Final = 1024
CHUNK_BYTES: Final = 1024 * 1024
WRITTEN_BYTES: Final = 256 * CHUNK_BYTES
BLOCK_BYTES: Final = 512  # the unit of st_blocks, whatever the file system's own is
sync = getattr(os, "fdatasync", os.fsync)  # macOS has no fdatasync


def sync_rate(folder: Path, seconds: float) -> float:
    """How often a second a record of 1 KB can be appended to a file in `folder` and synced, one after another."""
    record = os.urandom(RECORD_BYTES)
    with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
        count, start = 0, time.monotonic()
        while (elapsed_s := time.monotonic() - start) < seconds or not count:
            file.write(record)
            sync(file.fileno())
            count += 1
    return count / elapsed_s


def write_rate_mb(folder: Path) -> float:
    """MB (10^6 bytes) a second of writing one large file in `folder` from its start, with one sync at the end."""
    chunk = os.urandom(CHUNK_BYTES)
    with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
        start = time.monotonic()
        for _ in range(WRITTEN_BYTES // CHUNK_BYTES):
            file.write(chunk)
        sync(file.fileno())
        return WRITTEN_BYTES / 1e6 / (time.monotonic() - start)


def figures(folder: Path, seconds: float) -> dict[str, float | None]:
    """Both rates."""
    return {"disk_syncs": sync_rate(folder, seconds), "disk_write_mb": write_rate_mb(folder)}


def used_bytes(folder: Path) -> int:
    """Blocks that the files under `folder` occupy now, in bytes; a file that vanishes meanwhile counts as none."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.lstat().st_blocks * BLOCK_BYTES
        except OSError:
            continue
    return total


def forget(folder: Path) -> None:
    """Asks the system to drop its cache of the files under `folder`, so that they are read from the disk again.

    Nothing happens where the system has no such call, or to what has not been written back yet.
    """
    if not hasattr(os, "posix_fadvise"):
        return
    for path in folder.rglob("*"):
        try:
            handle = os.open(path, os.O_RDONLY)
        except OSError:
            continue
        try:
            os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(handle)
