"""A queue ends by itself when it was unused for its time, or when its last consumer has gone."""

from __future__ import annotations

from collections.abc import Callable

from broker.clock import Deadlines, ManualClock
from broker.queues.lifetime import Lifetime
from tests.support.queues import queue_context

START_MS = 1_000_000


class World:
    """One lifetime with its clock; `ended` is when its queue was told to go."""

    def __init__(self, auto_delete: bool = False, expires_ms: int = 0) -> None:
        self.clock = ManualClock(START_MS)
        self.deadlines = Deadlines()
        self.ended: list[int] = []
        context = queue_context(self.clock.now_ms, self.deadlines)
        self.lifetime = Lifetime(auto_delete, expires_ms, context, self._end)

    def _end(self) -> None:
        self.ended.append(self.clock.now_ms() - START_MS)

    def at(self, after_ms: int, action: Callable[[], None] | None = None) -> None:
        """Goes to a time after the start, through every deadline on the way, and does something there."""
        end_ms = START_MS + after_ms
        while (due_ms := self.deadlines.next_due_ms()) is not None and due_ms <= end_ms:
            self.clock.advance(due_ms - self.clock.now_ms())
            self.deadlines.run_due(due_ms)
        self.clock.advance(end_ms - self.clock.now_ms())
        if action is not None:
            action()

    def touch(self) -> None:
        self.lifetime.touch(self.clock.now_ms())

    def out_of_use(self) -> None:
        self.lifetime.out_of_use(self.clock.now_ms())


def _never(*_: object) -> None:
    raise AssertionError("a lifetime has no business here")


def test_an_unused_queue_ends_at_its_time() -> None:
    world = World(expires_ms=100)
    world.touch()
    world.at(99)
    assert world.ended == []
    world.at(1000)
    assert world.ended == [100]
    assert len(world.deadlines) == 0


def test_without_x_expires_there_is_no_timer() -> None:
    world = World()
    world.touch()
    assert world.deadlines.entries == 0
    world.lifetime.in_use()
    world.at(10, world.out_of_use)
    world.at(1_000_000)
    assert world.ended == []


def test_a_touch_starts_the_time_anew() -> None:
    world = World(expires_ms=100)
    world.touch()
    world.at(60, world.touch)
    world.at(150, world.touch)
    world.at(249)
    assert world.ended == []
    world.at(250)
    assert world.ended == [250]


def test_many_touches_need_one_timer() -> None:
    world = World(expires_ms=100)
    for after_ms in range(90):
        world.at(after_ms, world.touch)
    assert world.deadlines.entries == 1
    world.at(1000)
    assert world.ended == [189]


def test_a_queue_in_use_does_not_end() -> None:
    world = World(expires_ms=100)
    world.touch()
    world.lifetime.in_use()
    world.at(10_000)
    assert world.ended == []
    world.at(10_001, world.out_of_use)
    world.at(10_100)
    assert world.ended == []
    world.at(10_101)
    assert world.ended == [10_101]


def test_a_touch_in_use_does_not_end_it_either() -> None:
    world = World(expires_ms=100)
    world.lifetime.in_use()
    world.at(10, world.touch)
    world.at(500, world.touch)
    world.at(10_000)
    assert world.ended == []


def test_a_short_use_before_the_time_counts_too() -> None:
    world = World(expires_ms=100)
    world.touch()
    world.at(50, world.lifetime.in_use)
    world.at(70, world.out_of_use)
    world.at(169)
    assert world.ended == []
    world.at(170)
    assert world.ended == [170]


def test_auto_delete_ends_with_the_last_consumer_and_not_before_the_first() -> None:
    world = World(auto_delete=True)
    world.touch()
    world.at(1000)
    assert world.ended == []
    world.lifetime.in_use()
    world.at(2000)
    assert world.ended == []
    world.at(2001, world.out_of_use)
    assert world.ended == [2001]


def test_a_queue_that_is_gone_leaves_no_timer() -> None:
    world = World(auto_delete=True, expires_ms=100)
    world.touch()
    world.at(10, world.lifetime.in_use)
    world.at(20, world.out_of_use)
    world.lifetime.stop()
    assert len(world.deadlines) == 0
    world.at(1000)
    assert world.ended == [20], "once is enough"
    world.lifetime.stop()
