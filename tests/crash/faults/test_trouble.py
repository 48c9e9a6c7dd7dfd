"""A disk that is full, and one that fails: nothing is confirmed that could be lost, and what can go on does."""

from __future__ import annotations

import errno
from random import Random

import pytest

from storage.commit import RETRY_MS
from storage.marks import SLOTS_MIN
from storage.status import FAILED, FULL, OK
from tests.crash.faults import IS_WHOLE
from tests.crash.faults.crashes import Crash, Crashes
from tests.crash.faults.promise import Promise
from tests.crash.faults.run import SETTINGS, Life, Run
from tests.crash.faults.workload import Workload
from tests.support.faulty_files import CREATE, MAP, READ, REMOVE, SYNC, SYNC_FOLDER, TRUNCATE, WRITE, FaultyFiles

ROOMS = range(0, 700, 1 if IS_WHOLE else 29)
SEEDS = range(60 if IS_WHOLE else 6)
NTHS = range(1, 60 if IS_WHOLE else 12)
STEPS = 120


def filled(room_bytes: int) -> Run:
    """A run with two durable messages, and two more that the disk has not all the room for."""
    run = Run(FaultyFiles())
    run.append([(1, 0)], 0, b"", [b"durable", b"for now"])
    run.commit()
    run.files.room_bytes = run.files.used_bytes() + room_bytes
    run.append([(1, 0)], 0, b"", [b"x" * 300, b"y" * 300])
    run.commit()
    return run


# ---- full


@pytest.mark.parametrize("room_bytes", ROOMS)
def test_a_full_disk_confirms_nothing_and_goes_on_when_there_is_room(room_bytes: int) -> None:
    run = filled(room_bytes)
    if run.journal.state == OK:
        assert room_bytes > 600
        return
    durable = run.journal.durable
    assert [state for state, _ in run.states] == [FULL]
    assert "No space left" in run.states[0][1]
    for _ in range(3):
        run.append([(1, 0)], 0, b"", [b"waiting"])
        run.commit()
        run.advance(RETRY_MS)
    assert run.journal.backlog_bytes() > 0
    assert (run.journal.state, run.journal.durable, len(run.states)) == (FULL, durable, 1)
    for seed in range(5):
        Crash(run.promise, run.clock.now_ms(), seed, "full").check(run.files.after_power_cut(seed), True)
    run.files.room_bytes = None
    run.work()
    assert run.journal.state == FULL, "only the timer tries again"
    run.advance(RETRY_MS)
    assert [state for state, _ in run.states] == [FULL, OK]
    assert run.journal.backlog_bytes() == 0
    run.append([(1, 0)], 0, b"", [b"and on"])
    run.commit()
    assert run.journal.durable == run.promise.durable > durable
    for seed in range(5):
        Crash(run.promise, run.clock.now_ms(), seed, "room").check(run.files.after_power_cut(seed), True)
    assert len(run.observe().waiting[1]) == 8


def test_on_a_full_disk_messages_are_read_and_settled() -> None:
    run = filled(0)
    assert run.journal.state == FULL
    assert [loaded.items for loaded in run.load(run.journal.stream(1))] == [[b"durable", b"for now"]]
    run.mark_delivered(1, 4)
    run.settle(1, 1, 2)
    run.settle(1, 3, 4)
    run.commit()
    assert run.journal.stream(1).waiting()[0] == 2
    Crash(run.promise, run.clock.now_ms(), 0, "full").check(run.files.after_kill(), False)
    run.files.room_bytes = None
    run.advance(RETRY_MS)
    run.commit()
    assert list(run.observe().waiting[1]) == [2, 4]


def test_consumers_make_room_on_a_full_disk_themselves() -> None:
    """Segments that nobody needs any more go, although what says so finds no room: publishing goes on by itself."""
    run = Run(FaultyFiles())
    for _ in range(20):
        run.append([(1, 0)], 0, b"", [b"x" * 1000])
        run.commit()
    run.advance(1000)
    run.files.room_bytes = run.files.used_bytes() + 10
    run.append([(1, 0)], 0, b"", [b"last"])
    run.commit()
    assert run.journal.state == FULL
    run.settle(1, 1, 21)
    run.commit()
    run.advance(10 * RETRY_MS)
    assert run.journal.state == OK
    assert run.journal.keeping.counters.deleted_segments > 3
    assert [seen.item for seen in run.observe().waiting[1].values()] == [b"last"]


