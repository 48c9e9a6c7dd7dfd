"""The clock never jumps; deadlines keep the four promises of `Deadlines`."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.clock import COMPACT_ENTRIES_MIN, Clock, Deadline, Deadlines, ManualClock


def test_clock_is_wall_time_that_never_goes_back() -> None:
    clock = Clock()
    before = time.time_ns() // 1_000_000
    readings = [clock.now_ms() for _ in range(1000)]
    assert readings == sorted(readings)
    assert abs(readings[0] - before) < 60_000


def test_clock_does_not_follow_a_wall_clock_that_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    before = clock.now_ms()
    monkeypatch.setattr(time, "time_ns", lambda: 0)
    assert clock.now_ms() >= before


def test_manual_clock_moves_when_told() -> None:
    clock = ManualClock(5)
    assert (clock.now_ms(), clock.advance(10), clock.now_ms()) == (5, 15, 15)


def test_runs_in_order_and_once() -> None:
    deadlines, ran = Deadlines(), list[str]()
    for due_ms, name in ((30, "c"), (10, "a"), (20, "b1"), (20, "b2")):
        deadlines.add(due_ms, lambda name=name: ran.append(name))  # type: ignore[misc]
    assert deadlines.next_due_ms() == 10
    assert (deadlines.run_due(9), deadlines.run_due(20), deadlines.run_due(20)) == (0, 3, 0)
    assert ran == ["a", "b1", "b2"]
    assert (deadlines.next_due_ms(), len(deadlines)) == (30, 1)


def test_cancelled_never_runs_even_in_the_same_turn() -> None:
    deadlines, ran = Deadlines(), list[str]()
    second: list[Deadline] = []
    deadlines.add(1, lambda: deadlines.cancel(second[0]))
    second.append(deadlines.add(1, lambda: ran.append("second")))
    assert deadlines.run_due(1) == 1
    assert (ran, len(deadlines), deadlines.entries, deadlines.next_due_ms()) == ([], 0, 0, None)


def test_what_a_callback_adds_runs_later() -> None:
    deadlines, ran = Deadlines(), list[int]()

    def again() -> None:
        ran.append(1)
        deadlines.add(0, again)

    deadlines.add(0, again)
    assert [deadlines.run_due(0) for _ in range(3)] == [1, 1, 1]
    assert len(ran) == 3


def test_exception_leaves_the_rest_for_later() -> None:
    deadlines, ran = Deadlines(), list[int]()
    deadlines.add(1, lambda: 1 // 0)
    deadlines.add(2, lambda: ran.append(2))
    with pytest.raises(ZeroDivisionError):
        deadlines.run_due(2)
    assert deadlines.run_due(2) == 1
    assert ran == [2]


def test_cancelling_what_ran_counts_nothing() -> None:
    deadlines = Deadlines()
    deadline = deadlines.add(1, lambda: None)
    deadlines.run_due(1)
    deadlines.cancel(deadline)
    assert len(deadlines) == 0


def test_a_timer_reset_a_million_times_over_stays_small() -> None:
    deadlines = Deadlines()
    deadline = deadlines.add(0, lambda: None)
    for due_ms in range(10_000):
        deadlines.cancel(deadline)
        deadline = deadlines.add(due_ms, lambda: None)
        assert deadlines.entries <= COMPACT_ENTRIES_MIN + 1
    assert len(deadlines) == 1


@given(st.lists(st.tuples(st.integers(0, 50), st.booleans()), max_size=200), st.integers(0, 50))
def test_agrees_with_a_sorted_list(entries: list[tuple[int, bool]], now_ms: int) -> None:
    deadlines, ran = Deadlines(), list[int]()
    handles = [
        deadlines.add(due_ms, lambda index=index: ran.append(index))  # type: ignore[misc]
        for index, (due_ms, _) in enumerate(entries)
    ]
    for handle, (_, cancelled) in zip(handles, entries, strict=True):
        if cancelled:
            deadlines.cancel(handle)
    live = sorted((due_ms, index) for index, (due_ms, cancelled) in enumerate(entries) if not cancelled)
    assert deadlines.next_due_ms() == (live[0][0] if live else None)
    deadlines.run_due(now_ms)
    assert ran == [index for due_ms, index in live if due_ms <= now_ms]
    assert len(deadlines) == sum(due_ms > now_ms for due_ms, _ in live)
