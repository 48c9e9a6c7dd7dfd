"""The contract of ready lists, for each of them, against a sorted list; invariants of `broker/queues/ready.py`."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.model.message import Batch, Span
from broker.queues.priority import PriorityReady
from broker.queues.ready import Fifo, ReadyList
from protocol.commands import Address
from protocol.properties import Properties

ADDRESS = Address("", "q", False, False, b"")
PRIORITY_FLAGS = 0x0800
LISTS: list[tuple[Callable[[], ReadyList], int]] = [
    (Fifo, 0),
    (lambda: PriorityReady(3), 3),
    (lambda: PriorityReady(1), 1),
]


def span_of(position: int, count: int, priority: int, expires_ms: int) -> Span:
    """Messages whose bodies say where they stand."""
    properties = Properties(PRIORITY_FLAGS.to_bytes(2, "big") + bytes([priority]))
    bodies = [b"%04d" % number for number in range(position, position + count)]
    return Span(Batch(ADDRESS, properties, bodies, -1), 0, count, position, expires_ms, 0)


def numbers(spans: list[Span]) -> list[int]:
    return [int(body) for span in spans for body in span.bodies()]


class Naive:
    """Numbers with their level and expiry, in a dict."""

    def __init__(self, priority_max: int) -> None:
        self.priority_max = priority_max
        self.held: dict[int, tuple[int, int]] = {}  # number → level, expiry

    def order(self) -> list[int]:
        return sorted(self.held, key=lambda number: (-self.held[number][0], number))

    def expired(self, now_ms: int) -> list[int]:
        found: list[int] = []
        for level in range(self.priority_max, -1, -1):
            for number in [each for each in self.order() if self.held[each][0] == level]:
                if not 0 < self.held[number][1] <= now_ms:
                    break
                found.append(number)
        return found


steps = st.one_of(
    st.tuples(st.just("append"), st.integers(1, 5), st.integers(0, 5), st.sampled_from((0, 0, 10, 20))),
    st.tuples(st.just("take"), st.integers(1, 6), st.just(0), st.just(0)),
    st.tuples(st.just("back"), st.integers(0, 9), st.integers(0, 4), st.just(0)),
    st.tuples(st.just("expire"), st.sampled_from((5, 10, 30)), st.just(0), st.just(0)),
    st.tuples(st.just("clear"), st.integers(0, 9), st.just(0), st.just(0)),
)


@pytest.mark.parametrize(("create", "priority_max"), LISTS)
@settings(max_examples=250, deadline=None, derandomize=True, database=None)
@given(script=st.lists(steps, max_size=40))
def test_against_a_sorted_list(
    create: Callable[[], ReadyList], priority_max: int, script: list[tuple[str, int, int, int]]
) -> None:
    ready, naive, taken = create(), Naive(priority_max), list[tuple[Span, int, int]]()
    last = 0
    for what, number, more, expires_ms in script:
        if what == "append":
            ready.append(span_of(last + 1, number, more, expires_ms))
            naive.held |= {each: (min(more, priority_max), expires_ms) for each in range(last + 1, last + number + 1)}
            last += number
        elif what == "take":
            span = ready.take(number)
            got = numbers([span]) if span else []
            assert got == naive.order()[: len(got)]
            assert len(got) <= number
            assert bool(got) == bool(naive.held)
            if span:
                taken.append((span, *naive.held[got[0]]))
            for each in got:
                del naive.held[each]
        elif what == "back" and taken:
            span, level, until = taken.pop(number % len(taken))
            if 0 < more < span.stop - span.start:  # a part of it comes back first
                head = span.cut(more)
                taken.append((span, level, until))
                span = head
            naive.held |= dict.fromkeys(numbers([span]), (level, until))
            ready.put_back(span)
        elif what == "expire":
            expected = naive.expired(number)
            assert numbers(ready.take_expired(number)) == expected
            for each in expected:
                del naive.held[each]
        elif what == "clear" and number == 0:
            assert numbers(ready.clear()) == naive.order()
            naive.held.clear()
        compare(ready, naive)


def compare(ready: ReadyList, naive: Naive) -> None:
    assert numbers(list(ready.spans())) == naive.order()
    assert ready.count == len(naive.held)
    assert ready.body_bytes == 4 * len(naive.held)
    if naive.held:
        front = next(iter(ready.spans())).batch
        assert ready.next_message_bytes() == 4 + len(front.properties.raw) + len(front.address.tail)
    levels = {level for level, _ in naive.held.values()}
    fronts = [next(n for n in naive.order() if naive.held[n][0] == level) for level in levels]
    assert ready.next_expiry_ms() == min((naive.held[n][1] for n in fronts if naive.held[n][1]), default=0)