@pytest.mark.parametrize("has_room", [True, False])
def test_closing_on_a_full_disk_claims_nothing_it_has_not_written(has_room: bool) -> None:
    run = filled(100)
    run.append([(1, 0)], 0, b"", [b"behind"])
    run.ask(True)
    if has_room:
        run.files.room_bytes = None
    run.close()
    left = run.files.after_kill()
    left.room_bytes = None
    observed = Life(left).observe()
    run.promise.check(observed, False)
    assert len(observed.waiting[1]) == (5 if has_room else 2)


def test_a_full_disk_does_not_keep_the_log_from_opening() -> None:
    run = filled(0)
    left = run.files.after_kill()
    assert left.room_bytes == left.used_bytes()
    again = Run(left)
    observed = again.observe()
    run.promise.check(observed, False)
    again.promise = Promise.of(observed)
    again.append([(1, 0)], 0, b"", [b"later"])
    again.commit()
    left.room_bytes = None
    again.advance(10 * RETRY_MS)
    assert again.journal.state == OK
    assert again.journal.durable == again.promise.durable
    again.promise.check(Life(left.after_kill()).observe(), True)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_workload_on_a_disk_that_fills_up_again_and_again(seed: int) -> None:
    files, random = FaultyFiles(), Random(seed)
    run = Run(files)
    Crashes(files, run.promise, seed, 1, share=0.2)
    workload = Workload(run, 2000 + seed)
    for _ in range(STEPS):
        if random.random() < 0.1:
            files.room_bytes = random.choice((None, files.used_bytes() + random.randrange(5000)))
        workload.step()
    assert run.journal.state != FAILED
    files.room_bytes = None
    run.advance(5000)
    run.commit()
    assert run.journal.state == OK
    run.promise.check(Life(files.after_kill()).observe(), False)
    run.close()
    run.promise.check(Life(files.after_power_cut(seed)).observe(), True)


# ---- failed


@pytest.mark.parametrize("nth", NTHS)
@pytest.mark.parametrize("kind", [WRITE, SYNC, CREATE])
def test_after_a_failed_call_for_the_log_nothing_is_confirmed_any_more(kind: str, nth: int) -> None:
    files = FaultyFiles()
    run = Run(files)
    files.fail(kind, nth, name_part=".log", are_pages_kept=nth % 2 == 0)
    workload = Workload(run, 3000 + nth)
    for _ in range(1000):
        workload.step()
        if run.journal.state != OK:
            break
    assert [state for state, _ in run.states] == [FAILED]
    assert "Input/output error" in run.states[0][1]
    durable, told = run.journal.durable, len(run.durable_told)
    workload.steps(30)
    run.commit()
    run.advance(5000)
    assert run.journal.state == FAILED
    assert (run.journal.durable, len(run.durable_told)) == (durable, told), "nothing is confirmed for good"
    for seed in range(4):
        Crash(run.promise, run.clock.now_ms(), seed, "failed").check(files.after_power_cut(seed), True)
    run.close()
    assert run.journal.durable == durable
    run.promise.check(Life(files.after_kill()).observe(), False)


def test_a_folder_that_cannot_be_synced_fails_the_log() -> None:
    run = Run(FaultyFiles())
    run.files.fail(SYNC_FOLDER)
    for _ in range(2):
        run.append([(1, 0)], 0, b"", [b"x" * (SETTINGS.segment_bytes - 400)])
    run.commit()
    assert [state for state, _ in run.states] == [FAILED]
    assert not run.durable_told


@pytest.mark.parametrize("kind", [SYNC, TRUNCATE])
def test_room_that_is_missing_at_a_sync_or_a_cut_is_no_full_disk_but_a_failed_one(kind: str) -> None:
    run = Run(FaultyFiles())
    run.append([(1, 0)], 0, b"", [b"written"])
    if kind == SYNC:  # what is written and synced in one call is written anew, and may be tried again
        run.journal.commit(False)
    run.append([(1, 0)], 0, b"", [b"lost"])
    run.files.fail(kind, code=errno.ENOSPC)
    if kind == TRUNCATE:
        run.files.room_bytes = run.files.used_bytes() + 10
    run.commit()
    assert [state for state, _ in run.states] == [FAILED]
    run.files.room_bytes = None
    run.advance(5000)
    assert run.journal.durable == run.promise.durable
    assert not run.durable_told


