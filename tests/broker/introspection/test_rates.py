"""Rounds of sampling look at everything in slices, and rates come out of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from broker.auth.authorization import Subject
from broker.clock import ManualClock
from broker.config import Config
from broker.introspection import sampler as sampler_module
from broker.introspection.pages import at_once
from broker.introspection.rates import Range, Ranges
from broker.introspection.sampler import ONE_MINUTE, PAUSE_MS, SLICE, TEN_MINUTES, Sampler
from broker.introspection.window import Introspection
from broker.model.arguments import NO_ARGUMENTS
from broker.node import Node
from broker.queues.classic import ClassicQueue
from broker.requests import Actor, QueueRequest
from tests.support.accounts import GUEST

INTERVAL_MS = 5000


class Sampling:
    """A node, its window, and a clock that is moved from round to round."""

    def __init__(self, folder: Path) -> None:
        soon: list[Callable[[], None]] = []
        self.clock = ManualClock(1_700_000_000_000)
        self.node = Node(Config(data_dir=folder), self.clock, soon.append)
        self.node.create_defaults(GUEST)
        self.sampler = Sampler(self.node)
        self.window = Introspection(self.node, (), self.sampler)
        self.sampler.start()

    def round(self) -> int:
        """Runs the next round to its end, on time; returns how many turns it took."""
        self.clock.advance(INTERVAL_MS - self.clock.now_ms() % INTERVAL_MS if self.sampler.rounds.last >= 0 else 0)
        turns, last = 0, self.sampler.rounds.last
        while self.sampler.rounds.last == last:
            assert self.node.deadlines.run_due(self.clock.now_ms())
            self.clock.advance(PAUSE_MS)
            turns += 1
        return turns

    def declare(self, name: str) -> ClassicQueue:
        vhost = self.node.vhosts["/"]
        self.node.operations.declare_queue(
            Actor(Subject("guest"), vhost), QueueRequest(name, True, False, False, NO_ARGUMENTS)
        )
        return vhost.queues[name]


@pytest.fixture
def sampling(tmp_path: Path) -> Sampling:
    return Sampling(tmp_path)


def test_a_queue_has_rates_from_its_first_messages_on(sampling: Sampling) -> None:
    queue = sampling.declare("q")
    sampling.round()
    assert sampling.window.queues().items[0].rates["publish"] == 0.0
    queue.counters.published += 50
    queue.counters.got += 5
    sampling.round()
    (info,) = sampling.window.queues().items
    assert (info.rates["publish"], info.rates["deliver_get"], info.rates["get"], info.rates["ack"]) == (10, 1, 1, 0)
    assert at_once(sampling.window.overview()).rates["deliver_get"] == 1.0
    (vhost,) = sampling.window.vhosts().items
    assert (vhost.rates["deliver_get"], vhost.message_stats.get, vhost.message_stats.deliver) == (1.0, 5, 0)
    sampling.round()
    assert sampling.window.queues().items[0].rates["publish"] == 0.0


def test_what_was_there_at_the_start_is_no_rate(sampling: Sampling) -> None:
    sampling.declare("q").counters.published += 50
    sampling.round()
    sampling.round()
    assert sampling.window.queues().items[0].rates["publish"] == 0.0


def test_a_history_has_samples_where_they_are_asked_for(sampling: Sampling) -> None:
    queue = sampling.declare("q")
    for _ in range(3):
        sampling.round()
        queue.counters.published += 10
    sampling.round()
    ranges = Ranges(msg_rates=Range.of(15, 5))
    found = sampling.window.history.queue("/", "q", ranges)
    assert [one["sample"] for one in found["publish_details"]["samples"]] == [30, 20, 10, 0]
    assert found["publish_details"]["rate"] == found["publish_details"]["avg_rate"] == 2.0
    assert found["messages_details"] == {"rate": 0.0}
    assert sampling.window.history.queue("/", "other", ranges)["publish_details"]["rate"] == 0.0
    whole = sampling.window.history.overview(Ranges(lengths=Range.of(60, 5), msg_rates=Range.of(60, 5)))
    assert {"messages_ready_details", "confirm_details", "queue_declared_details"} < whole.keys()
    assert "samples" in whole["messages_ready_details"]
    node = sampling.window.history.node(Ranges(node_stats=Range.of(15, 5)))
    assert node["mem_used_details"]["samples"][0]["sample"] > 0


def test_a_round_stops_after_every_slice(sampling: Sampling) -> None:
    before = sampling.round()
    for number in range(4 * SLICE):
        sampling.declare(f"q{number}")
    assert sampling.round() == before + 4


def test_a_deleted_queue_lowers_no_counter_and_leaves_nothing(sampling: Sampling) -> None:
    queue = sampling.declare("q")
    queue.counters.acked += 7
    sampling.round()
    assert sampling.sampler.of(queue) is not None
    sampling.node.vhosts["/"].remove_queue(queue)
    sampling.round()
    assert sampling.sampler.of(queue) is None
    assert sampling.window.history.overview()["ack_details"] == {"rate": 0.0}
    assert sampling.window.vhosts().items[0].message_stats.ack == 7


def test_a_queue_deleted_within_a_round_counts_once(sampling: Sampling) -> None:
    queues = [sampling.declare(f"q{number}") for number in range(2 * SLICE)]
    for queue in queues:
        queue.counters.acked += 1
    sampling.round()
    sampling.clock.advance(INTERVAL_MS)
    sampling.node.deadlines.run_due(sampling.clock.now_ms())  # as far as the first slice
    sampling.node.vhosts["/"].remove_queue(queues[0])
    sampling.node.vhosts["/"].remove_queue(queues[-1])
    sampling.clock.advance(PAUSE_MS)
    while sampling.node.deadlines.run_due(sampling.clock.now_ms()):
        sampling.clock.advance(PAUSE_MS)
    assert sampling.window.vhosts().items[0].message_stats.ack == 2 * SLICE


def test_a_queue_that_does_nothing_is_not_kept(sampling: Sampling) -> None:
    queue = sampling.declare("q")
    sampling.round()
    sampling.round()
    assert sampling.sampler.of(queue) is None


def test_only_some_busy_things_keep_a_long_history(sampling: Sampling, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampler_module, "MINUTES_MAX", 1)
    monkeypatch.setattr(sampler_module, "MINUTE_MAX", 2)
    queues = [sampling.declare(f"q{number}") for number in range(3)]
    for _ in range(TEN_MINUTES + 10):
        for queue in queues:
            queue.counters.published += 1
        sampling.round()
    kept = [len(series) for queue in queues if (series := sampling.sampler.of(queue)) is not None]
    assert kept == [TEN_MINUTES + 1, ONE_MINUTE + 1, 2]
