"""What expires behind messages that live longer: against a dict, for every ready list; and its packed entries."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.model.message import Span
from broker.queues.expiries import HEAP_MAX, Expiries
from broker.queues.overdue import AT_ONCE, STEP, Overdue
from tests.broker.queues.test_ready import LISTS, Made, Naive, numbers, span_of, taken_from

NEVER_ASKED = 10**9

steps = st.one_of(
    st.tuples(st.just("append"), st.integers(1, 5), st.integers(0, 5), st.sampled_from((0, 10, 20, 30, 40))),
    st.tuples(st.just("append"), st.integers(1, 5), st.integers(0, 5), st.sampled_from((0, 10, 20, 30, 40))),
    st.tuples(st.just("take"), st.integers(1, 6), st.just(0), st.just(0)),
    st.tuples(st.just("back"), st.integers(0, 9), st.integers(0, 4), st.just(0)),
    st.tuples(st.just("due"), st.integers(0, 45), st.just(0), st.just(0)),
    st.tuples(st.just("walk"), st.just(0), st.just(0), st.just(0)),
    st.tuples(st.just("clear"), st.integers(0, 9), st.just(0), st.just(0)),
)


class Expiring:
    """A ready list with what watches over its messages' time."""

    def __init__(self, made: Made) -> None:
        self.made = made
        self.ready = made.ready
        self.expired: list[Span] = []
        self.is_woken = False
        self.unacked = 0
        self.overdue = self._watch()

    def _watch(self) -> Overdue:
        return Overdue(lambda: self.ready, self.expired.append, self._wake, 0)

    def _wake(self) -> None:
        self.is_woken = True

    def append(self, span: Span) -> None:
        self.overdue.note(span, not self.ready.count and not self.unacked)
        self.made.append(span)

    def start_again(self, stop: int) -> None:
        """Forgets what it knows, as a restart does."""
        self.overdue = self._watch()
        self.overdue.walk(stop)
        self.settle_down(0)

    def due(self, now_ms: int) -> list[int]:
        """What leaves at that time."""
        self.expired.clear()
        self.settle_down(now_ms)
        return sorted(numbers(self.expired))

    def settle_down(self, now_ms: int) -> None:
        self.is_woken = True
        while self.is_woken or self.made.late:
            self.is_woken = False
            self.expired += self.ready.take_expired(now_ms, NEVER_ASKED)
            self.overdue.expire(now_ms)
            if self.made.late:
                self.made.late.pop(0)()
                self.is_woken = True
            self.is_woken |= 0 < self.overdue.next_ms() <= max(now_ms, AT_ONCE)


@pytest.mark.parametrize("kind", LISTS)
@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(script=st.lists(steps, max_size=40))
def test_everything_leaves_at_its_time(kind: str, script: list[tuple[str, int, int, int]]) -> None:
    create, priority_max = LISTS[kind]
    made = create()
    queue, naive, taken = Expiring(made), Naive(priority_max), list[tuple[Span, int, int]]()
    last = now_ms = 0
    for what, number, more, life_ms in script:
        if what == "append":
            expires_ms = now_ms + life_ms if life_ms else 0
            queue.append(span_of(last + 1, number, more, expires_ms))
            naive.held |= {each: (min(more, priority_max), expires_ms) for each in range(last + 1, last + number + 1)}
            last += number
        elif what == "take":
            span = taken_from(queue.ready, made.late, number)
            if span:
                taken.append((span, *naive.held[numbers([span])[0]]))
                queue.unacked += span.stop - span.start
                for each in numbers([span]):
                    del naive.held[each]
        elif what == "back" and taken:
            span, level, until = taken.pop(number % len(taken))
            if 0 < more < span.stop - span.start:
                taken.append((rest := span, level, until))
                span = rest.cut(more)
            queue.unacked -= span.stop - span.start
            naive.held |= dict.fromkeys(numbers([span]), (level, until))
            queue.overdue.back(span)
            queue.ready.put_back(span)
        elif what == "due":
            now_ms += number
            expected = sorted(each for each, (_, until) in naive.held.items() if 0 < until <= now_ms)
            assert queue.due(now_ms) == expected
            for each in expected:
                del naive.held[each]
        elif what == "walk" and not taken:
            queue.start_again(last + 1)
        elif what == "clear" and number == 0:
            queue.ready.clear()
            naive.held.clear()
        assert queue.ready.count == len(naive.held)
        assert queue.ready.body_bytes == 4 * len(naive.held)


def test_what_expires_in_order_leaves_no_entries() -> None:
    queue = Expiring(Made(0, True, False, 10**9))
    for number in range(1, 100):
        queue.append(span_of(number, 1, 0, 1000 + number))
    assert queue.overdue.next_ms() == 0
    assert all(stream.in_order for stream in queue.ready.streams())


def test_what_never_expires_is_remembered_in_the_stream() -> None:
    queue = Expiring(Made(0, True, False, 10**9))
    queue.append(span_of(1, 1, 0, 0))
    assert not queue.ready.streams()[0].in_order
    queue.append(span_of(2, 1, 0, 10))
    assert queue.overdue.next_ms() == 10


def test_a_walk_that_finds_order_says_so() -> None:
    queue = Expiring(Made(0, True, True, 2000))
    for number in range(1, 40):
        queue.append(span_of(number, 1, 0, 1000 + number))
    queue.ready.streams()[0].in_order = False
    queue.start_again(40)
    assert queue.ready.streams()[0].in_order
    assert queue.overdue.next_ms() == 0


def test_what_comes_back_again_and_again_is_noted_once() -> None:
    queue = Expiring(Made(0, False, False, 10**9))
    queue.append(span_of(1, 1, 0, 0))
    queue.append(span_of(2, 1, 0, NEVER_ASKED))
    first = queue.ready.take(1)
    for _ in range(10):
        span = queue.ready.take(1)
        assert span is not None
        queue.overdue.back(span)
        queue.ready.put_back(span)
    assert first is not None
    assert len(queue.overdue._expiries or ()) == 2


# ---- entries


def everything_waits(_: int) -> bool:
    return True


def test_entries_come_out_by_time() -> None:
    entries, chance = Expiries(STEP), random.Random(1)
    expected = {(chance.randrange(1, 5000), place * 2 * STEP, 1) for place in range(3 * HEAP_MAX)}
    for expires_ms, place, count in sorted(expected, key=lambda entry: entry[1]):
        entries.add(expires_ms, place, count, everything_waits)
    found: set[tuple[int, int, int]] = set()
    while now_ms := entries.next_ms():
        due = entries.take_due(now_ms, 10)
        assert 0 < len(due) <= 10
        assert due == sorted(due)
        found |= {(now_ms, place, count) for place, count in due}
    assert found == expected
    assert not len(entries)


def test_a_run_is_one_entry() -> None:
    entries = Expiries(STEP)
    for place in range(0, 100 * STEP, STEP):
        entries.add(50, place, 1, everything_waits)
    assert len(entries) == 1
    assert entries.take_due(49, 10) == []
    assert entries.take_due(50, 10) == [(0, 100)]


def test_stale_entries_never_are_many_more_than_those_that_wait() -> None:
    entries, waiting = Expiries(1), 1000
    front = 0

    def waits(place: int) -> bool:
        return place >= front

    for place in range(30 * HEAP_MAX):
        front = place - waiting
        entries.add(NEVER_ASKED - place, place, 1, waits)
        assert len(entries) <= 4 * HEAP_MAX
    assert len(entries) >= waiting
