"""The priorities of a live queue are changed: what waits is sorted, what is at consumers stays theirs."""

from __future__ import annotations

from itertools import pairwise

import pytest
from pamqp.commands import Basic, Queue

from broker.model.arguments import Arguments
from broker.queues.browsing import FRONT, Place, look
from broker.queues.priority import PriorityReady
from tests.broker.changing.bench import Bench


def body(priority: int, number: int) -> bytes:
    return b"%d:%06d" % (priority, number)


def filled(bench: Bench, count: int, persistent: bool = True) -> list[bytes]:
    """Messages of the priorities 0 to 9, one after another."""
    bodies = [body(number % 10, number) for number in range(count)]
    for one in bodies:
        bench.publish(int(one[:1]), [one], persistent)
    bench.settle()
    return bodies


def by_priority(bodies: list[bytes], most: int) -> list[bytes]:
    return sorted(bodies, key=lambda one: (-min(int(one[:1]), most), one[2:]))


@pytest.mark.parametrize("durable", [True, False])
@pytest.mark.parametrize("persistent", [True, False])
@pytest.mark.parametrize("count", [0, 3, 700])
def test_from_none_to_some_what_waits_is_sorted(durable: bool, persistent: bool, count: int) -> None:
    bench = Bench(durable)
    bodies = filled(bench, count, persistent)
    bench.change({"x-max-priority": 5})
    bench.sorted()
    assert bench.queue.ready.count == count
    assert isinstance(bench.queue.ready, PriorityReady), "nothing is left of how it was"
    assert bench.queue.definition.former == ()
    assert bench.drain() == by_priority(bodies, 5)


@pytest.mark.parametrize(("before", "after"), [(3, 9), (9, 3), (9, 0)])
def test_from_some_to_others(before: int, after: int) -> None:
    bench = Bench(max_priority=before)
    bodies = filled(bench, 300)
    bench.change({"x-max-priority": after or None})
    bench.sorted()
    found = bench.drain()
    assert sorted(found) == sorted(bodies)
    for priority in range(10):
        own = [one for one in found if one.startswith(b"%d:" % priority)]
        assert all(one < other for one, other in pairwise(own)), "the order within a priority stays"
    if after > before:
        assert found == by_priority(bodies, after)
    later = filled(bench, 20)
    assert bench.drain() == (by_priority(later, after) if after else later)


def test_what_comes_while_it_is_sorted_comes_after_what_waited() -> None:
    bench = Bench()
    bodies = filled(bench, 400)
    bench.change({"x-max-priority": 9})
    for number in range(400, 800):
        bodies.append(body(number % 10, number))
        bench.publish(number % 10, [bodies[-1]])
    bench.sorted()
    assert bench.drain() == by_priority(bodies, 9)


def test_consumers_stay_and_get_the_highest_first() -> None:
    bench = Bench()
    bench.client.method(1, Basic.Qos(prefetch_count=2))
    bench.client.method(1, Basic.Consume(queue="q", consumer_tag="c"))
    bodies = filled(bench, 50)
    events = bench.client.take(1)
    first = [event.body for event in events if event.name == "Basic.Deliver"]
    assert first == bodies[:2]
    bench.change({"x-max-priority": 9})
    bench.sorted()
    bench.client.method(1, Basic.Ack(2, multiple=True))
    bench.settle()
    assert [event.body for event in bench.client.take(1)] == by_priority(bodies[2:], 9)[:2]
    bench.quiet()
    assert bench.queue.definition.former == ()


@pytest.mark.parametrize("persistent", [True, False])
def test_what_a_consumer_gives_back_comes_first_in_its_priority(persistent: bool) -> None:
    bench = Bench()
    bodies = filled(bench, 40, persistent)
    for _ in range(15):
        bench.get(no_ack=False)
    bench.change({"x-max-priority": 9})
    bench.sorted()
    bench.client.method(1, Basic.Nack(0, multiple=True, requeue=True))
    bench.settle()
    assert bench.queue.ready.count == 40
    assert bench.drain() == by_priority(bodies, 9)
    bench.quiet()
    assert isinstance(bench.queue.ready, PriorityReady)


def test_what_was_at_a_consumer_when_the_broker_died_comes_first_in_its_priority() -> None:
    bench = Bench()
    bodies = filled(bench, 40)
    for _ in range(15):
        bench.get(no_ack=False)
    bench.change({"x-max-priority": 9})
    bench.sorted()
    bench.broker.advance(1000)
    bench.settle()
    bench.kill()
    bench.sorted()
    assert bench.drain() == by_priority(bodies, 9)
    bench.quiet()
    assert bench.queue.definition.former == ()


