"""The contract of ready lists, for each of them, against a sorted list; invariants of `broker/queues/ready.py`."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.model.message import Batch, Span
from broker.queues.paged import PagedFifo
from broker.queues.paging import Limits, MemoryBudget
from broker.queues.priority import PriorityReady
from broker.queues.ready import Fifo, ReadyList
from protocol.commands import Address
from protocol.properties import Properties
from storage.journal import OnLoaded, Stream
from storage.memory import MemoryJournal

ADDRESS = Address("", "q", False, False, b"")
PRIORITY_FLAGS = 0x0800


class Journalled:
    """Makes paged lists on a journal that knows the spans given to them; tiny limits, so that most of it is cold.

    What a list loads comes at once, or with `is_late` when somebody has looked for it in vain.
    """

    def __init__(self, priority_max: int, is_late: bool, bytes_max: int) -> None:
        self.journal = MemoryJournal()
        self.budget = MemoryBudget(bytes_max, Limits(3000, 1500, 30, 1600, 100))
        self.late: list[Callable[[], None]] = []
        self.is_late = is_late
        self.ready: ReadyList
        if priority_max:
            self.ready = PriorityReady(priority_max, self._create)
        else:
            self.ready = self._create(0)

    def _create(self, level: int) -> ReadyList:
        stream = self.journal.stream(level)
        if self.is_late:
            stream = cast("Stream", LateStream(stream, self.late))
        return PagedFifo(stream, self.journal, self.budget, self._loaded)

    def _loaded(self) -> None:
        self.ready.recount()

    def append(self, span: Span) -> None:
        """Journals a span, but for every seventh, which is transient, and appends it."""
        stream = self.ready.stream_for(span.batch)
        assert stream is not None
        if span.position % 7:
            inner = stream.inner if isinstance(stream, LateStream) else stream
            raw = span.batch.properties.raw
            span.batch.position, _ = self.journal.append(
                [(inner, span.expires_ms)], 1, b"\x00\x01q" + raw, span.batch.bodies
            )
            span.number = inner.next - len(span.batch.bodies)
            self.journal.commit(False)
        self.ready.append(span)


class LateStream:
    """A stream whose loads are answered when the test says so."""

    def __init__(self, inner: Stream, late: list[Callable[[], None]]) -> None:
        self.inner = inner
        self._late = late

    def load(self, first: int, size_bytes: int, on_loaded: OnLoaded) -> None:
        self._late.append(lambda: self.inner.load(first, size_bytes, on_loaded))

    def __getattr__(self, name: str) -> object:
        return getattr(self.inner, name)


class InMemory:
    """A list that is no journal's."""

    late: ClassVar[list[Callable[[], None]]] = []

    def __init__(self, ready: ReadyList) -> None:
        self.ready = ready
        self.append = ready.append


def _plain(_level: int) -> ReadyList:
    return Fifo()


LISTS: dict[str, tuple[Callable[[], Journalled | InMemory], int]] = {
    "fifo": (lambda: InMemory(Fifo()), 0),
    "three priorities": (lambda: InMemory(PriorityReady(3, _plain)), 3),
    "one priority": (lambda: InMemory(PriorityReady(1, _plain)), 1),
    "paged": (lambda: Journalled(0, False, 10**9), 0),
    "paged, little memory": (lambda: Journalled(0, False, 2000), 0),
    "paged, late": (lambda: Journalled(0, True, 10**9), 0),
    "paged priorities": (lambda: Journalled(3, False, 4000), 3),
    "paged priorities, late": (lambda: Journalled(2, True, 10**9), 2),
}


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


@pytest.mark.parametrize("kind", LISTS)
@settings(max_examples=250, deadline=None, derandomize=True, database=None)
@given(script=st.lists(steps, max_size=40))
def test_against_a_sorted_list(kind: str, script: list[tuple[str, int, int, int]]) -> None:
    create, priority_max = LISTS[kind]
    made, naive, taken = create(), Naive(priority_max), list[tuple[Span, int, int]]()
    ready = made.ready
    last = 0
    for what, number, more, expires_ms in script:
        if what == "append":
            made.append(span_of(last + 1, number, more, expires_ms))
            naive.held |= {each: (min(more, priority_max), expires_ms) for each in range(last + 1, last + number + 1)}
            last += number
        elif what == "take":
            span = taken_from(ready, made.late, number)
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
            found = ready.take_expired(number)
            while made.late:
                made.late.pop(0)()
                found += ready.take_expired(number)
            assert sorted(numbers(found)) == sorted(expected)
            for each in expected:
                del naive.held[each]
        elif what == "clear" and number == 0:
            cleared = numbers(ready.clear())
            assert cleared == [each for each in naive.order() if each in cleared], "in order, what was in memory"
            naive.held.clear()
        compare(ready, naive)


def taken_from(ready: ReadyList, late: list[Callable[[], None]], count: int) -> Span | None:
    """What `take` gives, once all that it asks to be loaded has come."""
    span = ready.take(count)
    while span is None and late:
        late.pop(0)()
        span = ready.take(count)
    return span


def compare(ready: ReadyList, naive: Naive) -> None:
    in_memory = numbers(list(ready.spans()))
    assert in_memory == [each for each in naive.order() if each in in_memory]
    assert ready.streams() or len(in_memory) == len(naive.held)
    assert ready.count == len(naive.held)
    assert ready.body_bytes == 4 * len(naive.held)
    if naive.held and ready.next_message_bytes():
        front = next(iter(ready.spans())).batch
        assert ready.next_message_bytes() == 4 + len(front.properties.raw) + len(front.address.tail)
    levels = {level for level, _ in naive.held.values()}
    fronts = [next(n for n in naive.order() if naive.held[n][0] == level) for level in levels]
    assert ready.next_expiry_ms() == min((naive.held[n][1] for n in fronts if naive.held[n][1]), default=0)


def test_expiring_what_is_loaded_meanwhile_counts_it_once() -> None:
    made = Journalled(2, False, 10**9)
    stream = made.journal.stream(0)
    for _ in range(9):
        made.journal.append([(stream, 10)], 1, b"\x00\x01q\x00\x00", [b"as long as a load"])
    made.journal.commit(False)
    ready = PriorityReady(2, made._create, [0])
    made.ready = ready
    assert (ready.count, ready.body_bytes) == (9, 153)
    assert len(ready.take_expired(10)) == 9
    assert (ready.count, ready.body_bytes, ready.next_message_bytes()) == (0, 0, 0)
