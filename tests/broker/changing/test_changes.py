"""Arguments of a live queue: all or none of a change, checked like a declaration, stored, and in effect at once."""

from __future__ import annotations

import pytest
from pamqp.commands import Basic, Exchange, Queue

from broker.auth.authorization import Subject
from broker.auth.permissions import Permission
from broker.changing import CHANGES_MAX
from broker.queues.consumers import RoundRobin, SingleActive
from broker.queues.regrouping import FORMERS_MAX
from broker.requests import Actor
from protocol.errors import ChannelException
from tests.broker.changing.bench import Bench


def refused(bench: Bench, wanted: dict[str, object]) -> str:
    before = bench.queue.definition
    with pytest.raises(ChannelException) as caught:
        bench.change(wanted)
    assert bench.queue.definition is before, "nothing has changed"
    assert caught.value.code == 406
    return caught.value.text


def test_a_change_is_whole_and_outlives_a_kill() -> None:
    bench = Bench(message_ttl=1000, max_length=5)
    plan = bench.change({"x-message-ttl": 2000, "x-expires": 60_000, "x-max-length": None, "x-overflow": "drop-head"})
    assert [(one.argument, one.before, one.after) for one in plan.changes] == [
        ("x-expires", None, 60_000), ("x-max-length", 5, None), ("x-message-ttl", 1000, 2000),
        ("x-overflow", None, "drop-head"),
    ]  # fmt: skip
    found = bench.queue.settings
    assert (found.ttl_ms, found.expires_ms, found.length_max) == (2000, 60_000, -1)
    bench.settle()
    number = bench.queue.definition.number
    bench.kill()
    expected = {"x-message-ttl": 2000, "x-expires": 60_000, "x-overflow": "drop-head"}
    assert dict(bench.queue.definition.arguments.values) == expected
    assert bench.queue.definition.number == number, "only priorities need another one"
    assert isinstance(bench.answer(Queue.Declare(queue="q", durable=True, arguments=expected)), Queue.DeclareOk)


def test_a_dry_run_checks_and_changes_nothing() -> None:
    bench = Bench()
    before = bench.queue.definition
    assert bench.change({"x-message-ttl": 1}, is_dry=True).changes
    assert bench.queue.definition is before
    with pytest.raises(ChannelException):
        bench.change({"x-message-ttl": -1}, is_dry=True)


@pytest.mark.parametrize(
    ("wanted", "text"),
    [
        (
            {"x-expires": 5000, "x-message-ttl": "a"},
            "invalid arg 'x-message-ttl' for queue 'q' in vhost '/': \"expected",
        ),
        ({"x-expires": 5000, "x-max-age": "1h"}, "invalid arg 'x-max-age' for queue 'q' in vhost '/' of queue type"),
        ({"x-expires": 5000, "x-dead-letter-routing-key": "k"}, "routing_key_but_no_dlx_defined"),
        ({"x-expires": 5000, "x-ttl": 5}, "no argument of queues is called 'x-ttl'"),
        ({"x-queue-type": "stream"}, "queue 'q' in vhost '/' cannot become a stream queue: "),
        ({"x-max-priority": 3, "x-queue-type": "quorum"}, "of queue type rabbit_quorum_queue"),
        ({f"x-{number}": 1 for number in range(CHANGES_MAX + 1)}, f"at most {CHANGES_MAX} arguments"),
    ],
    ids=lambda it: it if isinstance(it, str) else "",
)
def test_one_wrong_argument_refuses_all(wanted: dict[str, object], text: str) -> None:
    assert text in refused(Bench(), wanted)


def test_a_queue_that_is_not_durable_cannot_be_quorum() -> None:
    assert refused(Bench(durable=False), {"x-queue-type": "quorum"}).startswith("invalid property 'non-durable'")


def test_classic_to_quorum_and_back_with_what_waits_and_who_consumes() -> None:
    bench = Bench(queue_mode="lazy")
    bench.publish(0, [b"one", b"two"])
    bench.client.method(1, Basic.Consume(queue="q", consumer_tag="c"))
    bench.settle()
    bench.client.take()
    assert "x-queue-mode" in refused(bench, {"x-queue-type": "quorum"})
    bench.change({"x-queue-type": "quorum", "x-queue-mode": None})
    assert bench.queue.settings.queue_type == "quorum"
    bench.client.method(1, Basic.Nack(1, requeue=True))
    bench.settle()
    [event] = bench.client.take(1)
    assert event.body == b"one"
    bench.broker.advance(1000)
    bench.settle()
    bench.kill()
    assert bench.queue.settings.queue_type == "quorum"
    bench.change({"x-queue-type": None})
    bench.settle()
    assert bench.queue.settings.queue_type == "classic"
    assert sorted(bench.drain()) == [b"one", b"two"]


def test_policies_of_the_new_kind_apply() -> None:
    bench = Bench()
    policies = bench.broker.node.policies
    policies.set("/", "c", "", {"message-ttl": 100}, 0, "classic_queues")
    policies.set("/", "q", "", {"message-ttl": 200}, 0, "quorum_queues")
    assert bench.queue.settings.ttl_ms == 100
    bench.change({"x-queue-type": "quorum"})
    assert bench.queue.settings.ttl_ms == 200
    bench.change({"x-queue-type": "classic"})
    assert bench.queue.settings.ttl_ms == 100