def test_room_that_is_missing_where_a_write_is_synced_is_tried_again_with_the_write() -> None:
    run = Run(FaultyFiles())
    run.append([(1, 0)], 0, b"", [b"late"])
    run.files.fail(SYNC, code=errno.ENOSPC, are_pages_kept=False)
    run.commit()
    assert [state for state, _ in run.states] == [FULL]
    assert not run.durable_told
    run.advance(5000)
    assert [state for state, _ in run.states] == [FULL, OK]
    run.promise.check(Life(run.files.after_power_cut(1)).observe(), True)


@pytest.mark.parametrize("kind", [WRITE, CREATE, REMOVE, READ])
@pytest.mark.parametrize("nth", range(1, 4))
def test_trouble_beside_the_log_is_none_for_it(kind: str, nth: int) -> None:
    """An index that cannot be written or read, a file that cannot be deleted: the log confirms and loses nothing."""
    files = FaultyFiles()
    run = Run(files)
    files.fail(kind, nth, name_part=".idx" if kind != REMOVE else "")
    Crashes(files, run.promise, nth, 1, share=0.05)
    Workload(run, 4000 + nth).steps(STEPS)
    run.commit()
    run.advance(5000)
    assert run.journal.state == OK
    run.promise.check(Life(files.after_kill()).observe(), False)


def test_a_read_that_fails_is_tried_again() -> None:
    run = Run(FaultyFiles())
    run.append([(1, 0)], 0, b"", [b"a", b"b"])
    run.commit()
    answers: list[int] = []
    run.files.fail(READ, name_part=".log")
    run.journal.stream(1).load(1, 1000, lambda runs, _: answers.append(len(runs)))
    run.work()
    assert answers == []
    run.advance(5000)
    assert answers == [1]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
def test_without_a_file_for_the_marks_a_kill_makes_messages_look_delivered(code: int) -> None:
    run = Run(FaultyFiles())
    run.append([(1, 0)], 0, b"", [b"a", b"b", b"c"])
    run.commit()
    left = run.files.after_kill()
    left.fail(MAP, code=code)
    again = Run(left, promise=run.promise)
    assert again.journal.state == OK
    again.mark_delivered(1, 2)
    assert [name for name in left.names() if name.startswith("marks")] == []
    killed = Life(left.after_kill()).observe()
    again.promise.check(killed, True)
    assert {seen.deliveries for seen in killed.waiting[1].values()} == {1}
    again.close()
    again.promise.check(Life(left.after_kill()).observe(), False)


def test_marks_that_cannot_grow_are_kept_in_memory() -> None:
    run = Run(FaultyFiles())
    run.append([(stream, 0) for stream in range(1, SLOTS_MIN)], 0, b"", [b"a"])
    run.commit()
    run.files.fail(MAP, code=errno.ENOSPC)
    run.append([(stream, 0) for stream in range(SLOTS_MIN, SLOTS_MIN + 9)], 0, b"", [b"a"])
    run.mark_delivered(1, 2)
    run.mark_delivered(SLOTS_MIN + 1, 2)
    run.commit()
    run.promise.check(Life(run.files.after_kill()).observe(), True)
    run.close()
    run.promise.check(Life(run.files.after_kill()).observe(), False)


def test_what_is_settled_makes_room_for_the_head_of_a_new_segment() -> None:
    """The disk fills up where a segment begins: what goes then is what an earlier snapshot covers."""
    run = Run(FaultyFiles())
    number = 0
    while len(run.journal.keeping.segments) < 5:
        run.append([(1, 0)], 0, b"", [b"x" * 900])
        run.commit()
        number += 1
    while run.journal.state == OK:
        active = run.journal.appender.active
        run.files.room_bytes = run.files.used_bytes() + SETTINGS.segment_bytes - active.size
        run.append([(1, 0)], 0, b"", [b"x" * 900])
        run.commit()
        number += 1
    active = run.journal.appender.active
    assert run.journal.durable < active.base + active.head_bytes, "its head has found no room"
    run.settle(1, 1, number + 1)
    run.journal.commit(False)
    run.advance(5000)
    assert run.journal.state == OK
    run.commit()
    run.promise.check(Life(run.files.after_power_cut(1)).observe(), True)
