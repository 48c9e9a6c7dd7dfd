"""The store against a naive model, under a clock that moves when it is told to: everything comes once, at its time."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from broker.held import Held
from broker.holding.due_index import Entry
from broker.holding.fetching import Found
from broker.holding.inventory import entry_of
from broker.queues.paging import Limits, MemoryBudget
from broker.tick import COMMIT_WITHIN_MS
from tests.broker.holding.support import Home, declare, got, send

BUDGET = Limits(transient_bytes_max=3000, queue_bytes_min=1000)  # three transient messages, more go to the spool
HOT_BYTES = 2000
SOON_MS = 100
DELAYS = st.one_of(st.integers(1, 50), st.integers(900, 1100), st.integers(1, 200_000))


class Holdings(RuleBasedStateMachine):
    """`due` is what is held, by body: when, and whether it is durable."""

    bodies = Bundle("bodies")

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(prefix="leveret-held-")
        self.home = Home(Path(self.folder.name), MemoryBudget(10**6, BUDGET))
        self.begin()
        declare(self.client)
        self.due: dict[str, tuple[int, bool]] = {}
        self.sent = 0

    def begin(self) -> None:
        self.client = self.home.client()
        self.store = self.home.broker.vhost.holding.store
        self.store.hot_bytes_max, self.store.soon_ms = HOT_BYTES, SOON_MS

    @property
    def now_ms(self) -> int:
        return self.home.broker.clock.now_ms()

    def teardown(self) -> None:
        self.folder.cleanup()

    def found(self, body: str) -> tuple[Entry, Held] | None:
        """A held message by its body, read back wherever it is."""
        self.home.broker.advance(COMMIT_WITHIN_MS)  # it is written then
        self.check_what_came()
        inventory = self.home.broker.vhost.holding.inventory
        answers: list[Found] = []
        entries = inventory.page(0, len(inventory))
        inventory.fetch(entries, lambda found, _lost: answers.append(found))
        self.home.broker.turn()
        (found,) = answers
        held = {one.batch.bodies[one.at].decode(): (entry, one)
                for entry in entries if (one := found.get(entry[1])) is not None}  # fmt: skip
        return held.get(body)

    @rule(target=bodies, delay=DELAYS, is_durable=st.booleans(), size=st.integers(0, 500))
    def hold(self, delay: int, is_durable: bool, size: int) -> str:
        self.sent += 1
        body = f"{self.sent}".ljust(size, ".")
        send(self.client, body, x_delay=delay, mode=2 if is_durable else 1)
        self.due[body] = (self.now_ms + delay, is_durable)
        return body

    @rule(by_ms=st.one_of(st.integers(0, 60), st.integers(0, 100_000)))
    def advance(self, by_ms: int) -> None:
        self.home.broker.advance(by_ms)
        self.check_what_came()

    def check_what_came(self) -> None:
        came = got(self.client)
        expected = {body for body, (due_ms, _) in self.due.items() if due_ms <= self.now_ms}
        assert len(came) == len(set(came)), "nothing comes twice"
        assert set(came) == expected
        times = [self.due.pop(body)[0] for body in came]
        assert times == sorted(times), "in order of time"

    @rule(body=consumes(bodies))
    def cancel(self, body: str) -> None:
        it = self.found(body)
        assert (it is not None) == (body in self.due)
        if it is not None:
            done: list[bool] = []
            self.home.broker.vhost.holding.inventory.cancel(*it, done.append)
            self.home.broker.advance(COMMIT_WITHIN_MS)
            assert done == [True]
            del self.due[body]
            self.check_what_came()

    @rule(body=bodies, delay=DELAYS)
    def put_off(self, body: str, delay: int) -> None:
        it = self.found(body)
        if it is not None:
            ids: list[str] = []
            due_ms = self.now_ms + delay
            self.home.broker.vhost.holding.inventory.reschedule(*it, due_ms, ids.append)
            self.home.broker.turn()
            assert entry_of(ids[0])[0] == due_ms
            self.due[body] = (due_ms, self.due[body][1])

    @rule(body=consumes(bodies))
    def let_go(self, body: str) -> None:
        it = self.found(body)
        if it is not None:
            self.home.broker.vhost.holding.inventory.release(*it, lambda _is_done: None)
            self.home.broker.turn()
            assert got(self.client) == [body]
            del self.due[body]

    @rule(after_ms=st.integers(0, 5000))
    def kill(self, after_ms: int) -> None:
        self.home.broker.advance(COMMIT_WITHIN_MS)
        self.check_what_came()
        self.home.broker.advance(COMMIT_WITHIN_MS)
        self.home.restart(after_ms)
        self.due = {body: it for body, it in self.due.items() if it[1]}
        self.begin()
        self.home.broker.advance(0)
        self.check_what_came()

    @invariant()
    def it_knows_what_it_holds(self) -> None:
        index = self.store.index
        assert len(index) == len(self.due)
        assert sorted(due_ms for due_ms, _ in self.due.values()) == [due_ms for due_ms, _ in index.page(0, len(index))]
        assert sum(self.store.of_reasons.values()) == len(index)
        assert all(index.has(*entry) for entry in index.page(0, len(index)))
        held = self.store.hot.values()
        assert sum(one.memory_bytes() for one in held) == self.store.hot_bytes + self.store.memory_only_bytes


TestHoldings = Holdings.TestCase
TestHoldings.settings = settings(max_examples=15, stateful_step_count=25, deadline=None,
                                 suppress_health_check=[HealthCheck.too_slow])  # fmt: skip
