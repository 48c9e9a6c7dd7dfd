"""Priorities changed at any time, among publishes, gets, acknowledgements and kills: against what was published.

Nothing is lost and nothing comes twice; within a priority the order stays, but for what has been at a consumer.
"""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.broker.changing.bench import Bench

MOST = st.sampled_from([None, 1, 3, 9])
COUNTS = st.integers(1, 60)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("publish"), COUNTS, st.booleans()),
        st.tuples(st.just("get"), st.integers(1, 20), st.booleans()),
        st.tuples(st.just("give back"), st.booleans(), st.just(0)),
        st.tuples(st.just("change"), MOST, st.booleans()),
        st.tuples(st.just("change"), MOST, st.just(False)),
        st.tuples(st.just("settle"), st.just(0), st.just(0)),
        st.tuples(st.just("kill"), st.just(0), st.just(0)),
    ),
    min_size=8,
    max_size=30,
)


class Run:
    """What has been published and not been taken for good; `disturbed` has come back at some time."""

    def __init__(self, is_late: bool) -> None:
        self.bench = Bench(is_late=is_late)
        self.number = 0
        self.waiting: dict[bytes, bool] = {}  # whether it outlives a kill
        self.held: dict[int, bytes] = {}
        self.disturbed: set[bytes] = set()
        self.kept: dict[bytes, bool] = {}  # of what has been held, whether it outlives a kill

    def publish(self, count: int, persistent: bool) -> None:
        for _ in range(count):
            self.number += 1
            priority = self.number * 7 % 10
            body = b"%d:%06d" % (priority, self.number)
            self.bench.publish(priority, [body], persistent)
            self.waiting[body] = persistent
        self.bench.settle()

    def get(self, count: int, no_ack: bool) -> None:
        for _ in range(count):
            got = self.bench.get(no_ack)
            if got is None:
                assert not self.waiting
                return
            body = got[0]
            assert body in self.waiting, "it comes once"
            persistent = self.waiting.pop(body)
            if not no_ack:
                self.held[got[1]] = body
                self.disturbed.add(body)
                self.kept[body] = persistent

    def give_back(self, is_settled: bool) -> None:
        if not self.held:
            return
        self.bench.answer_nothing(max(self.held), is_settled)
        if not is_settled:
            self.waiting |= {body: self.kept[body] for body in self.held.values()}
        self.held.clear()

    def change(self, most: int | None, is_sorted: bool) -> None:
        self.bench.change({"x-max-priority": most})
        if is_sorted:
            self.bench.sorted()

    def kill(self) -> None:
        self.bench.broker.advance(1000)  # what nobody waits for is on the disk
        self.bench.settle()
        self.bench.kill()
        self.waiting |= {body: self.kept[body] for body in self.held.values()}
        self.held.clear()
        self.waiting = {body: True for body, persistent in self.waiting.items() if persistent}

    def end(self) -> None:
        found = self.bench.drain()
        assert sorted(found) == sorted(self.waiting)
        for priority in range(10):
            own = [one for one in found if one.startswith(b"%d:" % priority) and one not in self.disturbed]
            assert all(one < other for one, other in pairwise(own)), (priority, own)


@settings(deadline=None, max_examples=40)
@given(STEPS, st.booleans())
def test_nothing_is_lost_and_the_order_stays(steps: list[tuple[object, ...]], is_late: bool) -> None:
    run = Run(is_late)
    for step in steps:
        name, first, second = step
        if name == "publish":
            run.publish(first, second)  # type: ignore[arg-type]
        elif name == "get":
            run.get(first, second)  # type: ignore[arg-type]
        elif name == "give back":
            run.give_back(bool(first))
        elif name == "change":
            run.change(first, bool(second))  # type: ignore[arg-type]
        elif name == "settle":
            run.bench.settle()
        else:
            run.kill()
    run.end()
    run.bench.settle()
    assert not run.bench.queue.ready.count
