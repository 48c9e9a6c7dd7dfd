"""The contract of Files and File, for the system's own and for the test double."""

from __future__ import annotations

from pathlib import Path

import pytest

from storage.files import BUFFERS_MAX, Files, OsFiles
from tests.support.faulty_files import FaultyFiles


@pytest.fixture(params=["os", "faulty"])
def files(request: pytest.FixtureRequest, tmp_path: Path) -> Files:
    return OsFiles(tmp_path / "made") if request.param == "os" else FaultyFiles()


def test_a_new_folder_is_empty(files: Files) -> None:
    assert files.names() == []


def test_names_are_sorted_and_end_with_remove(files: Files) -> None:
    for name in ("b", "a", "c"):
        files.create(name).close()
    assert files.names() == ["a", "b", "c"]
    files.remove("b")
    files.remove("never there")
    assert files.names() == ["a", "c"]
    files.sync_folder()
    assert files.names() == ["a", "c"]


def test_a_renamed_file_has_its_bytes_and_its_old_name_is_gone(files: Files) -> None:
    file = files.create("a")
    file.write(0, [b"abc"])
    files.rename("a", "b")
    file.write(3, [b"def"])
    assert files.names() == ["b"]
    assert files.open("b").read(0, 10) == b"abcdef"
    with pytest.raises(FileNotFoundError):
        files.rename("a", "c")
    assert files.names() == ["b"]


def test_what_is_written_in_pieces_is_read_anywhere(files: Files) -> None:
    file = files.create("a")
    file.write(0, [b"abc", b"", b"defg"])
    file.write(7, [b"hij"])
    assert file.size() == 10
    assert file.read(0, 10) == b"abcdefghij"
    assert file.read(2, 3) == b"cde"
    assert file.read(8, 100) == b"ij", "fewer only at the end"
    assert file.read(10, 5) == b""
    assert file.read(99, 5) == b""
    file.write(1, [b"XY"])
    assert file.read(0, 10) == b"aXYdefghij"


def test_writing_and_syncing_at_once_writes_the_same(files: Files) -> None:
    file = files.create("a")
    file.write_and_sync(0, [b"abc", b"", b"defg"])
    file.write_and_sync(5, [b"XY", b"Z"])
    file.write_and_sync(8, [b"%06d" % number for number in range(BUFFERS_MAX + 1)])
    assert file.read(0, 14) == b"abcdeXYZ000000"
    assert file.size() == 8 + 6 * (BUFFERS_MAX + 1)


def test_no_pieces_are_no_write(files: Files) -> None:
    file = files.create("a")
    file.write(0, [])
    file.write(5, [b""])
    assert file.size() in (0, 5), "the system may extend it or not"
    file.write(0, [b"x"])
    assert file.read(0, 1) == b"x"


def test_more_pieces_than_one_call_takes(files: Files) -> None:
    pieces = [b"%06d" % number for number in range(3 * BUFFERS_MAX + 1)]
    file = files.create("a")
    file.write(4, pieces)
    assert file.read(0, file.size()) == bytes(4) + b"".join(pieces)


def test_a_gap_reads_as_zeros(files: Files) -> None:
    file = files.create("a")
    file.write(3, [b"x"])
    assert file.read(0, 4) == b"\0\0\0x"


def test_truncate_cuts_and_extends(files: Files) -> None:
    file = files.create("a")
    file.write(0, [b"abcdef"])
    file.truncate(2)
    assert file.size() == 2
    file.truncate(4)
    assert file.read(0, 9) == b"ab\0\0"


def test_handles_of_a_file_see_the_same(files: Files) -> None:
    one = files.create("a")
    other = files.open("a")
    one.write(0, [b"abc"])
    assert other.read(0, 3) == b"abc"
    other.sync()
    other.close()
    assert one.read(0, 3) == b"abc"


def test_create_empties_and_open_does_not(files: Files) -> None:
    files.create("a").write(0, [b"abc"])
    assert files.open("a").read(0, 9) == b"abc"
    assert files.create("a").size() == 0
    assert files.open("a").size() == 0
    with pytest.raises(FileNotFoundError):
        files.open("b")


def test_a_removed_file_lives_on_for_who_has_it_open(files: Files) -> None:
    file = files.create("a")
    file.write(0, [b"abc"])
    files.remove("a")
    assert file.read(0, 3) == b"abc"
    files.create("a").write(0, [b"new"])
    assert file.read(0, 3) == b"abc"


def test_a_closed_file_is_an_error(files: Files) -> None:
    file = files.create("a")
    file.close()
    with pytest.raises(OSError):
        file.write(0, [b"x"])
    with pytest.raises(OSError):
        file.read(0, 1)
    with pytest.raises(OSError):
        file.close()


def test_mapped_memory_is_the_file(files: Files) -> None:
    words = files.map("m", 4096).cast("Q")
    assert len(words) == 512
    assert set(words) == {0}
    words[7] = 12345
    assert files.names() == ["m"]
    file = files.open("m")
    assert file.size() == 4096
    assert int.from_bytes(file.read(56, 8), "little") == 12345
    again = files.map("m", 4096).cast("Q")
    again[8] = 6
    assert words[8] == 6


def test_mapping_more_keeps_what_is_there(files: Files) -> None:
    files.map("m", 64)[3] = 9
    more = files.map("m", 128)
    assert len(more) == 128
    assert bytes(more) == b"\0\0\0\x09" + bytes(124)
    assert len(files.map("m", 64)) == 64
    assert files.open("m").size() == 128
