"""The test disk itself: it loses what a disk may lose, never what it may not, and every loss it can have is reached."""

from __future__ import annotations

import errno
from collections.abc import Callable

import pytest

from tests.support.faulty_files import (
    CREATE,
    MAP,
    REMOVE,
    SYNC,
    SYNC_FOLDER,
    TRUNCATE,
    WRITE,
    Call,
    FaultyFiles,
    PowerCut,
)  # fmt: skip
from tests.support.inode import SECTOR_BYTES

SEEDS = range(400)
NONE_KEPT, ALL_KEPT = 0, 1


def folder_with(synced: bytes) -> FaultyFiles:
    files = FaultyFiles()
    file = files.create("a")
    file.write(0, [synced])
    file.sync()
    files.sync_folder()
    return files


def contents(files: FaultyFiles, name: str = "a") -> set[bytes | None]:
    """What each seed leaves of a file; None where its name is gone."""
    found: set[bytes | None] = set()
    for seed in SEEDS:
        left = files.after_power_cut(seed)
        found.add(left.content(name) if name in left.names() else None)
    return found


def reached(found: set[bytes | None], condition: Callable[[bytes], bool]) -> bool:
    return any(content is not None and condition(content) for content in found)


# ---- power cuts


def test_what_was_synced_stays() -> None:
    files = folder_with(b"abc")
    files.open("a").write(3, [b"def"])
    assert all(content is not None and content.startswith(b"abc") for content in contents(files))


def test_unsynced_writes_are_kept_dropped_and_garbled() -> None:
    files = folder_with(b"abc")
    files.open("a").write(3, [b"def"])
    found = contents(files)
    assert {b"abc", b"abcdef", b"abc\0\0\0"} <= found
    assert reached(found, lambda content: len(content) == 6 and content[3:] not in (b"def", bytes(3))), "garbled"
    assert reached(found, lambda content: 3 < len(content) < 6), "cut short"
    assert reached(found, lambda content: len(content) > 6 and not any(content[6:])), "longer than it ever was"
    assert files.after_power_cut(NONE_KEPT).content("a") == b"abc"
    assert files.after_power_cut(ALL_KEPT).content("a") == b"abcdef"


def test_a_later_write_may_be_kept_without_an_earlier_one() -> None:
    files = folder_with(b"")
    file = files.open("a")
    file.write(0, [b"1" * SECTOR_BYTES])
    file.write(SECTOR_BYTES, [b"2" * SECTOR_BYTES])
    assert bytes(SECTOR_BYTES) + b"2" * SECTOR_BYTES in contents(files)


def test_a_write_tears_at_sectors() -> None:
    files = folder_with(b"abc")
    files.open("a").write(3, [b"x" * 2 * SECTOR_BYTES])
    found = contents(files)
    assert b"abc" + b"x" * (SECTOR_BYTES - 3) in found
    assert b"abc" + bytes(SECTOR_BYTES - 3) + b"x" * (SECTOR_BYTES + 3) in found


def test_overwritten_content_comes_back_old_or_new_by_sector() -> None:
    files = folder_with(b"o" * 2 * SECTOR_BYTES)
    files.open("a").write(0, [b"n" * 2 * SECTOR_BYTES])
    found = contents(files)
    assert {b"o" * SECTOR_BYTES + b"n" * SECTOR_BYTES, b"n" * SECTOR_BYTES + b"o" * SECTOR_BYTES} <= found


def test_garbage_may_be_old_content_of_the_disk() -> None:
    files = folder_with(bytes(range(256)) * 4)
    files.create("b").write(0, [b"y" * 64])
    files.sync_folder()
    old = bytes(range(256)) * 4
    assert reached(contents(files, "b"), lambda content: len(content) == 64 and content in old)


def test_a_write_that_is_synced_makes_only_itself_durable() -> None:
    files = folder_with(b"abcdef")
    file = files.open("a")
    file.write(0, [b"XY"])
    file.write_and_sync(6, [b"gh"])
    found = contents(files)
    assert {b"abcdefgh", b"XYcdefgh"} <= found
    assert all(content is not None and content[2:8] == b"cdefgh" for content in found)
    files.fail(SYNC)
    with pytest.raises(OSError):
        file.write_and_sync(8, [b"ij"])
    assert file.read(6, 9) == b"gh"


def test_a_truncation_is_lost_or_not() -> None:
    files = folder_with(b"abcdef")
    files.open("a").truncate(2)
    assert {b"abcdef", b"ab"} <= contents(files)
    files.open("a").sync()
    assert contents(files) == {b"ab"}


