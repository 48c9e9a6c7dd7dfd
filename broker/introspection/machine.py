"""What the process uses of the machine. Must not: take longer the more it uses."""

from __future__ import annotations

import os
import resource
from pathlib import Path

from broker.alarms import disk_free_bytes


def open_files() -> int:
    """How many files and sockets are open; older systems have to list them."""
    try:
        return os.stat("/proc/self/fd").st_size or len(os.listdir("/dev/fd"))
    except OSError:
        return len(os.listdir("/dev/fd"))


def open_files_max() -> int:
    """How many there may be."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def disk_free(folder: Path) -> int:
    """The space that the data folder's file system has left, in bytes; 0 where it cannot be asked."""
    try:
        return disk_free_bytes(folder)
    except OSError:
        return 0
