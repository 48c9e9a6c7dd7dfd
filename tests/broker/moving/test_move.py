"""Moving and copying messages: what is moved, in which order, where it stops, and what stays as it was."""

from __future__ import annotations

from typing import Any

import pytest
from pamqp import commands
from pamqp.commands import Basic

from broker.introspection.window import Introspection
from broker.metrics.kinds import Sources
from broker.metrics.table import LABELLED_METRICS, METRICS
from broker.moving.filters import Filter
from broker.moving.jobs import CANCELLED, DONE, FAILED, PAUSED, RUNNING, RUNNING_MAX, TooManyJobsError
from broker.moving.service import Chosen, To
from protocol.errors import ChannelException
from tests.broker.moving.support import Moved, numbered
from tests.support.manual_worker import ManualWorker


@pytest.mark.parametrize("mode", [1, 2])
@pytest.mark.parametrize("durable", [True, False])
def test_everything_is_moved_in_order(mode: int, durable: bool) -> None:
    moved = Moved()
    moved.declare("a", durable)
    moved.declare("b")
    moved.publish("a", *numbered(60), mode=mode)
    assert mode == 1 or not durable or moved.queue("a").ready.paged_out()[0] > 0, "some has to be on disk only"
    job = moved.moved("a", "b")
    assert (job.state, job.done, job.total, job.looked_at, job.error) == (DONE, 60, 60, 60, "")
    assert (moved.bodies("a"), moved.bodies("b")) == ([], numbered(60))
    assert (moved.queue("a").ready.count, moved.queue("a").ready.body_bytes) == (0, 0)
    assert moved.queue("a").counters.moved == 60


def test_a_moved_message_is_as_it_was() -> None:
    moved = Moved("a", "b")
    moved.client.answer(1, commands.Queue.Bind(queue="a", exchange="amq.topic", routing_key="k.#"))
    moved.publish("k.1", b"body", exchange="amq.topic", headers={"h": 1}, correlation_id="c")
    (before,) = moved.waiting("a")
    moved.moved("a", "b")
    event = moved.get("b")
    assert (event.body, event.properties) == (b"body", before.batch.properties.raw)
    assert (event.frame.exchange, event.frame.routing_key, event.frame.redelivered) == ("amq.topic", "k.1", False)


def test_the_first_are_moved_and_the_rest_stays() -> None:
    moved = Moved("a", "b")
    moved.publish("a", *numbered(60))
    job = moved.moved("a", "b", Chosen(count=25))
    assert (job.done, job.total) == (25, 25)
    assert (moved.bodies("a"), moved.bodies("b")) == (numbered(35, 25), numbered(25))


def test_a_copy_leaves_order_and_marks_alone() -> None:
    moved = Moved("a", "b")
    moved.publish("a", *numbered(40))
    assert moved.moved("a", "b", copy=True).done == 40
    assert moved.bodies("a") == moved.bodies("b") == numbered(40)
    assert not any(one.deliveries for one in moved.waiting("a"))
    assert not moved.get("a").frame.redelivered


def test_looking_changes_neither_order_nor_marks() -> None:
    moved = Moved("a")
    moved.publish("a", *numbered(40))
    for _ in range(2):
        assert moved.bodies("a") == numbered(40)
    got = [moved.get("a") for _ in range(40)]
    assert [(event.body, event.frame.redelivered) for event in got] == [(body, False) for body in numbered(40)]


def test_headers_choose() -> None:
    moved = Moved("a", "b")
    for number, body in enumerate(numbered(60)):
        moved.publish("a", body, headers={"n": number % 3, "x": "y"})
    job = moved.moved("a", "b", Chosen(filter=Filter({"n": 1, "x": "y"})))
    assert (job.done, job.looked_at, job.total) == (20, 60, 60)
    assert moved.bodies("b") == numbered(60)[1::3]
    assert moved.bodies("a") == [body for at, body in enumerate(numbered(60)) if at % 3 != 1]


def test_bodies_choose_and_a_count_stops() -> None:
    moved = Moved("a", "b")
    moved.publish("a", *numbered(60))
    wanted = [body for body in numbered(60) if b"3" in body]
    job = moved.moved("a", "b", Chosen(filter=Filter(body=b"3"), count=4))
    assert job.done == 4
    assert moved.bodies("b") == wanted[:4]
    moved.moved("a", "b", Chosen(filter=Filter(body=b"3")))
    assert moved.bodies("b") == wanted
    assert moved.bodies("a") == [body for body in numbered(60) if b"3" not in body]