def test_the_same_seed_leaves_the_same() -> None:
    files = folder_with(b"abc")
    files.open("a").write(3, [b"x" * 5000])
    for seed in (2, 3, 17):
        assert files.after_power_cut(seed).content("a") == files.after_power_cut(seed).content("a")


def test_a_crash_changes_nothing_in_the_folder_it_is_taken_of() -> None:
    files = folder_with(b"abc")
    files.open("a").write(3, [b"def"])
    copy = files.after_kill()
    copy.open("a").write(0, [b"XXX"])
    copy.remove("a")
    files.after_power_cut(5).remove("a")
    assert files.content("a") == b"abcdef"


# ---- names


def test_a_synced_file_without_a_synced_name_may_be_there_or_not() -> None:
    files = FaultyFiles()
    file = files.create("a")
    file.write(0, [b"abc"])
    file.sync()
    assert contents(files) == {None, b"abc"}
    files.sync_folder()
    assert contents(files) == {b"abc"}


def test_a_removed_name_may_come_back_with_its_content() -> None:
    files = folder_with(b"abc")
    files.remove("a")
    assert contents(files) == {None, b"abc"}
    files.sync_folder()
    assert contents(files) == {None}


def test_names_are_lost_independently() -> None:
    files = folder_with(b"")
    files.remove("a")
    files.create("b").close()
    assert {tuple(files.after_power_cut(seed).names()) for seed in SEEDS} == {(), ("a",), ("b",), ("a", "b")}


def test_a_name_made_anew_may_stand_for_the_old_file_still() -> None:
    files = folder_with(b"old")
    files.remove("a")
    file = files.create("a")
    file.write(0, [b"new"])
    file.sync()
    assert contents(files) == {None, b"old", b"new"}


# ---- kills


def test_a_kill_keeps_what_was_written_and_syncs_nothing() -> None:
    files = folder_with(b"abc")
    files.open("a").write(3, [b"def"])
    files.create("b").close()
    files.remove("b")
    files.create("c").close()
    left = files.after_kill()
    assert left.names() == ["a", "c"]
    assert left.content("a") == b"abcdef"
    assert {b"abc", b"abcdef"} <= contents(left), "a power cut after the kill may still take it"
    assert contents(left, "c") >= {None, b""}


def test_mapped_memory_survives_a_kill_exactly_and_a_power_cut_by_chance() -> None:
    files = FaultyFiles()
    words = files.map("m", 1024).cast("Q")
    files.sync_folder()
    words[0], words[127] = 5, 6
    left = files.after_kill()
    words[0] = 7
    assert left.map("m", 1024).cast("Q").tolist()[::127] == [5, 6]
    found = contents(files, "m")
    assert reached(found, lambda content: content[:1] == b"\7" and content[-8:] == bytes(8))
    assert reached(found, lambda content: content[:1] == b"\0" and content[-8:-7] == b"\6")
    files.open("m").sync()
    assert {content and content[:1] for content in contents(files, "m")} == {b"\7"}


def test_the_system_may_write_back_on_its_own() -> None:
    files = folder_with(b"abc")
    files.open("a").write(3, [b"def"])
    files.write_back(ALL_KEPT)
    assert all(content is not None and content[:3] == b"abc" for content in contents(files))
    assert files.content("a") == b"abcdef"
    assert files.after_power_cut(NONE_KEPT).content("a") == b"abcdef"


# ---- cuts at a call


def work(files: FaultyFiles) -> None:
    file = files.create("a")
    file.write(0, [b"abc", b"def"])
    file.sync()
    file.truncate(4)
    files.map("m", 64)
    files.map("m", 64)
    files.sync_folder()
    files.remove("a")


KINDS = [CREATE, WRITE, SYNC, TRUNCATE, MAP, SYNC_FOLDER, REMOVE]


def test_what_reaches_the_disk_is_counted() -> None:
    files = FaultyFiles()
    work(files)
    assert [call.kind for call in files.trace] == KINDS
    assert [call.number for call in files.trace] == list(range(1, len(KINDS) + 1))


@pytest.mark.parametrize("number", range(1, len(KINDS) + 1))
def test_a_cut_comes_before_its_call_and_nothing_after_it(number: int) -> None:
    files, whole = FaultyFiles(), FaultyFiles()
    files.cut_at(number)
    with pytest.raises(PowerCut):
        work(files)
    assert files.calls == number
    for late in (files.names, files.sync_folder, lambda: files.create("z"), lambda: files.map("m", 64)):
        with pytest.raises(PowerCut):
            late()
    states: list[dict[str, bytes]] = []

    def note(_: Call) -> None:
        states.append({name: whole.content(name) for name in whole.names()})

    whole.on_call = lambda call: None if call.is_torn else note(call)
    work(whole)
    left = files.after_kill()
    assert {name: left.content(name) for name in left.names()} == states[number - 1]


