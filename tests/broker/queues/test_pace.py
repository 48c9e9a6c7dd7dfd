"""Concurrency and rate of a queue: never more than asked for, never less than there is room for, fair to consumers."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from pamqp.commands import Basic, Queue

from broker.queues.pace import Bucket
from tests.support.sansio import SansBroker, SansClient, publish_frames

FAST = {"x-rate-limit": 100, "x-rate-limit-burst": 1}


def opened(arguments: dict[str, object], messages: int) -> SansClient:
    """A client with a queue `q` of these arguments, in which so many messages are."""
    client = SansBroker().connect().open()
    client.channel()
    client.call(1, Queue.Declare(queue="q", arguments=arguments))
    client.send(b"".join(publish_frames(1, "", "q", b"%05d" % number) for number in range(messages)))
    client.broker.turn()
    return client


def consume(client: SansClient, channel: int, tag: str, prefetch: int = 0, no_ack: bool = False) -> None:
    if channel not in client.connection.channels:
        client.channel(channel)
    client.method(channel, Basic.Qos(prefetch_count=prefetch))
    client.method(channel, Basic.Consume(queue="q", consumer_tag=tag, no_ack=no_ack))
    client.broker.turn()


def consume_together(client: SansClient) -> None:
    """Three consumers start in one turn."""
    for channel in (2, 3):
        client.channel(channel)
    for channel, tag in ((1, "a"), (2, "b"), (3, "c")):
        client.method(channel, Basic.Consume(queue="q", consumer_tag=tag))
    client.broker.turn()


def delivered(client: SansClient) -> list[Basic.Deliver]:
    return [event.frame for event in client.take() if isinstance(event.frame, Basic.Deliver)]


def waits_for(client: SansClient) -> str:
    return client.broker.vhost.queues["q"].consumers.waits_for()


def get(client: SansClient, no_ack: bool = False) -> str:
    return client.call(1, Basic.Get(queue="q", no_ack=no_ack))[-1].name


# ---- concurrency


def test_no_more_are_unacknowledged_than_the_queue_allows() -> None:
    client = opened({"x-concurrency-max": 3}, 10)
    consume(client, 1, "one")
    first = delivered(client)
    assert [frame.delivery_tag for frame in first] == [1, 2, 3]
    assert waits_for(client) == "concurrency"
    client.call(1, Basic.Ack(2))
    client.call(1, Basic.Nack(1, requeue=False))
    client.call(1, Basic.Reject(3, requeue=True))
    assert client.broker.vhost.queues["q"].unacked == 3


def test_every_way_to_give_back_lets_the_next_one_through() -> None:
    client = opened({"x-concurrency-max": 1}, 9)
    consume(client, 1, "one")
    ways = (Basic.Ack(1), Basic.Nack(2, requeue=False), Basic.Nack(3, requeue=True), Basic.Reject(4, requeue=False))
    for tag, way in enumerate(ways, 1):
        assert [frame.delivery_tag for frame in delivered(client)] == [tag]
        client.method(1, way)
        client.broker.turn()
    assert len(delivered(client)) == 1


def test_what_a_lost_client_had_goes_to_another_one() -> None:
    client = opened({"x-concurrency-max": 2}, 4)
    consume(client, 1, "one")
    other = client.broker.connect().open()
    consume(other, 1, "two")
    assert (len(delivered(client)), len(delivered(other))) == (2, 0)
    client.lose()
    client.broker.turn()
    assert [frame.redelivered for frame in delivered(other)] == [True, True]


def test_the_room_is_shared_among_consumers() -> None:
    client = opened({"x-concurrency-max": 6}, 2000)
    consume_together(client)
    assert Counter(frame.consumer_tag for frame in delivered(client)) == {"a": 2, "b": 2, "c": 2}


def test_consumers_of_one_at_a_time_take_turns_under_a_cap() -> None:
    client = opened({"x-concurrency-max": 1}, 2000)
    consume_together(client)
    order = []
    for _ in range(9):
        (event,) = [event for event in client.take() if isinstance(event.frame, Basic.Deliver)]
        assert isinstance(event.frame, Basic.Deliver)
        order.append(event.frame.consumer_tag)
        client.method(event.channel, Basic.Ack(event.frame.delivery_tag))
        client.broker.turn()
    assert Counter(order) == {"a": 3, "b": 3, "c": 3}
    assert all(one != other for one, other in pairwise(order))


def test_a_get_counts_and_waits_its_turn() -> None:
    client = opened({"x-concurrency-max": 2}, 5)
    assert [get(client) for _ in range(3)] == ["Basic.GetOk", "Basic.GetOk", "Basic.GetEmpty"]
    consume(client, 1, "one")
    assert delivered(client) == []
    assert get(client, no_ack=True) == "Basic.GetOk"  # nothing of it is unacknowledged
    client.method(1, Basic.Ack(1))
    client.broker.turn()
    assert len(delivered(client)) == 1


def test_consumers_without_acknowledgements_are_not_limited() -> None:
    client = opened({"x-concurrency-max": 2}, 50)
    consume(client, 1, "one", no_ack=True)
    assert len(delivered(client)) == 50


def test_a_queue_without_messages_waits_for_nothing() -> None:
    client = opened({"x-concurrency-max": 1}, 1)
    consume(client, 1, "one")
    assert (len(delivered(client)), waits_for(client)) == (1, "")


def policy(client: SansClient, **definition: object) -> None:
    node = client.broker.node
    node.policies.set("/", "pace", ".*", definition, 0, "queues")
    client.broker.turn()


def test_a_policy_caps_and_frees_a_queue_at_work() -> None:
    client = opened({}, 12)
    consume(client, 1, "one", prefetch=5)
    assert len(delivered(client)) == 5
    policy(client, **{"concurrency-max": 3})
    for tag in (1, 2):
        client.method(1, Basic.Ack(tag))
    client.broker.turn()
    assert delivered(client) == []
    client.method(1, Basic.Ack(3))
    client.broker.turn()
    assert len(delivered(client)) == 1
    policy(client, **{"concurrency-max": 4})
    assert len(delivered(client)) == 1
    client.broker.node.policies.clear("/", "pace")
    client.broker.turn()
    assert len(delivered(client)) == 1
    assert type(client.broker.vhost.queues["q"].consumers).__name__ == "RoundRobin"


def test_a_single_active_consumer_is_capped_too() -> None:
    client = opened({"x-concurrency-max": 2, "x-single-active-consumer": True}, 5)
    consume(client, 1, "one")
    consume(client, 2, "two")
    assert [frame.consumer_tag for frame in delivered(client)] == ["one", "one"]
    client.call(1, Basic.Cancel("one"))
    client.call(1, Basic.Ack(1))
    assert [frame.consumer_tag for frame in delivered(client)] == ["two"]


# ---- rate


def test_messages_come_one_after_another_at_the_rate() -> None:
    client = opened(FAST, 30)
    consume(client, 1, "one")
    counts = []
    for _ in range(5):
        counts.append(len(delivered(client)))
        client.broker.advance(10)
    assert counts == [1] * 5
    client.broker.advance(100)
    assert len(delivered(client)) == 11
    assert waits_for(client) == "rate"


def test_what_was_not_used_comes_at_once_up_to_the_burst() -> None:
    client = opened({"x-rate-limit": 10, "x-rate-limit-burst": 4}, 30)
    client.broker.advance(60_000)
    consume(client, 1, "one")
    assert len(delivered(client)) == 4
    client.broker.advance(100)
    assert len(delivered(client)) == 1


def test_without_a_burst_it_is_a_tenth() -> None:
    client = opened({"x-rate-limit": 50}, 30)
    consume(client, 1, "one")
    assert len(delivered(client)) == 5


def test_a_period_may_be_a_minute() -> None:
    client = opened({"x-rate-limit": 6, "x-rate-limit-period": 60_000}, 5)
    consume(client, 1, "one")
    assert len(delivered(client)) == 1
    client.broker.advance(9_999)
    assert delivered(client) == []
    client.broker.advance(1)
    assert len(delivered(client)) == 1


def test_gets_and_unacknowledged_deliveries_use_the_rate() -> None:
    client = opened({"x-rate-limit": 10, "x-rate-limit-burst": 3}, 30)
    assert get(client) == "Basic.GetOk"
    assert get(client, no_ack=True) == "Basic.GetOk"
    consume(client, 1, "one", no_ack=True)
    assert len(delivered(client)) == 1
    assert get(client) == "Basic.GetEmpty"
    client.broker.advance(1000)
    assert len(delivered(client)) == 10


def test_waiting_costs_one_deadline_at_a_time() -> None:
    client = opened(FAST, 500)
    before = len(client.broker.node.deadlines)
    for channel in range(1, 6):
        consume(client, channel, f"tag {channel}")
    for _ in range(20):
        get(client)
        client.broker.advance(10)
        assert len(client.broker.node.deadlines) == before + 1
    client.call(1, Queue.Delete(queue="q"))
    client.broker.advance(100)
    assert len(client.broker.node.deadlines) == before


def test_the_rate_is_shared_among_consumers() -> None:
    client = opened({"x-rate-limit": 90, "x-rate-limit-burst": 9}, 3000)
    consume_together(client)
    client.broker.advance(3000)
    got = Counter(frame.consumer_tag for frame in delivered(client))
    assert sum(got.values()) == 279
    assert max(got.values()) - min(got.values()) <= 9


def test_another_policy_does_not_give_a_burst_anew() -> None:
    client = opened({"x-rate-limit": 10, "x-rate-limit-burst": 5}, 30)
    consume(client, 1, "one")
    assert len(delivered(client)) == 5
    policy(client, **{"message-ttl": 1_000_000})
    assert delivered(client) == []
    policy(client, **{"rate-limit": 5})
    assert len(delivered(client)) <= 5


def test_both_limits_hold_together() -> None:
    client = opened({"x-rate-limit": 10, "x-rate-limit-burst": 2, "x-concurrency-max": 3}, 30)
    consume(client, 1, "one")
    assert len(delivered(client)) == 2
    client.broker.advance(500)
    assert len(delivered(client)) == 1
    assert waits_for(client) == "concurrency"
    client.call(1, Basic.Ack(0, multiple=True))
    client.broker.turn()
    assert client.broker.vhost.queues["q"].unacked == 2


@given(
    st.integers(1, 50), st.integers(1, 3000), st.integers(1, 20),
    st.lists(st.tuples(st.integers(0, 500), st.integers(0, 30)), max_size=40),
)  # fmt: skip
def test_a_bucket_gives_what_its_rate_says_in_every_stretch_of_time(
    rate: int, period_ms: int, burst: int, steps: list[tuple[int, int]]
) -> None:
    now_ms = seen = 0
    bucket = Bucket(rate, period_ms, burst, 0, 0)
    taken: list[tuple[int, int]] = []
    for pause_ms, wanted in steps:
        now_ms += pause_ms
        room = bucket.room(now_ms, seen)
        if not room:
            wait_ms = bucket.wait_ms()
            assert bucket.room(now_ms + wait_ms - 1, seen) == 0
            now_ms += wait_ms
            room = bucket.room(now_ms, seen)
            assert room >= 1
        seen += min(room, wanted)
        taken.append((now_ms, min(room, wanted)))
        if wanted:
            spent = [0]
            for at_ms, count in taken:
                spent.append(spent[-1] + count)
                assert at_ms >= 0
            for first in range(len(taken)):
                stretch_ms = now_ms - taken[first][0]
                assert spent[-1] - spent[first] <= burst + rate * stretch_ms / period_ms + 1e-9
