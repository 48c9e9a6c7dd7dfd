"""Dead letters that must arrive (at-least-once): kept by their queue until every target has taken them."""

from __future__ import annotations

import pytest
from pamqp.commands import Confirm, Exchange, Queue

from broker.model.interfaces import Gate
from broker.model.message import Batch
from broker.model.receipt import Receipt
from broker.model.vhost_counters import AT_LEAST_ONCE, CONFIRMED
from broker.queues.kept_letters import PROBE_RUNS, RETRY_MS, KeptDeadLetter
from tests.broker.letters import Desk, deaths
from tests.broker.test_dead_letter import shut

SURE = {"queue_type": "quorum", "dead_letter_strategy": "at-least-once", "overflow": "reject-publish"}


def start(**more: object) -> Desk:
    desk = Desk()
    desk.queue("work", durable=True, dead_letter_exchange="amq.fanout", **SURE | more)
    desk.queue("dead", durable=True)
    desk.client.call(1, Queue.Bind(queue="dead", exchange="amq.fanout"))
    return desk


@pytest.mark.parametrize("mode", [1, 2])
def test_what_is_refused_stays_and_arrives_once_it_is_taken(mode: int) -> None:
    desk = start()
    work, gate = desk.broker.vhost.queues["work"], shut(desk, "dead")
    desk.publish("work", "a", "b", delivery_mode=mode)
    desk.reject("work", 2)
    assert (work.kept, work.kept_bytes) == (2, 2)
    assert desk.bodies("work") == [], "it is not ready either"
    desk.broker.advance(RETRY_MS)
    assert (gate.asked, work.kept) == (4, 2)
    gate.is_closed = False
    desk.broker.advance(RETRY_MS)
    assert desk.bodies("dead") == ["a", "b"]
    assert (work.kept, work.kept_bytes) == (0, 0)
    desk.broker.advance(10 * RETRY_MS)
    assert gate.asked == 6


def test_letters_are_counted_once_and_again_when_they_have_arrived() -> None:
    desk = start()
    counts = desk.broker.vhost.counters.left.numbers
    gate = shut(desk, "dead")
    desk.publish("work", "a", delivery_mode=2)
    desk.reject("work")
    desk.broker.advance(3 * RETRY_MS)
    assert counts == {("quorum", AT_LEAST_ONCE, "rejected"): 1}
    gate.is_closed = False
    desk.broker.advance(RETRY_MS)
    assert counts == {("quorum", AT_LEAST_ONCE, "rejected"): 1, ("quorum", AT_LEAST_ONCE, CONFIRMED): 1}
    assert deaths(desk.got("dead")) == [("work", "rejected", 1)]


def test_targets_that_have_a_letter_do_not_get_it_again() -> None:
    desk = start()
    desk.queue("open", durable=True)
    desk.client.call(1, Queue.Bind(queue="open", exchange="amq.fanout"))
    gate = shut(desk, "dead")
    desk.publish("work", "a", delivery_mode=2)
    desk.reject("work")
    desk.broker.advance(3 * RETRY_MS)
    gate.is_closed = False
    desk.broker.advance(RETRY_MS)
    assert desk.bodies("open") == ["a"]
    assert desk.bodies("dead") == ["a"]


def test_letters_wait_for_an_exchange_and_a_binding() -> None:
    desk = Desk()
    desk.queue("work", durable=True, dead_letter_exchange="", dead_letter_routing_key="dead", **SURE)
    desk.publish("work", "a", delivery_mode=2)
    desk.reject("work")
    desk.broker.advance(RETRY_MS)
    desk.queue("dead", durable=True)
    desk.broker.advance(RETRY_MS)
    assert desk.bodies("dead") == ["a"]


def test_many_are_tried_a_few_at_a_time_and_all_arrive_at_once_when_they_can() -> None:
    desk = start()
    gate = shut(desk, "dead")
    many = [f"{number:0{3 + number % 2}}" for number in range(3 * PROBE_RUNS)]
    desk.publish("work", *many, delivery_mode=2)
    desk.reject("work", len(many))
    desk.broker.advance(0)
    asked = gate.asked
    assert asked == len(many)
    desk.broker.advance(RETRY_MS)
    assert gate.asked - asked == PROBE_RUNS
    gate.is_closed = False
    desk.broker.advance(RETRY_MS)
    assert sorted(desk.bodies("dead")) == sorted(many)