@pytest.mark.parametrize("prefix_bytes", [1, 4])
def test_a_cut_in_the_middle_of_a_write(prefix_bytes: int) -> None:
    files = FaultyFiles()
    files.cut_at(2, prefix_bytes)
    with pytest.raises(PowerCut):
        work(files)
    assert files.after_kill().content("a") == b"abcdef"[:prefix_bytes]
    assert {b"", b"abcdef"} <= contents(files), "of what power leaves, the prefix says nothing"


def test_stores_after_the_cut_are_not_there() -> None:
    files = FaultyFiles()
    memory = files.map("m", 8)
    memory[0] = 1
    files.cut()
    memory[1] = 1
    assert files.after_kill().content("m") == b"\1" + bytes(7)


def test_every_write_is_seen_before_and_in_the_middle() -> None:
    files = FaultyFiles()
    seen: list[tuple[bool, bytes]] = []
    files.on_call = lambda call: seen.append((call.is_torn, files.content("a"))) if call.kind == WRITE else None
    work(files)
    assert [torn for torn, _ in seen] == [False, True]
    assert seen[0][1] == b""
    assert b"abcdef".startswith(seen[1][1])
    assert 0 < len(seen[1][1]) < 6


# ---- a full disk


def test_a_full_disk_takes_a_part_and_then_nothing() -> None:
    files = FaultyFiles()
    files.room_bytes = 10
    file = files.create("a")
    with pytest.raises(OSError) as raised:
        file.write(0, [b"x" * 6, b"y" * 6])
    assert raised.value.errno == errno.ENOSPC
    assert files.content("a") == b"x" * 6 + b"y" * 4
    file.write(2, [b"over"])
    for late in (lambda: file.write(10, [b"z"]), lambda: files.create("b"), lambda: files.map("m", 8)):
        with pytest.raises(OSError) as raised:
            late()
        assert raised.value.errno == errno.ENOSPC
    file.sync()
    assert file.read(0, 4) == b"xxov"


def test_room_comes_back_when_files_go_or_the_limit_rises() -> None:
    files = FaultyFiles()
    files.room_bytes = 10
    file = files.create("a")
    file.write(0, [b"x" * 10])
    files.room_bytes = 12
    file.write(10, [b"yz"])
    files.create("a").close()
    files.create("b").write(0, [b"x" * 12])
    files.remove("b")
    files.map("m", 12)
    assert files.used_bytes() == 12


# ---- calls that fail


@pytest.mark.parametrize("kind", KINDS)
def test_the_nth_call_of_a_kind_fails_once(kind: str) -> None:
    files = FaultyFiles()
    files.fail(kind, code=errno.EDQUOT)
    with pytest.raises(OSError) as raised:
        work(files)
    assert raised.value.errno == errno.EDQUOT
    assert files.trace[-1].kind == kind
    again = files.after_kill()
    work(again)
    assert again.names() == ["m"], "it failed once"


def test_only_the_named_file_fails_and_only_in_its_turn() -> None:
    files = FaultyFiles()
    files.fail(WRITE, 2, name_part="b")
    a, b = files.create("a"), files.create("b")
    a.write(0, [b"1"])
    b.write(0, [b"1"])
    a.write(1, [b"2"])
    with pytest.raises(OSError):
        b.write(1, [b"2222"])
    assert files.content("b") == b"122", "a part of it is done"
    b.write(1, [b"2222"])


def test_a_failed_sync_loses_the_writes_and_the_next_one_says_nothing() -> None:
    files = folder_with(b"abc")
    file = files.open("a")
    file.write(3, [b"def"])
    files.fail(SYNC)
    with pytest.raises(OSError):
        file.sync()
    assert file.read(0, 9) == b"abc"
    file.sync()
    assert contents(files) == {b"abc"}


def test_a_failed_sync_may_leave_the_writes_to_be_read_until_the_power_goes() -> None:
    files = folder_with(b"abc")
    file = files.open("a")
    file.write(3, [b"def"])
    files.fail(SYNC, are_pages_kept=True)
    with pytest.raises(OSError):
        file.sync()
    assert file.read(0, 9) == b"abcdef"
    assert files.after_kill().content("a") == b"abcdef"
    assert contents(files) == {b"abc"}


def test_reads_can_fail() -> None:
    files = folder_with(b"abc")
    files.fail("read")
    file = files.open("a")
    with pytest.raises(OSError):
        file.read(0, 1)
    assert file.read(0, 1) == b"a"


def test_open_files_are_counted() -> None:
    files = FaultyFiles()
    one, other = files.create("a"), files.open("a")
    assert files.open_files == 2
    one.close()
    other.close()
    assert files.open_files == 0