def test_changed_again_before_it_is_sorted() -> None:
    bench = Bench()
    bodies = filled(bench, 600)
    for _ in range(10):
        bench.get(no_ack=False)
    bench.change({"x-max-priority": 9})
    bench.change({"x-max-priority": 2})
    bench.broker.turn()
    bench.change({"x-max-priority": 5})
    bench.sorted()
    bench.client.method(1, Basic.Nack(0, multiple=True, requeue=True))
    bench.settle()
    assert bench.drain() == by_priority(bodies, 5)
    bench.quiet()
    assert bench.queue.definition.former == ()


def test_purged_and_deleted_while_it_is_sorted() -> None:
    bench = Bench()
    filled(bench, 600)
    bench.change({"x-max-priority": 9})
    bench.broker.turn()
    assert bench.answer(Queue.Purge(queue="q")).message_count == 600  # type: ignore[attr-defined]
    assert bench.drain() == []
    bodies = filled(bench, 300)
    bench.change({"x-max-priority": 4})
    bench.broker.turn()
    assert bench.answer(Queue.Delete(queue="q")).message_count == len(bodies)  # type: ignore[attr-defined]
    bench.broker.advance(1000)
    bench.settle()
    bench.kill()
    assert "q" not in bench.broker.vhost.queues
    assert not [stream for stream in bench.home.journal.stream_ids() if bench.home.journal.stream(stream).waiting()[0]]


def test_time_to_live_is_kept_to_the_millisecond() -> None:
    bench = Bench()
    for number in range(60):
        bench.publish(number % 10, [body(number % 10, number)], expiration=str(10_000 + number % 7 * 100))
    bench.settle()
    bench.change({"x-max-priority": 9})
    bench.sorted()
    for step in range(7):
        bench.broker.advance(10_000 if not step else 100)
        bench.settle()
        left = [body(number % 10, number) for number in range(60) if number % 7 > step]
        assert bench.queue.ready.count == len(left), step


def test_nothing_is_marked_as_delivered_by_being_sorted() -> None:
    bench = Bench()
    bodies = filled(bench, 30)
    bench.change({"x-max-priority": 9})
    bench.sorted()
    bench.broker.advance(1000)
    bench.settle()
    bench.kill()
    for _ in bodies:
        got = bench.get()
        assert got is not None
        assert not got[2], "nobody had it"


def test_looking_shows_everything_once() -> None:
    bench = Bench()
    bodies = filled(bench, 500)
    bench.change({"x-max-priority": 9})
    bench.broker.turn()
    found: list[bytes] = []
    places: list[Place | None] = [FRONT]

    def seen(waiting: object, following: Place | None) -> None:
        found.extend(one.batch.bodies[one.at] for one in waiting)  # type: ignore[attr-defined]
        places.append(following)

    while (place := places.pop()) is not None:
        look(bench.queue.ready, place, seen)
    assert sorted(found) == sorted(bodies)


def test_the_equivalent_redeclaration_is_the_new_one() -> None:
    bench = Bench()
    bench.change({"x-max-priority": 9})
    bench.sorted()
    assert bench.queue.definition.arguments == Arguments({"x-max-priority": 9}, {"x-max-priority": "l"})
    frame = bench.answer(Queue.Declare(queue="q", durable=True, arguments={"x-max-priority": 9}))
    assert isinstance(frame, Queue.DeclareOk)
    bench.kill()
    assert bench.queue.settings.priority_max == 9


@pytest.mark.parametrize("is_sorted", [True, False])
def test_time_to_live_is_kept_over_a_kill_too(is_sorted: bool) -> None:
    bench = Bench()
    for number in range(400):
        lives = str(10_000 + number % 7 * 100) if number % 3 else None
        more = {} if lives is None else {"expiration": lives}
        bench.publish(number % 10, [body(number % 10, number)], **more)  # type: ignore[arg-type]
    bench.settle()
    begun_ms = bench.broker.clock.now_ms()
    bench.change({"x-max-priority": 9})
    if is_sorted:
        bench.sorted()
    else:
        bench.broker.turn()
    bench.broker.advance(1000 if is_sorted else 12)
    bench.home.finish()
    bench.kill()
    for step in range(7):
        bench.broker.advance(begun_ms + 10_000 + step * 100 - bench.broker.clock.now_ms())
        for _ in range(20):
            bench.settle()
        left = [number for number in range(400) if number % 3 == 0 or number % 7 > step]
        assert bench.queue.ready.count == len(left), step
    assert sorted(bench.drain()) == sorted(body(number % 10, number) for number in range(400) if number % 3 == 0)
