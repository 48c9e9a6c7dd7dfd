"""The contract of stores of definitions, on each disk; invariants of `storage/definitions.py`."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from storage.definitions import NO_ENTRY, RETRY_MS, Definitions, RevisionError, StagedDefinitions
from storage.definitions_disk import FILE_NAME, DefinitionsError, Disk, Entry, MemoryDisk, SqliteDisk
from storage.worker import InlineWorker, ThreadWorker
from tests.support.workers import HeldWorker

NOW_MS = 1_700_000_000_000


@pytest.fixture(params=["memory", "sqlite"])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Disk:
    return MemoryDisk() if request.param == "memory" else SqliteDisk(tmp_path)


@pytest.fixture
def worker() -> HeldWorker:
    return HeldWorker()


@pytest.fixture
def store(disk: Disk, worker: HeldWorker) -> StagedDefinitions:
    return StagedDefinitions(disk, worker)


def values(store: Definitions, prefix: str = "") -> dict[str, bytes]:
    return {key: entry.value for key, entry in store.items(prefix)}


def stored(disk: Disk) -> dict[str, bytes]:
    """What a start after kill -9 finds: read beside the open store."""
    other = SqliteDisk(disk._path.parent) if isinstance(disk, SqliteDisk) else disk
    found = {key: entry.value for key, entry in other.load()}
    other.close()
    return found


def test_changes_are_seen_at_once_and_stored_at_the_commit(  # invariants 1 and 2
    store: StagedDefinitions, worker: HeldWorker, disk: Disk
) -> None:
    assert not store.pending
    store.put("a/1", b"one")
    store.put("a/2", b"two")
    store.put("b/1", b"x")
    store.delete("b/1")
    assert values(store) == {"a/1": b"one", "a/2": b"two"}
    assert values(store, "a/2") == {"a/2": b"two"}
    assert store.get("b/1") is None
    assert store.pending
    assert stored(disk) == {}
    store.commit(NOW_MS)
    assert len(worker.waiting) == 1, "one transaction"
    assert store.pending
    worker.finish()
    assert not store.pending
    assert stored(disk) == {"a/1": b"one", "a/2": b"two"}


def test_the_next_store_has_it_all(store: StagedDefinitions, disk: Disk) -> None:
    store.put("k", b"\x00\xff")
    store.put("gone", b"")
    store.delete("gone")
    revision = store.put("empty", b"")
    worker = HeldWorker()
    store._worker = worker
    store.close()
    worker.close()
    again = StagedDefinitions(disk, InlineWorker())
    assert values(again) == {"k": b"\x00\xff", "empty": b""}
    assert again.get("empty") == Entry(b"", revision)
    assert again.put("new", b"") > revision, "revisions go on rising"


def test_a_revision_that_was_expected_must_be_there(store: StagedDefinitions) -> None:
    first = store.put("k", b"1", NO_ENTRY)
    with pytest.raises(RevisionError, match=f"k has revision {first}, expected was 0"):
        store.put("k", b"2", NO_ENTRY)
    second = store.put("k", b"2", first)
    assert second > first
    with pytest.raises(RevisionError):
        store.put("k", b"3", first)
    with pytest.raises(RevisionError):
        store.delete("k", first)
    assert store.get("k") == Entry(b"2", second), "nothing has changed"
    store.delete("k", second)
    with pytest.raises(RevisionError):
        store.delete("k", second)
    store.delete("k")
    assert store.put("k", b"4", NO_ENTRY) > second


def test_watchers_are_told_at_once(store: StagedDefinitions) -> None:  # invariant 1
    told: list[tuple[str, Entry | None]] = []
    store.watch("a/", lambda key, entry: told.append((key, entry)))
    revision = store.put("a/1", b"x")
    store.put("b/1", b"x")
    store.delete("a/1")
    store.delete("a/1")
    assert told == [("a/1", Entry(b"x", revision)), ("a/1", None)]


def test_one_transaction_at_a_time(store: StagedDefinitions, worker: HeldWorker, disk: Disk) -> None:  # invariant 4
    told: list[str] = []
    store.when_stored(lambda: told.append("nothing"))
    assert told == ["nothing"], "at once where nothing is pending"
    store.put("a", b"1")
    store.when_stored(lambda: told.append("a"))
    store.commit(NOW_MS)
    store.when_stored(lambda: told.append("a again"))
    store.put("b", b"1")
    store.put("c", b"1")
    store.when_stored(lambda: told.append("c"))
    store.commit(NOW_MS)
    assert len(worker.waiting) == 1
    assert store.is_pending("a")
    assert store.is_pending("c")
    assert not store.is_pending("d")
    worker.finish()
    assert told == ["nothing", "a", "a again"]
    assert stored(disk) == {"a": b"1"}
    assert not store.is_pending("a")
    assert store.is_pending("b")
    assert store.pending
    assert len(worker.waiting) == 1, "the next one has b and c"
    worker.finish()
    assert told[3:] == ["c"]
    assert not store.pending
    assert not worker.waiting


def test_a_failed_transaction_is_not_stored_and_tried_again(  # invariant 5
    store: StagedDefinitions, worker: HeldWorker, disk: Disk
) -> None:
    told: list[str] = []
    store.on_trouble = told.append
    store.put("a", b"1")
    store.put("b", b"1")
    store.when_stored(lambda: told.append("stored"))
    store.commit(NOW_MS)
    store.put("a", b"2")
    worker.finish(OSError("no space left on device"))
    assert told == ["definitions cannot be stored: no space left on device"]
    assert store.pending
    assert values(store) == {"a": b"2", "b": b"1"}
    store.commit(NOW_MS + RETRY_MS - 1)
    assert not worker.waiting, "not so soon"
    store.commit(NOW_MS + RETRY_MS)
    worker.finish(sqlite3.OperationalError("disk I/O error"))
    store.commit(NOW_MS + 2 * RETRY_MS)
    worker.finish()
    assert told[1:] == ["definitions cannot be stored: disk I/O error", "", "stored"]
    assert stored(disk) == {"a": b"2", "b": b"1"}
    assert not store.pending


def test_who_does_not_want_to_wait_is_told_why(store: StagedDefinitions, worker: HeldWorker) -> None:
    told: list[str] = []
    store.put("a", b"1")
    store.when_stored(lambda: told.append("a is stored"), told.append)
    store.when_stored(lambda: told.append("one who waited"))
    store.commit(NOW_MS)
    store.put("b", b"1")
    store.when_stored(lambda: told.append("b is stored"), told.append)
    worker.finish(OSError("no room"))
    assert told == ["definitions cannot be stored: no room"]
    assert store.trouble == told[0]
    store.commit(NOW_MS + RETRY_MS)
    worker.finish()
    assert told[1:] == ["one who waited", "b is stored"]
    assert store.trouble == ""


def test_what_a_callback_changes_is_stored_too(disk: Disk) -> None:
    store = StagedDefinitions(disk, InlineWorker())
    count = 2000  # as many commands as one read may hold, without a recursion

    def chain(number: int) -> None:
        store.put(f"{number:05}", b"")
        if number < count:
            store.when_stored(lambda: chain(number + 1))

    chain(1)
    store.commit(NOW_MS)
    assert not store.pending
    assert len(stored(disk)) == count


def test_one_waiter_that_fails_does_not_stop_the_others(store: StagedDefinitions, worker: HeldWorker) -> None:
    told: list[str] = []
    store.put("a", b"1")
    store.when_stored(lambda: told.index("not there"))
    store.when_stored(lambda: told.append("second"))
    store.commit(NOW_MS)
    worker.finish()
    assert told == ["second"]
    store.put("b", b"1")
    store.commit(NOW_MS)
    worker.finish()
    assert not store.pending


def test_closing_stores_what_is_on_its_way_and_what_is_not(
    store: StagedDefinitions, worker: HeldWorker, disk: Disk
) -> None:
    store.put("a", b"1")
    store.put("c", b"1")
    store.commit(NOW_MS)
    store.put("b", b"1")
    store.delete("c")
    store.close()
    store.commit(NOW_MS + RETRY_MS)
    worker.finish(OSError("once"))
    worker.close()
    assert stored(disk) == {"a": b"1", "b": b"1"}


def test_a_thread_stores_too(disk: Disk) -> None:
    store = StagedDefinitions(disk, worker := ThreadWorker(lambda *_: None))
    store.put("a", b"1")
    store.commit(NOW_MS)
    store.put("b", b"1")
    store.close()
    worker.close()
    assert stored(disk) == {"a": b"1", "b": b"1"}


# ---- what only a file can show


def filled(folder: Path, count: int = 500) -> Path:
    store = StagedDefinitions(SqliteDisk(folder), InlineWorker())
    for number in range(count):
        store.put(f"queue/{number}", b'{"version": 1, "name": "%d"}' % number)
    store.commit(NOW_MS)
    store.close()
    return folder / FILE_NAME


def load(folder: Path) -> dict[str, bytes]:
    return values(StagedDefinitions(SqliteDisk(folder), InlineWorker()))


def test_a_full_disk_is_an_outcome_and_ends(tmp_path: Path) -> None:
    disk = SqliteDisk(tmp_path)
    store, told = StagedDefinitions(disk, InlineWorker()), list[str]()
    store.on_trouble = told.append
    connection = disk._connection
    assert connection is not None
    connection.execute(f"PRAGMA max_page_count = {connection.execute('PRAGMA page_count').fetchone()[0]}")
    store.put("large", bytes(100_000))
    store.commit(NOW_MS)
    assert told == ["definitions cannot be stored: database or disk is full"]
    assert stored(disk) == {}
    connection.execute("PRAGMA max_page_count = 1000000")
    store.commit(NOW_MS + RETRY_MS)
    assert told[1:] == [""]
    assert stored(disk) == {"large": bytes(100_000)}


@pytest.mark.parametrize(
    "damage",
    [
        lambda _data: b"",
        lambda data: data[:100],
        lambda data: data[: len(data) // 2],
        lambda data: b"not a database" + data[14:],
        lambda data: data[:4096] + bytes(4096) + data[8192:],
        lambda data: data.replace(b'"name": "123"', b'"name": "129"'),
    ],
    ids=["empty", "head only", "half", "magic", "page of zeros", "a value"],
)
def test_a_damaged_file_is_named_and_never_an_empty_store(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    path = filled(tmp_path)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DefinitionsError) as caught:
        load(tmp_path)
    text = str(caught.value)
    assert text.startswith(f"cannot read the definitions in {path}: ")
    assert text.endswith("; restore the file from a backup, or move it aside to start without definitions")
    assert "\n" not in text


def test_another_layout_is_refused(tmp_path: Path) -> None:
    path = filled(tmp_path, 1)
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 2")
    connection.close()
    with pytest.raises(DefinitionsError, match="it has layout 2, and this broker knows layouts up to 1"):
        load(tmp_path)


def test_a_first_start_that_was_cut_short_is_no_damage(tmp_path: Path) -> None:
    (tmp_path / (FILE_NAME + ".new")).write_bytes(b"half")
    assert load(tmp_path) == {}
    assert load(tmp_path) == {}


def test_a_transaction_is_synced_before_it_counts(tmp_path: Path) -> None:
    disk = SqliteDisk(tmp_path)
    assert dict(disk.load()) == {}
    assert disk._connection is not None
    settings = [disk._connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")]
    assert settings == ["wal", 2], "2 is FULL: the WAL is synced at every commit"
    disk.close()


def test_only_the_owner_may_read_the_file(tmp_path: Path) -> None:
    assert filled(tmp_path).stat().st_mode & 0o077 == 0
