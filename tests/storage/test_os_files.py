"""What OsFile does when the system writes or reads less than it was asked for, and how the folder is made."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Sequence
from pathlib import Path

import pytest

from storage.files import File, OsFiles


@pytest.fixture
def file(tmp_path: Path) -> File:
    return OsFiles(tmp_path).create("a")


@pytest.mark.parametrize("most", [1, 3, 4, 7, 99])
def test_short_writes_are_finished(file: File, monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    real_write, real_writev = os.pwrite, os.pwritev

    def short_writev(fd: int, chunks: Sequence[bytes], offset: int) -> int:
        return real_writev(fd, [b"".join(chunks)[:most]], offset)

    monkeypatch.setattr(os, "pwritev", short_writev)
    monkeypatch.setattr(os, "pwrite", lambda fd, data, offset: real_write(fd, data[:most], offset))
    file.write(2, [b"abcd", b"", b"efg", b"hijk"])
    file.write(13, [b"lm"])
    assert file.read(0, 99) == b"\0\0abcdefghijklm"


@pytest.mark.parametrize("most", [1, 3, 5, 99])
def test_a_short_write_with_a_sync_is_finished_and_synced(
    file: File, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    real_writev, syncs = os.pwritev, []

    def short_writev(fd: int, chunks: Sequence[bytes], offset: int, flags: int = 0) -> int:
        syncs.extend([flags] if flags else [])
        return real_writev(fd, [b"".join(chunks)[:most]], offset, flags)

    monkeypatch.setattr(os, "pwritev", short_writev)
    monkeypatch.setattr("storage.files._sync", syncs.append)
    file.write_and_sync(0, [b"abc", b"defg"])
    assert file.read(0, 99) == b"abcdefg"
    assert len(syncs) == 1 + (most < 7 and hasattr(os, "RWF_DSYNC")), "what the first call left is synced too"


def test_an_error_after_a_short_write_is_raised(file: File, monkeypatch: pytest.MonkeyPatch) -> None:
    real_writev = os.pwritev

    def fail(_fd: int, _data: bytes, _offset: int) -> int:
        raise OSError(errno.ENOSPC, "no room")

    monkeypatch.setattr(os, "pwritev", lambda fd, chunks, offset: real_writev(fd, [chunks[0][:2]], offset))
    monkeypatch.setattr(os, "pwrite", fail)
    with pytest.raises(OSError, match="no room"):
        file.write(0, [b"abcd", b"efgh"])
    assert file.read(0, 9) == b"ab"


def test_short_reads_are_finished(file: File, monkeypatch: pytest.MonkeyPatch) -> None:
    real_read = os.pread
    file.write(0, [b"abcdefghij"])
    monkeypatch.setattr(os, "pread", lambda fd, size, offset: real_read(fd, min(size, 3), offset))
    assert file.read(0, 10) == b"abcdefghij"
    assert file.read(4, 99) == b"efghij"
    assert file.read(4, 4) == b"efgh"
    assert file.read(10, 4) == b""


def test_only_the_owner_may_look(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "data"
    files = OsFiles(folder)
    files.create("a").close()
    files.map("m", 8)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE((folder / name).stat().st_mode) for name in files.names()} == {0o600}


def test_folders_inside_are_no_files(tmp_path: Path) -> None:
    (tmp_path / "aside").mkdir()
    assert OsFiles(tmp_path).names() == []


def test_mapped_memory_has_its_room_at_once(tmp_path: Path) -> None:
    OsFiles(tmp_path).map("m", 1 << 16)
    status = (tmp_path / "m").stat()
    assert status.st_size == 1 << 16
    if hasattr(os, "posix_fallocate"):
        assert status.st_blocks * 512 >= 1 << 16, "a store into it never finds the disk full"


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="asks the system what was synced")
def test_a_folder_is_synced_where_it_was_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []
    real = os.fsync
    monkeypatch.setattr(os, "fsync", lambda fd: (synced.append(os.readlink(f"/proc/self/fd/{fd}")), real(fd))[1])
    OsFiles(tmp_path / "data" / "log")
    assert synced == [str(tmp_path / "data"), str(tmp_path)]
    assert (tmp_path / "data" / "log").stat().st_mode & 0o777 == 0o700
    synced.clear()
    OsFiles(tmp_path / "data" / "log")
    assert synced == []