def test_what_is_unacknowledged_stays() -> None:
    moved = Moved("a", "b")
    moved.publish("a", *numbered(10))
    moved.get("a")
    moved.get("a")
    assert moved.moved("a", "b").done == 8
    assert moved.bodies("b") == numbered(8, 2)
    moved.client.call(1, Basic.Nack(delivery_tag=0, multiple=True, requeue=True))
    assert moved.bodies("a") == numbered(2)
    assert moved.moved("a", "b").done == 2


def test_what_comes_later_stays() -> None:
    moved = Moved("a", "b")
    moved.publish("a", *numbered(10))
    job = moved.move("a", "b", Chosen(rate=10))
    moved.broker.advance(300)
    moved.publish("a", b"later")
    moved.broker.advance(2000)
    assert (job.state, job.done) == (DONE, 10)
    assert moved.bodies("a") == [b"later"]


def test_priorities_are_moved_in_the_order_of_delivery() -> None:
    moved = Moved()
    moved.declare("a", x_max_priority=3)
    moved.declare("b")
    for priority in (0, 3, 1, 3):
        moved.publish("a", *numbered(12, 1000 * priority), priority=priority)
    expected = numbered(12, 3000) * 2 + numbered(12, 1000) + numbered(12)
    assert moved.bodies("a") == expected
    assert moved.moved("a", "b").done == 48
    assert moved.bodies("b") == expected
    assert moved.bodies("a") == []


def test_an_exchange_routes_and_gives_its_own_address() -> None:
    moved = Moved()
    for name in ("a", "b", "c"):
        moved.declare(name)
    for name in ("b", "c"):
        moved.client.answer(1, commands.Queue.Bind(queue=name, exchange="amq.fanout"))
    moved.publish("a", *numbered(5))
    moved.moved("a", To(exchange="amq.fanout", routing_key="k"))
    assert moved.bodies("b") == moved.bodies("c") == numbered(5)
    assert (moved.get("b").frame.exchange, moved.get("c").frame.routing_key) == ("amq.fanout", "k")


def test_a_rate_is_kept() -> None:
    moved = Moved("a", "b")
    moved.publish("a", *numbered(50))
    job = moved.move("a", "b", Chosen(rate=20))
    for second in (1, 2):
        moved.broker.advance(1000)
        assert abs(job.done - 20 * second) <= 1, (second, job.done)
        assert job.state == RUNNING
    moved.broker.advance(1000)
    assert (job.state, job.done) == (DONE, 50)


def test_a_cancelled_job_stops_and_what_it_did_stays_done() -> None:
    moved = Moved("a", "b")
    moved.publish("a", *numbered(50))
    job = moved.move("a", "b", Chosen(rate=20))
    moved.broker.advance(1000)
    moved.moving.cancel(moved.actor, job)
    moved.broker.advance(1000)
    assert job.state == CANCELLED
    assert moved.bodies("b") + moved.bodies("a") == numbered(50)
    assert len(moved.bodies("b")) == job.done < 25


def test_alarms_pause_it() -> None:
    moved = Moved("a", "b")
    moved.publish("a", *numbered(5))
    alarms = moved.broker.node.alarms
    alarms.set("disk", True)
    job = moved.move("a", "b")
    moved.broker.advance(1000)
    assert (job.state, job.error, job.done) == (PAUSED, "low on disk", 0)
    alarms.set("disk", False)
    moved.broker.advance(1000)
    assert (job.state, job.error, job.done) == (DONE, "", 5)


def test_what_a_consumer_gets_while_it_is_read_is_not_moved() -> None:
    reader = ManualWorker()
    moved = Moved("a", "b", reader=reader)
    moved.publish("a", *numbered(60))
    got: list[bytes] = []
    for _ in range(60):
        moved.client.method(1, Basic.Get(queue="a"))
        moved.broker.advance(20)
        answered = [event.body for event in moved.client.take(1)]
        got += answered
        if not answered:
            break  # its load is on its way
    assert 0 < len(got) < 40
    job = moved.move("a", "b")
    for _ in range(1000):
        moved.broker.advance(20)
        if not reader.run_one():
            break
    late = [event.body for event in moved.client.take(1)]
    assert len(late) == 1
    got += late
    assert (job.state, job.done) == (DONE, 60 - len(got))
    assert got + moved.bodies("b") == numbered(60)
    assert moved.bodies("a") == []
    assert moved.queue("a").unacked == len(got)