def test_a_single_active_consumer_from_now_on_and_no_more() -> None:
    bench = Bench()
    bench.client.method(1, Basic.Qos(prefetch_count=1))
    for tag in ("first", "second"):
        bench.client.method(1, Basic.Consume(queue="q", consumer_tag=tag))
    bench.settle()
    bench.client.take()
    bench.change({"x-single-active-consumer": True})
    assert isinstance(bench.queue.consumers, SingleActive)
    bench.publish(0, [b"a", b"b"])
    bench.settle()
    events = bench.client.take(1)
    assert [(event.frame.consumer_tag, event.body) for event in events] == [("first", b"a")]  # type: ignore[attr-defined]
    bench.change({"x-single-active-consumer": None})
    bench.settle()
    assert isinstance(bench.queue.consumers, RoundRobin)
    events = bench.client.take(1)
    assert [(event.frame.consumer_tag, event.body) for event in events] == [("second", b"b")]  # type: ignore[attr-defined]


def test_a_new_ttl_is_for_what_comes() -> None:
    bench = Bench()
    bench.publish(0, [b"before"])
    bench.settle()
    bench.change({"x-message-ttl": 100})
    bench.publish(0, [b"after"])
    bench.settle()
    bench.broker.advance(100)
    bench.settle()
    assert bench.drain() == [b"before"]


def test_a_shorter_queue_loses_what_is_too_much() -> None:
    bench = Bench()
    bench.publish(0, [b"1", b"2", b"3"])
    bench.settle()
    bench.change({"x-max-length": 2})
    bench.settle()
    bench.publish(0, [b"4"])
    bench.settle()
    assert bench.drain() == [b"3", b"4"]


def test_a_queue_expires_by_its_new_time() -> None:
    bench = Bench()
    bench.change({"x-expires": 5000})
    bench.settle()
    bench.broker.advance(4999)
    assert "q" in bench.broker.vhost.queues
    bench.broker.advance(1)
    assert "q" not in bench.broker.vhost.queues


def test_dead_letters_go_to_the_new_exchange() -> None:
    bench = Bench()
    bench.answer(Queue.Declare(queue="dead"))
    bench.publish(0, [b"x"])
    bench.settle()
    bench.change({"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "dead"})
    got = bench.get(no_ack=False)
    assert got is not None
    bench.client.method(1, Basic.Reject(got[1], requeue=False))
    bench.settle()
    assert bench.broker.vhost.queues["dead"].ready.count == 1


def test_so_many_ranges_are_remembered_and_no_more() -> None:
    bench = Bench()
    for number in range(FORMERS_MAX + 1):
        bench.publish(0, [b"%d" % number])
        bench.settle()
        assert bench.get(no_ack=False) is not None
        wanted: dict[str, object] = {"x-max-priority": number + 1}
        if number == FORMERS_MAX:
            assert "changes of x-max-priority" in refused(bench, wanted)
        else:
            bench.change(wanted)
            bench.sorted()
    bench.answer_nothing(0, False)
    assert sorted(bench.drain()) == [b"%d" % number for number in range(FORMERS_MAX + 1)]
    bench.settle()
    bench.change({"x-max-priority": 200})
    bench.sorted()
    assert bench.queue.definition.former == ()


@pytest.mark.parametrize(
    ("rights", "may"),
    [(("q", "", ""), False), (("q", "dlx", "q"), True), (("", "dlx", "q"), False), (("q", "dlx", ""), False)],
)
def test_dead_lettering_takes_the_rights_of_a_declaration(rights: tuple[str, str, str], may: bool) -> None:
    bench = Bench()
    bench.answer(Exchange.Declare(exchange="dlx"))
    node = bench.broker.node
    node.permissions.set(Permission("somebody", "/", *(f"^{right}$" for right in rights)))
    actor = Actor(Subject("somebody", frozenset()), bench.broker.vhost)

    def change(wanted: dict[str, object], types: dict[str, str]) -> None:
        node.operations.change_queue(actor, "q", wanted, types)

    if may:
        change({"x-dead-letter-exchange": "dlx"}, {"x-dead-letter-exchange": "S"})
        return
    with pytest.raises(ChannelException) as caught:
        change({"x-dead-letter-exchange": "dlx"}, {"x-dead-letter-exchange": "S"})
    assert caught.value.code == 403
    if rights[0]:
        change({"x-message-ttl": 5}, {"x-message-ttl": "l"})


def test_somebody_elses_exclusive_queue_is_locked() -> None:
    bench = Bench()
    bench.answer(Queue.Declare(queue="own", exclusive=True))
    with pytest.raises(ChannelException) as caught:
        bench.broker.node.operations.change_queue(Actor(Subject("", is_owner=True), bench.broker.vhost), "own", {}, {})
    assert caught.value.code == 405
