"""The window of identities against one that is as naive as its rules read."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from broker.clock import Deadlines, ManualClock
from broker.deduplication.identity import NO_TTL, identity_of
from broker.deduplication.window import LATE_MS, SWEEP_MAX, Window
from storage.memory import MemoryJournal

Step = tuple[int, int, int]


class Naive:
    """Identities in the order in which they came, with their ends; `own` ones have a time of their own."""

    def __init__(self, size_max: int, ttl_ms: int) -> None:
        self.size_max, self.ttl_ms = size_max, ttl_ms
        self.entries: list[tuple[bytes, float, bool]] = []

    def knows(self, identity: bytes, now_ms: int) -> bool:
        return any(one == identity and end > now_ms for one, end, _ in self.entries)

    def keep(self, identity: bytes, now_ms: int, ttl_ms: int) -> None:
        self.entries = [entry for entry in self.entries if entry[0] != identity and entry[1] > now_ms]
        while len(self.entries) >= self.size_max:
            plain = [entry for entry in self.entries if not entry[2]]
            self.entries.remove(plain[0] if plain else min(self.entries, key=lambda entry: (entry[1], entry[0])))
        time_ms = ttl_ms or self.ttl_ms
        self.entries.append((identity, now_ms + time_ms if time_ms else float("inf"), ttl_ms != NO_TTL))


def made(size_max: int, ttl_ms: int, clock: ManualClock, deadlines: Deadlines) -> Window:
    return Window(size_max, ttl_ms, deadlines, clock.now_ms, MemoryJournal())


@given(
    st.integers(1, 6), st.sampled_from([0, 0, 500, 3000]),
    st.lists(st.tuples(st.integers(0, 8), st.sampled_from([0, 0, 0, 100, 2000]), st.integers(0, 900)), max_size=60),
)  # fmt: skip
def test_it_knows_what_the_naive_one_knows(size_max: int, ttl_ms: int, steps: list[Step]) -> None:
    clock, deadlines = ManualClock(1_000_000), Deadlines()
    window, naive = made(size_max, ttl_ms, clock, deadlines), Naive(size_max, ttl_ms)
    for which, own_ms, pause_ms in steps:
        identity, now_ms = identity_of(which), clock.now_ms()
        assert window.knows(identity, now_ms) == naive.knows(identity, now_ms)
        if not window.knows(identity, now_ms):
            window.keep(identity, now_ms, own_ms, False)
            naive.keep(identity, now_ms, own_ms)
        assert len(window) <= size_max
        clock.advance(pause_ms)
        deadlines.run_due(clock.now_ms())
    for which in range(9):
        identity = identity_of(which)
        assert window.knows(identity, clock.now_ms()) == naive.knows(identity, clock.now_ms())


def test_what_is_over_takes_no_room_a_second_later() -> None:
    clock, deadlines = ManualClock(1_000_000), Deadlines()
    window = made(10_000, 500, clock, deadlines)
    count = 2 * SWEEP_MAX + 5
    for number in range(count):
        window.keep(identity_of(number), clock.now_ms(), 700 if number % 2 else NO_TTL, False)
    assert len(window) == count
    assert len(deadlines) == 1
    clock.advance(700 + LATE_MS)
    swept = []
    while deadlines.run_due(clock.now_ms()):
        swept.append(len(window))
    assert swept == [count - SWEEP_MAX, count - 2 * SWEEP_MAX, 0]
    assert len(deadlines) == 0


def test_own_times_do_not_pile_up_in_what_is_due() -> None:
    clock, deadlines = ManualClock(1_000_000), Deadlines()
    window = made(10, 0, clock, deadlines)
    for number in range(20_000):
        window.keep(identity_of(number % 5), clock.now_ms(), 1_000_000 + number, False)
    assert len(window._own_due) <= 2 * 10 + SWEEP_MAX + 1


def test_clearing_forgets_everything() -> None:
    clock, deadlines = ManualClock(1_000_000), Deadlines()
    window = made(10, 0, clock, deadlines)
    window.keep(identity_of("a"), clock.now_ms(), NO_TTL, False)
    window.keep(identity_of("b"), clock.now_ms(), 5000, False)
    assert window.clear() == 2
    assert not window.knows(identity_of("a"), clock.now_ms())
    assert not window.knows(identity_of("b"), clock.now_ms())


def test_identities_tell_types_apart() -> None:
    values: list[object] = [1, "1", b"\x01", True, None, 1.0, [1], {"a": 1}, ""]
    assert len({identity_of(value) for value in values}) == len(values)
    assert identity_of("x") == identity_of("x")
