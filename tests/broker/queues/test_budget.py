"""The budget of all queues: whoever has too much is asked in turn, as long as there is too much."""

from __future__ import annotations

from broker.queues.paging import Limits, MemoryBudget

LIMITS = Limits(queue_bytes_max=1000, transient_bytes_max=2000, queue_bytes_min=100)


class Ready:
    """A list that gives back a step at a time, once its messages are written."""

    def __init__(self, budget: MemoryBudget, hot_bytes: int, step_bytes: int = 50) -> None:
        self.budget, self.step_bytes = budget, step_bytes
        self.hot_bytes = hot_bytes
        self.is_written = True
        self.asked = 0
        budget.used += hot_bytes

    def shrink(self, bytes_max: int) -> bool:
        self.asked += 1
        if self.is_written:
            given = min(self.step_bytes, self.hot_bytes - bytes_max)
            self.hot_bytes -= given
            self.budget.used -= given
        return self.hot_bytes > bytes_max


def test_nobody_is_asked_while_there_is_room() -> None:
    budget = MemoryBudget(400, LIMITS)
    ready = Ready(budget, 400)
    budget.grown(ready)
    assert (ready.asked, budget.queue_bytes_max(True)) == (0, LIMITS.queue_bytes_min)
    budget.used = 399
    assert (budget.queue_bytes_max(True), budget.queue_bytes_max(False)) == (1000, 2000)


def test_a_list_that_could_give_nothing_is_asked_again() -> None:
    budget = MemoryBudget(150, LIMITS)
    ready = Ready(budget, 300)
    ready.is_written = False
    budget.grown(ready)
    assert (ready.asked, budget.used) == (1, 300)
    ready.is_written = True
    budget.give_back()
    assert (ready.asked, budget.used) == (2, 250)


def test_lists_take_turns_until_there_is_room_or_all_have_the_least() -> None:
    budget = MemoryBudget(150, LIMITS)
    lists = [Ready(budget, 200), Ready(budget, 200), Ready(budget, 150)]
    for ready in lists:
        budget.grown(ready)
    for _ in range(20):
        budget.give_back()
    assert [ready.hot_bytes for ready in lists] == [100, 100, 100]
    assert [ready.asked for ready in lists] == [2, 2, 1], "who has the least is not asked any more"


def test_one_step_at_a_time() -> None:
    budget = MemoryBudget(0, LIMITS)
    lists = [Ready(budget, 500), Ready(budget, 500)]
    budget.grown(lists[0])
    budget.grown(lists[1])
    budget.give_back()
    assert [ready.hot_bytes for ready in lists] == [400, 450]


def test_who_is_empty_is_not_asked() -> None:
    budget = MemoryBudget(0, LIMITS)
    ready = Ready(budget, 200)
    budget.grown(ready)
    budget.forget(ready)
    budget.give_back()
    assert ready.asked == 1
