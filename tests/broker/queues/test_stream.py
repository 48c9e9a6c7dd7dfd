"""A stream's parts together: beginnings, durability, filters, named consumers, retention, and what readers share."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from broker.queues.browsing import FRONT, Place, Waiting
from broker.queues.paging import Limits
from protocol.errors import ChannelException, ConnectionException
from tests.support.streams import StreamBench

SMALL = Limits(queue_bytes_max=8000, queue_bytes_min=4000, chunk_bytes=2000, low_bytes=1000, step_bytes=500)


def filled(count: int, arguments: dict[str, object] | None = None) -> StreamBench:
    """A stream with `count` messages b"0", b"1", …, one a second."""
    bench = StreamBench(arguments)
    for number in range(count):
        bench.publish(b"%d" % number)
        bench.turn(1000)
    return bench


@pytest.mark.parametrize(
    ("start", "offsets"),
    [
        ({"offset": "first"}, [0, 1, 2, 3, 4]),
        ({"offset": "last"}, [4]),
        ({"offset": "next"}, []),
        ({}, []),
        ({"offset": 3}, [3, 4]),
        ({"offset": -3}, [0, 1, 2, 3, 4]),
        ({"offset": 50}, []),
        ({"offset": datetime.fromtimestamp(1002, UTC)}, [2, 3, 4]),
        ({"offset": datetime.fromtimestamp(1, UTC)}, [0, 1, 2, 3, 4]),
        ({"offset": datetime.fromtimestamp(99_999, UTC)}, []),
        ({"offset": "3s"}, [2, 3, 4]),
        ({"offset": "2h"}, [0, 1, 2, 3, 4]),
    ],
)
def test_a_consumer_begins_where_it_says(start: dict[str, object], offsets: list[int]) -> None:
    bench = filled(5)
    consumer = bench.consumer(**start)  # type: ignore[arg-type]
    bench.turn()
    assert consumer.offsets == offsets
    bench.publish(b"live", b"more")
    bench.turn()
    following = 50 if start.get("offset") == 50 else 5
    assert consumer.offsets == offsets + ([5, 6] if following == 5 else [])


def test_an_offset_that_is_not_there_yet_is_waited_for() -> None:
    bench = filled(1)
    consumer = bench.consumer(offset=3)
    bench.publish(b"1", b"2", b"3", b"4")
    bench.turn()
    assert consumer.taken == [(3, b"3"), (4, b"4")]


def test_a_place_in_time_is_found_in_what_is_on_disk_only() -> None:
    bench = filled(300)
    bench.open()
    consumer = bench.consumer(offset=datetime.fromtimestamp(1000 + 217, UTC))
    bench.turn()
    assert consumer.offsets == list(range(217, 300))


def test_nobody_gets_what_is_not_durable() -> None:
    bench = StreamBench()
    consumer = bench.consumer()
    bench.publish(b"x")
    bench.turn(commit=False)
    assert consumer.taken == []
    bench.turn()
    assert consumer.taken == [(0, b"x")]


def test_what_is_durable_is_known_where_nobody_reads() -> None:
    bench = filled(100)
    assert bench.queue.durable_stop() == 101
    assert len(bench.queue._awaited) <= 1, "and nothing is kept for readers that are not there"
    bench.publish(b"x")
    assert bench.queue.durable_stop() == 101
    bench.turn()
    assert bench.queue.durable_stop() == 102


def test_messages_that_are_not_persistent_are_kept() -> None:
    bench = StreamBench()
    bench.publish(b"a", b"b", persistent=False)
    bench.turn()
    bench.open()
    consumer = bench.consumer(offset="first")
    bench.turn()
    assert consumer.taken == [(0, b"a"), (1, b"b")]


def test_a_full_prefetch_stops_and_an_acknowledgement_goes_on() -> None:
    bench = filled(5)
    consumer = bench.consumer(2, offset="first")
    bench.turn()
    assert consumer.offsets == [0, 1]
    consumer.ack(1)
    bench.turn()
    assert consumer.offsets == [0, 1, 2]


def test_filters_choose_by_the_publishers_value() -> None:
    bench = StreamBench()
    chosen = bench.consumer(filter="a")
    several = bench.consumer(filter=["a", "b", 5])
    with_others = bench.consumer(filter="a", match_unfiltered=True)
    everything = bench.consumer()
    for value in ("a", "b", "c", None):
        bench.publish(b"%s" % str(value).encode(), headers={"x-stream-filter-value": value} if value else None)
    bench.turn()
    assert chosen.offsets == [0]
    assert several.offsets == [0, 1]
    assert with_others.offsets == [0, 3]
    assert everything.offsets == [0, 1, 2, 3]


def test_a_named_consumer_goes_on_where_it_has_acknowledged() -> None:
    bench = filled(6)
    consumer = bench.consumer(consumer_name="w", offset="first")
    bench.turn()
    consumer.ack(2)
    consumer.ack_last()
    consumer.leave()
    assert bench.stored["w"] is not None
    assert bench.stored["w"].offset == 1
    bench.open()
    again = bench.consumer(consumer_name="w", offset="last")
    bench.turn()
    assert again.offsets == [2, 3, 4, 5]
    again.ack()
    bench.turn(1000)
    assert bench.stored["w"].offset == 5


def test_offsets_are_stored_a_second_later_many_at_a_time() -> None:
    bench = filled(3)
    consumers = [bench.consumer(consumer_name=f"w{at}", offset="first") for at in range(3)]
    bench.turn()
    for consumer in consumers:
        consumer.ack()
    bench.turn(999)
    assert bench.stored == {}
    bench.turn(1)
    assert set(bench.stored) == {"w0", "w1", "w2"}


def test_what_a_filter_leaves_out_counts_as_acknowledged() -> None:
    bench = StreamBench()
    consumer = bench.consumer(consumer_name="w", filter="a")
    for value in "abba":
        bench.publish(b"x", headers={"x-stream-filter-value": value})
    bench.turn()
    consumer.ack(1)
    consumer.leave()
    assert bench.stored["w"] is not None
    assert bench.stored["w"].offset == 2
    again = bench.consumer(consumer_name="w", filter="a")
    bench.turn()
    assert again.offsets == [3]


def test_what_is_given_back_comes_again_under_its_name_and_what_is_refused_does_not() -> None:
    bench = filled(4)
    consumer = bench.consumer(consumer_name="w", offset="first")
    bench.turn()
    first, second, third, last = consumer.spans
    consumer.reader.reject(first)
    consumer.reader.requeue(second)
    consumer.reader.settle(third)
    consumer.reader.settle(last)
    consumer.leave()
    again = bench.consumer(consumer_name="w")
    bench.turn()
    assert again.offsets == [1, 2, 3]
    counters = bench.queue.counters
    assert (counters.rejected, counters.requeued, counters.acked) == (1, 1, 2)


def test_a_forgotten_name_begins_anew() -> None:
    bench = filled(2)
    consumer = bench.consumer(consumer_name="w", offset="first")
    bench.turn()
    consumer.ack()
    consumer.leave()
    assert bench.queue.offsets.forget("w")
    assert not bench.queue.offsets.forget("w")
    assert bench.stored == {"w": None}
    again = bench.consumer(consumer_name="w", offset="first")
    bench.turn()
    assert again.offsets == [0, 1]


def test_too_many_bytes_leave_from_the_front() -> None:
    bench = StreamBench({"x-max-length-bytes": 10_000})
    for _ in range(50):
        bench.publish(bytes(500))
        bench.turn()
    assert 10_000 * 15 // 16 <= bench.queue.ready.body_bytes <= 10_000
    consumer = bench.consumer(offset="first")
    bench.turn()
    assert consumer.offsets == list(range(50 - bench.queue.ready.count, 50))


def test_too_old_messages_leave_by_themselves() -> None:
    bench = filled(10, {"x-max-age": "5s"})
    bench.turn()
    assert bench.queue.ready.count == 4, "those of the last five seconds"
    bench.turn(60_000)
    assert bench.queue.ready.count == bench.queue.ready.body_bytes == 0
    bench.publish(b"new")
    consumer = bench.consumer(offset="first")
    bench.turn()
    assert consumer.taken == [(10, b"new")]


def test_what_was_there_at_the_start_is_too_old_or_too_much_too() -> None:
    bench = filled(10)
    bench.arguments["x-max-age"] = "5s"
    bench.open()
    bench.turn()
    assert bench.queue.ready.count == 4
    bench.arguments.update({"x-max-length-bytes": 2})
    bench.open()
    bench.turn()
    assert bench.queue.ready.count == 2


def test_a_reader_that_is_overtaken_by_retention_goes_on_behind_it() -> None:
    bench = StreamBench({"x-max-length-bytes": 1600})
    consumer = bench.consumer(1, offset="first")
    for _ in range(40):
        bench.publish(bytes(100))
        bench.turn()
    consumer.ack()
    bench.turn()
    assert consumer.offsets == [0, 40 - bench.queue.ready.count]


def test_a_reader_goes_on_where_everything_has_gone_before_it_could_read_it() -> None:
    bench = StreamBench({"x-max-age": "5s"})
    consumer = bench.consumer(offset="first")
    bench.publish(b"old")
    bench.turn(6000, commit=False)
    bench.turn()
    assert bench.queue.ready.count == 0
    bench.publish(b"new")
    bench.turn()
    assert consumer.taken == [(1, b"new")]


def test_readers_of_the_same_part_read_it_once() -> None:
    bench = StreamBench(limits=SMALL)
    for number in range(200):
        bench.publish(b"%03d" % number * 30)
    bench.turn()
    bench.open()
    consumers = [bench.consumer(20, offset="first") for _ in range(100)]
    for _ in range(10):
        bench.turn()
        for consumer in consumers:
            consumer.ack()
    assert all(consumer.offsets == list(range(200)) for consumer in consumers)
    bodies = consumers[0].taken[100][1]
    assert consumers[99].taken[100][1] is bodies, "the same bytes, not a copy"
    chunks = -(-200 * 90 // SMALL.chunk_bytes)
    assert bench.queue.log.loads <= 3 * chunks, "and not a hundred times as many"


def test_memory_stays_within_its_limit_wherever_readers_are() -> None:
    bench = StreamBench(limits=SMALL)
    slow = bench.consumer(1, offset="first")
    for number in range(300):
        bench.publish(b"%05d" % number * 20)
        bench.turn()
    readers = [bench.consumer(offset=offset) for offset in range(0, 300, 7)]
    bench.turn()
    slack = 3 * SMALL.chunk_bytes * 10
    assert bench.queue.log.hot_bytes <= SMALL.queue_bytes_max + slack
    assert bench.budget.used == bench.queue.log.hot_bytes
    assert all(reader.offsets == list(range(reader.offsets[0], 300)) for reader in readers)
    assert slow.offsets == [0]


def test_looking_sees_what_is_retained_in_memory_and_on_disk() -> None:
    bench = StreamBench(limits=SMALL)
    for number in range(100):
        bench.publish(b"%03d" % number * 30)
    bench.turn()
    bench.open()
    found: list[Waiting] = []
    place: Place | None = FRONT
    while place is not None:
        answers: list[tuple[list[Waiting], Place | None]] = []
        bench.queue.look(place, lambda waiting, on, answers=answers: answers.append((list(waiting), on)))  # type: ignore[misc]
        ((some, place),) = answers
        found += some
    assert [one.batch.bodies[one.at][:3] for one in found] == [b"%03d" % number for number in range(100)]
    assert bench.queue.ready.count == 100


def test_a_deleted_stream_cancels_its_consumers_and_forgets_its_offsets() -> None:
    bench = filled(3)
    consumer = bench.consumer(consumer_name="w", offset="first")
    bench.turn()
    consumer.ack()
    bench.turn(1000)
    assert bench.queue.delete() == 3
    bench.turn(5000)
    assert consumer.is_cancelled
    assert bench.stored == {"w": None}
    assert bench.queue.ready.count == 0
    assert bench.budget.used == 0


def test_who_leaves_a_slow_turn_is_not_given_anything() -> None:
    bench = filled(3)
    consumer = bench.consumer(offset="first")
    consumer.leave()
    bench.turn()
    assert consumer.taken == []
    assert bench.queue.consumers.everyone() == []


@pytest.mark.parametrize("name", ["", "x" * 256])
def test_a_name_that_cannot_be_is_refused(name: str) -> None:
    with pytest.raises(ChannelException, match="x-stream-consumer-name"):
        StreamBench().consumer(consumer_name=name)


def test_single_messages_are_neither_got_nor_taken_out() -> None:
    queue = filled(1).queue
    with pytest.raises(ConnectionException, match=r"basic\.get"):
        queue.get(False, print)
    with pytest.raises(ConnectionException, match=r"queue\.purge"):
        queue.purge(print)
    with pytest.raises(ConnectionException, match="taking single messages"):
        queue.remove(FRONT, lambda _: None)
