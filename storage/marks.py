"""Up to where each stream's messages may have been delivered, in memory that outlives the process.

Storing a mark is one machine word written to a shared mapping: no system call, and true after kill -9 at any moment.
After a power cut the marks are not trusted: the file names the system's boot they belong to. Each start makes a file of
its own, named by its position in the log, and deletes older ones once what they say is in the log.

    word 0 magic, words 1 and 2 the boot's identity, 3 to 7 zero; then slots of two words: stream, mark

Must not: know what delivery means.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Final
from uuid import UUID

from storage.files import Files

log = logging.getLogger("leveret.storage")
PREFIX: Final = "marks-"
SLOTS_MIN: Final = 1024
SLOTS_MAX: Final = 2**24
AHEAD_MAX: Final = 2**32  # messages delivered that never reached the log; a mark further ahead is damaged
_MAGIC: Final = int.from_bytes(b"LVRTMRK1", "little")
_HEAD_WORDS: Final = 8
_LOW: Final = 2**64 - 1
_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


def boot_identity() -> int:
    """A number of 128 bits that changes when the machine starts; 0 where the system does not tell."""
    try:
        return UUID(_BOOT_ID.read_text().strip()).int
    except (OSError, ValueError):
        return 0


def marks_name(position: int) -> str:
    """The name of the file for a start at this position of the log."""
    return f"{PREFIX}{position:020d}"


def read_marks(files: Files, boot: int) -> dict[int, int] | None:
    """The highest mark of each stream; None where they cannot be trusted."""
    found: dict[int, int] | None = None
    for name in files.names():
        marks = _read_file(files, name, boot) if boot and name.startswith(PREFIX) else None
        if marks is not None:
            found = found or {}
            for stream, mark in marks.items():
                found[stream] = max(mark, found.get(stream, 0))
    return found


def _read_file(files: Files, name: str, boot: int) -> dict[int, int] | None:
    file = files.open(name)
    try:
        data = file.read(0, file.size())
    finally:
        file.close()
    found = decode_marks(data)
    return found[1] if found is not None and found[0] == boot else None


def decode_marks(data: bytes) -> tuple[int, dict[int, int]] | None:
    """The identity of the boot a file of marks belongs to, and each stream's mark; None where it is no such file."""
    words = memoryview(data[: len(data) & ~7]).cast("Q")
    if len(words) < _HEAD_WORDS or words[0] != _MAGIC:
        return None
    marks = {words[at]: words[at + 1] for at in range(_HEAD_WORDS, len(words) - 1, 2) if words[at]}
    return words[1] << 64 | words[2], marks


class Marks:
    """The marks of one running journal: a slot per stream, found by `slot`, stored to with `words[slot] = mark`."""

    __slots__ = ("_files", "_free", "_is_kept", "_name", "_used", "words")

    def __init__(self, files: Files, name: str, boot: int) -> None:
        """Args: boot is the boot's identity (128 bits; 0: unknown)."""
        self._files = files
        self._name = name
        self._free: list[int] = []
        self._used = 0
        self._is_kept = True
        self.words = self._map(SLOTS_MIN)
        for at in range(len(self.words)):
            self.words[at] = 0
        self.words[1], self.words[2] = boot >> 64, boot & _LOW
        self.words[0] = _MAGIC

    def _map(self, slots: int) -> memoryview:
        size_bytes = (_HEAD_WORDS + 2 * slots) * 8
        if self._is_kept:
            try:
                return self._files.map(self._name, size_bytes).cast("B").cast("Q")
            except OSError as error:
                log.error("%s cannot be made (%s): a kill makes every message look delivered", self._name, error)
                self._is_kept = False
                self._files.remove(self._name)
        words = memoryview(bytearray(size_bytes)).cast("Q")
        if self._used:
            words[: len(self.words)] = self.words
        return words

    def slot(self, stream_id: int, mark: int) -> int:
        """The index in `words` where the stream's mark is kept, which is `mark` at first."""
        if self._free:
            at = self._free.pop()
        else:
            at = _HEAD_WORDS + 2 * self._used
            self._used += 1
            if at + 1 >= len(self.words):
                self.words = self._map(min(2 * self._used, SLOTS_MAX))
        self.words[at + 1] = mark
        self.words[at] = stream_id
        return at + 1

    def free(self, slot: int) -> None:
        """The stream is gone."""
        self.words[slot - 1] = 0
        self._free.append(slot - 1)
