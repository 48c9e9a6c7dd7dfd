"""The contract of ready lists, for each of them, against a sorted list; invariants of `broker/queues/ready.py`."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.model.message import Batch, Span
from broker.queues.paged import PagedFifo
from broker.queues.paging import Limits, MemoryBudget
from broker.queues.priority import PriorityReady
from broker.queues.ready import ReadyList
from broker.queues.spool import Spool
from broker.queues.stored import encode_head
from protocol.commands import Address
from protocol.properties import Properties
from storage.journal import OnLoaded, Stream
from storage.memory import MemoryJournal

ADDRESS = Address("", "q", False, False, b"\x00\x01q")
PRIORITY_FLAGS = 0x0800
EXPIRED_MAX = 2  # spans that leave at a time


class Made:
    """A list of paged lists with tiny limits, so that most of it is cold, and what they need around them.

    With `is_durable` all but every seventh span are journalled. What a list loads comes at once, or with `is_late` when
    somebody has looked for it in vain; then the spool writes late too.
    """

    def __init__(self, priority_max: int, is_durable: bool, is_late: bool, bytes_max: int) -> None:
        self.journal = MemoryJournal()
        self.spooled = LateJournal() if is_late else MemoryJournal()
        self.spool = Spool(lambda: self.spooled, lambda: 1)
        self.budget = MemoryBudget(bytes_max, Limits(3020, 4000, 1500, 30, 1600, 100))
        self.late: list[Callable[[], None]] = []
        self.is_durable = is_durable
        self.is_late = is_late
        self.ready: ReadyList
        if priority_max:
            self.ready = PriorityReady(priority_max, self._create)
        else:
            self.ready = self._create(0)

    def _create(self, level: int) -> ReadyList:
        stream = self.journal.stream(level) if self.is_durable else None
        if self.is_late and stream is not None:
            stream = LateStream(stream, self.late)
        return PagedFifo(stream, self.journal, self.spool, self.budget, self._loaded)

    def _loaded(self) -> None:
        self.ready.recount()

    def append(self, span: Span) -> None:
        """Journals a span, or leaves it transient, and appends it."""
        stream = self.ready.stream_for(span.batch)
        if stream is not None and span.position % 7:
            inner = stream.inner if isinstance(stream, LateStream) else stream
            span.batch.position, _ = self.journal.append(
                [(inner, span.expires_ms)], 1, encode_head(span.batch), span.batch.bodies
            )
            span.number = inner.next - len(span.batch.bodies)
            self.journal.commit(False)
        self.ready.append(span)


class LateJournal(MemoryJournal):
    """Writes at every second commit only."""

    commits = 0

    def commit(self, is_awaited: bool) -> None:
        self.commits += 1
        if self.commits % 2 == 0:
            super().commit(is_awaited)


class LateStream(Stream):
    """A stream whose loads are answered when the test says so."""

    def __init__(self, inner: Stream, late: list[Callable[[], None]]) -> None:
        super().__init__(inner.id, inner.next)
        self.inner = inner
        self._late = late

    def load(self, first: int, size_bytes: int, on_loaded: OnLoaded) -> None:
        self._late.append(lambda: self.inner.load(first, size_bytes, on_loaded))

    def waiting(self) -> tuple[int, int, int]:
        return self.inner.waiting()

    def may_expire(self) -> bool:
        return self.inner.may_expire()

    def settle(self, first: int, stop: int, size_bytes: int) -> None:
        self.inner.settle(first, stop, size_bytes)

    def mark_delivered(self, stop: int) -> None:
        self.inner.mark_delivered(stop)

    def set_deliveries(self, first: int, stop: int, deliveries: int) -> None:
        self.inner.set_deliveries(first, stop, deliveries)

    def drop(self) -> None:
        self.inner.drop()


LISTS: dict[str, tuple[Callable[[], Made], int]] = {
    "transient": (lambda: Made(0, False, False, 10**9), 0),
    "transient, late": (lambda: Made(0, False, True, 10**9), 0),
    "transient, little memory": (lambda: Made(0, False, False, 2000), 0),
    "transient priorities": (lambda: Made(3, False, False, 10**9), 3),
    "one transient priority, late": (lambda: Made(1, False, True, 4000), 1),
    "durable": (lambda: Made(0, True, False, 10**9), 0),
    "durable, late": (lambda: Made(0, True, True, 10**9), 0),
    "durable, little memory": (lambda: Made(0, True, False, 2000), 0),
    "durable priorities": (lambda: Made(3, True, False, 4000), 3),
    "durable priorities, late": (lambda: Made(2, True, True, 10**9), 2),
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
            found = expired_from(ready, made.late, number)
            assert sorted(numbers(found)) == sorted(expected)
            for each in expected:
                del naive.held[each]
        elif what == "clear" and number == 0:
            cleared = numbers(ready.clear())
            assert cleared == [each for each in naive.order() if each in cleared], "in order, what was in memory"
            naive.held.clear()
        compare(ready, naive, bool(made.late))


def expired_from(ready: ReadyList, late: list[Callable[[], None]], now_ms: int) -> list[Span]:
    """All that `take_expired` gives, a few spans at a time, once all that it asks to be loaded has come."""
    found: list[Span] = []
    while True:
        some = ready.take_expired(now_ms, EXPIRED_MAX)
        assert len(some) <= EXPIRED_MAX
        found += some
        if len(some) < EXPIRED_MAX:
            if not late:
                return found
            late.pop(0)()


def taken_from(ready: ReadyList, late: list[Callable[[], None]], count: int) -> Span | None:
    """What `take` gives, once all that it asks to be loaded has come."""
    span = ready.take(count)
    while span is None and late:
        late.pop(0)()
        span = ready.take(count)
    return span


def compare(ready: ReadyList, naive: Naive, is_loading: bool) -> None:
    in_memory = numbers(list(ready.spans()))
    assert in_memory == [each for each in naive.order() if each in in_memory]
    assert ready.count == len(naive.held)
    assert ready.body_bytes == 4 * len(naive.held)
    paged_out = len(naive.held) - len(in_memory)
    assert ready.paged_out() == (paged_out, 4 * paged_out)
    if naive.held and ready.next_message_bytes():
        front = next(iter(ready.spans())).batch
        assert ready.next_message_bytes() == 4 + len(front.properties.raw) + len(front.address.tail)
    if is_loading:
        return
    levels = {level for level, _ in naive.held.values()}
    fronts = [next(n for n in naive.order() if naive.held[n][0] == level) for level in levels]
    assert ready.next_expiry_ms() == min((naive.held[n][1] for n in fronts if naive.held[n][1]), default=0)


def test_expiring_what_is_loaded_meanwhile_counts_it_once() -> None:
    made = Made(2, True, False, 10**9)
    stream = made.journal.stream(0)
    for _ in range(9):
        made.journal.append([(stream, 10)], 1, b"\x00\x01q\x00\x00", [b"as long as a load"])
    made.journal.commit(False)
    ready = PriorityReady(2, made._create, [0])
    made.ready = ready
    assert (ready.count, ready.body_bytes) == (9, 153)
    assert len(ready.take_expired(10, 9)) == 9
    assert (ready.count, ready.body_bytes, ready.next_message_bytes()) == (0, 0, 0)


def test_what_is_not_written_yet_is_never_given_up() -> None:
    """Transient messages behind it were on the disk; nobody could load what came before, and the queue never rested."""
    made = Made(0, True, False, 10**9)
    stream = made.journal.stream(0)
    for position in (1, 2):
        span = span_of(position, 1, 0, 0)
        span.batch.position, _ = made.journal.append([(stream, 0)], 1, encode_head(span.batch), span.batch.bodies)
        span.number = position
        made.ready.append(span)
    for position in range(3, 12):
        made.ready.append(span_of(position, 1, 0, 0))
    in_memory = numbers(list(made.ready.spans()))
    assert len(in_memory) < 11, "something is cold"
    ready = made.ready
    assert isinstance(ready, PagedFifo)
    ready.shrink(0)
    assert numbers(list(ready.spans()))[:2] == [1, 2]