def test_without_a_dead_letter_exchange_any_more_they_are_gone() -> None:
    desk = Desk()
    desk.queue("work", durable=True, **SURE)
    desk.broker.node.policies.set(
        "/", "p", pattern="work", definition={"dead-letter-exchange": "amq.fanout"}, priority=0, apply_to="queues"
    )
    desk.broker.advance(1000)
    work = desk.broker.vhost.queues["work"]
    assert isinstance(work.leaving, KeptDeadLetter)  # type: ignore[attr-defined]
    desk.publish("work", "a", delivery_mode=2)
    desk.reject("work")
    assert work.kept == 1
    desk.broker.node.policies.clear("/", "p")
    desk.broker.advance(10 * RETRY_MS)
    assert work.kept == 0


def test_another_exchange_by_policy_gets_what_is_kept() -> None:
    desk = Desk()
    desk.queue("work", durable=True, **SURE)
    desk.queue("dead", durable=True)
    for exchange in ("amq.fanout", ""):
        definition = {"dead-letter-exchange": exchange, "dead-letter-routing-key": "dead"}
        desk.broker.node.policies.set("/", "p", pattern="work", definition=definition, priority=0, apply_to="queues")
        desk.broker.advance(1000)
        if exchange:
            desk.publish("work", "a", delivery_mode=2)
            desk.reject("work")
    desk.broker.advance(2 * RETRY_MS)
    assert desk.bodies("dead") == ["a"]


def test_a_deleted_queue_tries_no_more() -> None:
    desk = start()
    gate = shut(desk, "dead")
    desk.publish("work", "a", delivery_mode=2)
    desk.reject("work")
    desk.client.call(1, Queue.Delete(queue="work"))
    gate.is_closed = False
    desk.broker.advance(3 * RETRY_MS)
    assert desk.bodies("dead") == []
    assert gate.asked == 1


def test_letters_that_are_kept_count_for_the_limit_of_their_queue() -> None:
    desk = start(max_length=3)
    gate = shut(desk, "dead")
    desk.client.call(1, Confirm.Select())
    desk.publish("work", "a", "b", delivery_mode=2)
    desk.reject("work", 2)
    desk.publish("work", "c", "d", delivery_mode=2)
    assert desk.broker.vhost.queues["work"].ready.count == 1
    gate.is_closed = False
    desk.broker.advance(RETRY_MS)
    desk.publish("work", "e", "f", delivery_mode=2)
    assert desk.bodies("work") == ["c", "e", "f"]


@pytest.mark.parametrize("missing", ["dead_letter_strategy", "overflow"])
def test_without_both_settings_it_is_at_most_once(missing: str) -> None:
    desk = Desk()
    settings = {name: value for name, value in SURE.items() if name != missing}
    desk.queue("work", durable=True, dead_letter_exchange="amq.fanout", **settings)
    leaving = desk.broker.vhost.queues["work"].leaving  # type: ignore[attr-defined]
    assert not isinstance(leaving, KeptDeadLetter)


def test_the_exchange_is_asked_once() -> None:
    """One that lets a message in only once, as deduplication does, must not swallow the second attempt."""
    desk = start()
    gate = shut(desk, "dead")
    desk.client.call(1, Exchange.Declare(exchange="once", exchange_type="fanout"))
    desk.client.call(1, Queue.Bind(queue="dead", exchange="once"))
    first = desk.broker.vhost.table.exchanges["once"].gate = Once()
    desk.queue("other", durable=True, dead_letter_exchange="once", **SURE)
    desk.publish("other", "a", delivery_mode=2)
    desk.reject("other")
    desk.broker.advance(RETRY_MS)
    gate.is_closed = False
    desk.broker.advance(RETRY_MS)
    assert desk.bodies("dead") == ["a"]
    assert first.asked == 1


class Once(Gate):
    """Lets in the first message, and swallows all others."""

    def __init__(self) -> None:
        self.asked = 0

    def passes(self, batch: Batch, now_ms: int) -> bool:  # noqa: ARG002
        return not self.asked

    def admit(self, batch: Batch, receipt: Receipt | None, now_ms: int) -> bool:  # noqa: ARG002
        self.asked += 1
        return self.asked == 1
