"""Memory and disk alarms: while one is on, publishers are not read and told so. Must not: free anything itself.

Spec: RabbitMQ's resource alarms and connection.blocked.
"""

from __future__ import annotations

import logging
import os
import resource
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from storage.status import FAILED, OK

log = logging.getLogger("leveret.alarms")
CHECK_EVERY_MS: Final = 100  # publishers can write tens of megabytes meanwhile
CGROUP_LIMITS: Final = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
MEMORY: Final = "memory"
DISK: Final = "disk"
LOG: Final = "log"
_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")


def memory_limit_bytes() -> int:
    """The memory this process may use: the machine's, or its container's limit where that is lower."""
    limit = os.sysconf("SC_PHYS_PAGES") * _PAGE_BYTES
    for path in CGROUP_LIMITS:
        try:
            limit = min(limit, int(Path(path).read_text()))
        except (OSError, ValueError):  # not there, or "max"
            continue
    return limit


def memory_used_bytes() -> int:
    """The resident memory of this process; on systems without /proc, its highest so far."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE_BYTES
    except (OSError, ValueError):
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024


def disk_free_bytes(folder: Path) -> int:
    """The space the data folder's file system has left for this user."""
    state = os.statvfs(folder)
    return state.f_bavail * state.f_frsize


class Alarms:
    """Which alarms are on; `on_change` gets the reason, empty when the last one has gone."""

    def __init__(
        self,
        memory_max_bytes: int,
        disk_free_min_bytes: int,
        memory_used: Callable[[], int],
        disk_free: Callable[[], int],
        on_change: Callable[[str], None],
    ) -> None:
        self.memory_max_bytes = memory_max_bytes
        self.disk_free_min_bytes = disk_free_min_bytes
        self._memory_used = memory_used
        self._disk_free = disk_free
        self._on_change = on_change
        self._active: dict[str, None] = {}
        self._failure = ""  # of the log, for good

    def reason(self) -> str:
        """Why publishers are blocked, as connection.blocked says it; empty when they are not."""
        if self._failure:
            return self._failure
        lacking = {DISK if name == LOG else name for name in self._active}
        return f"low on {' & '.join(sorted(lacking, reverse=True))}" if lacking else ""

    def active(self) -> list[str]:
        """The alarms that are on."""
        return sorted(self._active)

    def check(self) -> None:
        """Looks at memory and disk."""
        self.set(MEMORY, self._memory_used() > self.memory_max_bytes)
        try:
            self.set(DISK, self._disk_free() < self.disk_free_min_bytes)
        except OSError as error:
            log.error("the data folder's free space cannot be read: %s", error)

    def log_state(self, state: str, text: str) -> None:
        """The log has no room, has failed for good, or is well again."""
        if state == FAILED:
            self._failure = text
        self.set(LOG, state != OK)

    def set(self, name: str, is_on: bool) -> None:
        """Turns an alarm on or off."""
        if is_on == (name in self._active):
            return
        if is_on:
            self._active[name] = None
            log.warning("%s alarm is on: publishers are paused until there is room", name)
        else:
            del self._active[name]
            log.warning("%s alarm is off", name)
        self._on_change(self.reason())
