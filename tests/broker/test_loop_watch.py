"""The watch keeps the longest stretches, of a minute and of ever, and counts each once."""

from __future__ import annotations

from broker.clock import ManualClock
from broker.loop_watch import NS_PER_MS, SLOT_NS, SLOTS, STALL_NS, LoopWatch
from broker.tick import Tick
from storage.memory import MemoryJournal

MINUTE_NS = SLOT_NS * SLOTS


def test_what_is_short_is_not_noted() -> None:
    watch = LoopWatch()
    watch.worked(5, 5 + STALL_NS - 1)
    status = watch.status(STALL_NS)
    assert (status.longest_ns, status.longest_ns_last_minute, status.stall_ns.count) == (0, 0, 0)


def test_the_longest_of_a_minute_is_forgotten_and_that_of_ever_is_not() -> None:
    watch = LoopWatch()
    ended = 100 * MINUTE_NS
    watch.worked(ended - 9 * NS_PER_MS, ended)
    watch.worked(ended, ended + 3 * NS_PER_MS)
    assert watch.status(ended).longest_ns_last_minute == 9 * NS_PER_MS
    assert watch.status(ended + MINUTE_NS - 1).longest_ns_last_minute == 9 * NS_PER_MS
    later = ended + MINUTE_NS
    assert watch.status(later).longest_ns_last_minute == 0
    watch.worked(later - 2 * NS_PER_MS, later)  # in the place of the first
    status = watch.status(later)
    assert (status.longest_ns_last_minute, status.longest_ns) == (2 * NS_PER_MS, 9 * NS_PER_MS)


def test_stretches_are_counted_by_length() -> None:
    watch = LoopWatch()
    for length_ms in (1, 2, 3, 5, 7, 6000):
        watch.worked(0, length_ms * NS_PER_MS)
    spread = watch.status(0).stall_ns
    assert (spread.counts[:3], spread.counts[-1]) == ((2, 2, 1), 1)
    assert (spread.count, spread.total) == (6, 6018 * NS_PER_MS)


def test_a_late_timer_counts_what_nobody_has_told() -> None:
    watch = LoopWatch()
    watch.late(10 * NS_PER_MS, 14 * NS_PER_MS)
    assert watch.status(0).stall_ns.total == 4 * NS_PER_MS
    watch.worked(20 * NS_PER_MS, 28 * NS_PER_MS)
    watch.late(22 * NS_PER_MS, 28 * NS_PER_MS)  # because of the same
    assert watch.status(0).stall_ns.total == 12 * NS_PER_MS
    watch.late(30 * NS_PER_MS, 31 * NS_PER_MS)
    assert watch.status(0).stall_ns.total == 13 * NS_PER_MS


def test_a_turn_lasts_from_the_first_that_happens_in_it_to_its_end() -> None:
    clock = ManualClock(1000)
    tick = Tick(MemoryJournal(), clock.now_ms, lambda _: None)
    tick.watch, tick.clock_ns = LoopWatch(), clock.now_ns
    tick.schedule()
    clock.advance(3)
    tick.schedule()
    clock.advance(4)
    tick.run()
    clock.advance(1000)  # nothing to do
    tick.schedule()
    clock.advance(2)
    tick.run()
    status = tick.watch.status(clock.now_ns())
    assert (status.longest_ns, status.stall_ns.count) == (7 * NS_PER_MS, 2)
    assert status.stall_ns.total == 9 * NS_PER_MS