def test_the_metrics_count_by_kind() -> None:
    moved = Moved("a", "b")
    moved.publish("a", *numbered(5))
    moved.moved("a", "b", Chosen(count=2))
    moved.moved("a", "b", copy=True)
    moved.move("a", "b", Chosen(rate=1))
    moved.rest()
    window: Any = Introspection(moved.broker.node)
    sources = Sources(window.overview, window.node, moved=window.moved(), jobs_running=window.jobs_running())
    (row,) = [row for row in LABELLED_METRICS if row.name == "leveret_messages_moved_total"]
    assert row.read(sources) == {"move": 3, "copy": 3, "replay": 0, "rewind": 0}
    (running,) = [row for row in METRICS if row.name == "leveret_jobs_running"]
    assert running.read(sources) == 1


# ---- what is refused


def test_a_queue_is_not_moved_to_itself() -> None:
    moved = Moved("a")
    moved.publish("a", *numbered(5))
    with pytest.raises(ChannelException, match="queue 'a' in vhost '/' is where the messages are already"):
        moved.move("a", "a")
    moved.client.answer(1, commands.Queue.Bind(queue="a", exchange="amq.fanout"))
    job = moved.moved("a", To(exchange="amq.fanout", routing_key=""))
    assert (job.state, job.error) == (FAILED, "queue 'a' in vhost '/' would get its own messages")
    assert moved.bodies("a") == numbered(5)


@pytest.mark.parametrize("overflow", ["drop-head", "reject-publish", "reject-publish-dlx"])
@pytest.mark.parametrize(("argument", "limit"), [("x_max_length", 7), ("x_max_length_bytes", 47)])
def test_a_full_queue_stops_it_and_nothing_is_lost(overflow: str, argument: str, limit: int) -> None:
    moved = Moved("a")
    moved.declare("b", x_overflow=overflow, **{argument: limit})
    moved.publish("a", *numbered(20))
    job = moved.moved("a", "b")
    name = argument.removeprefix("x_").replace("_", "-")
    assert (job.state, job.error, job.done) == (FAILED, f"queue 'b' in vhost '/' is full: its {name} is {limit}", 7)
    assert (moved.bodies("b"), moved.bodies("a")) == (numbered(7), numbered(13, 7))


def test_no_route_stops_it() -> None:
    moved = Moved("a")
    moved.publish("a", *numbered(5))
    job = moved.moved("a", To(exchange="amq.direct", routing_key="k"))
    assert job.state == FAILED
    assert job.error == "no queue is bound to exchange 'amq.direct' in vhost '/' for routing key 'k'"
    assert moved.bodies("a") == numbered(5)


def test_a_destination_that_goes_stops_it() -> None:
    moved = Moved("a", "b")
    moved.publish("a", *numbered(50))
    job = moved.move("a", "b", Chosen(rate=20))
    moved.broker.advance(1000)
    before = moved.bodies("a")
    moved.client.answer(1, commands.Queue.Delete(queue="b"))
    moved.broker.advance(1000)
    assert (job.state, job.error) == (FAILED, "no queue 'b' in vhost '/'")
    assert moved.bodies("a") == before


def test_a_source_that_goes_stops_it() -> None:
    moved = Moved("a", "b")
    moved.publish("a", *numbered(50))
    job = moved.move("a", "b", Chosen(rate=20))
    moved.broker.advance(1000)
    moved.client.answer(1, commands.Queue.Delete(queue="a"))
    moved.declare("a")
    moved.broker.advance(1000)
    assert (job.state, job.error) == (FAILED, "no queue 'a' in vhost '/' any more")


@pytest.mark.parametrize("chosen", [Chosen(count=-1), Chosen(rate=-1), Chosen(rate=10**9)])
def test_nonsense_is_refused(chosen: Chosen) -> None:
    moved = Moved("a", "b")
    with pytest.raises(ValueError, match=r"count|rate"):
        moved.move("a", "b", chosen)


def test_only_so_many_jobs_run() -> None:
    moved = Moved("a", "b")
    moved.publish("a", *numbered(50))
    for _ in range(RUNNING_MAX):
        moved.move("a", "b", Chosen(rate=1))
    with pytest.raises(TooManyJobsError):
        moved.move("a", "b")
    for job in moved.moving.jobs.all():
        moved.moving.cancel(moved.actor, job)
    moved.broker.advance(3000)
    assert moved.moved("a", "b").state == DONE
    assert sorted(moved.bodies("b")) == numbered(50)
