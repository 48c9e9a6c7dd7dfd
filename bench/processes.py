"""CPU time and memory of a process tree, seen from outside. Must not: start or end a process."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

PROC = Path("/proc")
HAS_PROC = (PROC / "self/stat").exists()  # Linux; elsewhere CPU time of others is not available
KIB = 1024


def stat_fields(text: str) -> tuple[int, int]:
    """Parent and CPU ticks (user and system) from a line of /proc/PID/stat; the name in it may hold anything."""
    fields = text.rpartition(")")[2].split()
    return int(fields[1]), int(fields[11]) + int(fields[12])


def _stat(pid: int) -> tuple[int, int] | None:
    try:
        return stat_fields((PROC / str(pid) / "stat").read_text(errors="replace"))
    except (OSError, IndexError):
        return None  # it has ended


def tree(roots: Iterable[int]) -> list[int]:
    """The processes and all their descendants; just the roots where there is no /proc."""
    if not HAS_PROC:
        return list(roots)
    children: dict[int, list[int]] = {}
    for entry in os.listdir(PROC):
        if entry.isdigit() and (stat := _stat(int(entry))):
            children.setdefault(stat[0], []).append(int(entry))
    found: dict[int, None] = {}
    todo = list(roots)
    while todo:
        pid = todo.pop()
        if pid not in found:
            found[pid] = None
            todo += children.get(pid, [])
    return list(found)


def cpu_s(pids: Sequence[int]) -> float | None:
    """CPU time that the processes have used so far, in seconds; None where the system does not tell."""
    if not HAS_PROC or not pids:
        return None
    stats = [_stat(pid) for pid in pids]
    return sum(stat[1] for stat in stats if stat) / os.sysconf("SC_CLK_TCK")


def memory_mb(pids: Sequence[int]) -> float | None:
    """Resident memory of the processes now, in MB (10^6 bytes); None without pids."""
    if not pids:
        return None
    return sum(_resident_bytes(pid) for pid in pids) / 1e6


def _resident_bytes(pid: int) -> int:
    if HAS_PROC:
        try:
            return int((PROC / str(pid) / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        except (OSError, IndexError):
            return 0
    shown = subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return int(shown.stdout.strip() or 0) * KIB
