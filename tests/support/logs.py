"""Logs made by hand for the tests of what reads them, and damage done to them."""

from __future__ import annotations

from pathlib import Path
from struct import pack_into
from zlib import crc32

from broker.clock import Deadlines, ManualClock
from storage.files import OsFiles
from storage.journal import Stream
from storage.local import LocalJournal, LogSettings
from storage.segment import index_name
from storage.worker import InlineWorker

HEAD = b"\x00\x06orders\x10\x00\x02"  # to the default exchange, with delivery mode 2
STAMP_MS = 1_700_000_000_000


def open_log(folder: Path, segment_bytes: int = 1 << 20) -> LocalJournal:
    """A journal on a folder, all of whose work is done at once."""
    settings = LogSettings(segment_bytes=segment_bytes)
    clock = ManualClock(1).now_ms
    return LocalJournal(OsFiles(folder), InlineWorker(), InlineWorker(), Deadlines(), clock, settings, boot=1)


def close_with_index(folder: Path, journal: LocalJournal) -> None:
    """Closes a journal and writes the index of its last segment, as the next start does."""
    journal.close()
    segment = journal.appender.active
    blocks = [b"".join(stretch.encode(segment.base)) for stretch in segment.stretches]
    (folder / index_name(segment.base)).write_bytes(b"".join(blocks))


def publish(journal: LocalJournal, count: int, *streams: Stream, body: bytes = b"body %03d") -> None:
    """Appends so many messages, each an entry of its own, and commits."""
    for number in range(count):
        item = body % number if b"%" in body else body
        journal.append([(stream, 0) for stream in streams], STAMP_MS, HEAD, [item])
    journal.commit(True)


def segments(folder: Path) -> list[Path]:
    """The segments' files, in order."""
    return sorted(folder.glob("*.log"))


def flip(path: Path, offset: int) -> None:
    """Turns one bit of a file around."""
    data = bytearray(path.read_bytes())
    data[offset] ^= 1
    path.write_bytes(data)


def make_newer(path: Path, version: int) -> None:
    """Gives a segment a head of a later version."""
    data = bytearray(path.read_bytes())
    for at in (0, 32):
        pack_into("<H", data, at + 20, version)
        pack_into("<I", data, at + 24, crc32(data[at : at + 24]))
    path.write_bytes(data)


def cut(path: Path, size: int) -> None:
    """Takes so many bytes off the end of a file."""
    path.write_bytes(path.read_bytes()[:-size])


def contents(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Every file under a folder, with the time it was changed."""
    return {
        str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
