"""What a run of the bench was asked to do, handed to every scenario. Must not: do any of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

MIB = 1024 * 1024


@dataclass(frozen=True)
class Settings:
    """`folder` holds the data folders and the disk's own test file; `flags` go to every brokerd of the bench's own."""

    folder: Path
    seconds: float = 3.0
    depth: int = 1_000_000
    segment_bytes: int = 4 * MIB
    flags: tuple[str, ...] = ()
