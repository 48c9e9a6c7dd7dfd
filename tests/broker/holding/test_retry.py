"""Back-off: what a consumer refuses waits, twice as long each time, and is dropped when it was tried often enough."""

from __future__ import annotations

from pathlib import Path

import pytest
from pamqp import commands
from pamqp.commands import Basic, Tx

from broker.holding.retry import backoff_ms
from tests.broker.holding.support import Home, got, headers_of, send
from tests.support.sansio import SansBroker, SansClient

RETRY = {"x-retry-backoff-base": 1000, "x-retry-backoff-max": 5000, "x-retry-attempts-max": 4}


def start(home: Home, **arguments: object) -> SansClient:
    client = home.client()
    client.call(1, commands.Queue.Declare(queue="q", durable=True, arguments=RETRY | arguments))
    return client


def fetch(client: SansClient) -> int:
    """Gets the one message; returns its delivery tag."""
    answer = client.call(1, Basic.Get(queue="q"))[-1].frame
    assert isinstance(answer, Basic.GetOk), answer
    return answer.delivery_tag


def refuse(client: SansClient, tag: int) -> None:
    client.method(1, Basic.Nack(delivery_tag=tag, requeue=True))
    client.broker.turn()


def ready(broker: SansBroker) -> int:
    return broker.vhost.queues["q"].ready.count


def wait_of(broker: SansBroker) -> int:
    """How long it takes until something is ready, in ms."""
    waited = 0
    while not ready(broker):
        broker.advance(500)
        waited += 500
        assert waited < 60_000
    return waited


@pytest.mark.parametrize(("deliveries", "expected"), [(1, 100), (2, 200), (3, 400), (4, 800), (5, 1000), (10**9, 1000)])
def test_the_wait_doubles_up_to_a_bound(deliveries: int, expected: int) -> None:
    assert backoff_ms(100, 1000, deliveries) == expected


def test_a_refused_message_waits_longer_each_time_and_is_dropped_at_last() -> None:
    client = start(Home())
    send(client, "x", exchange="")
    waits = []
    for _ in range(4):
        refuse(client, fetch(client))
        assert ready(client.broker) == 0
        waits.append(wait_of(client.broker))
    assert waits == [1000, 2000, 4000, 5000]
    refuse(client, fetch(client))
    client.broker.advance(60_000)
    assert ready(client.broker) == 0, "four retries, and no fifth"


def test_what_comes_back_is_redelivered(tmp_path: Path) -> None:
    client = start(Home(tmp_path))
    send(client, "x", exchange="")
    refuse(client, fetch(client))
    client.broker.advance(1000)
    answer = client.call(1, Basic.Get(queue="q"))[-1].frame
    assert isinstance(answer, Basic.GetOk)
    assert answer.redelivered


def test_rejecting_for_good_does_not_wait() -> None:
    client = start(Home())
    send(client, "x", exchange="")
    client.call(1, Basic.Nack(delivery_tag=fetch(client), requeue=False))
    assert len(client.broker.vhost.holding.store.index) == 0


def test_what_comes_back_with_its_channel_does_not_wait() -> None:
    client = start(Home())
    send(client, "x", exchange="")
    fetch(client)
    client.lose()
    client.broker.turn()
    assert ready(client.broker) == 1


def test_the_wait_and_the_count_survive_kill_9(tmp_path: Path) -> None:
    home = Home(tmp_path)
    client = start(home)
    send(client, "x", exchange="")
    refuse(client, fetch(client))
    client.broker.advance(1000)
    refuse(client, fetch(client))
    client.broker.advance(100)
    home.restart()
    home.broker.advance(1899)
    assert ready(home.broker) == 0
    home.broker.advance(1)
    client = home.client()
    refuse(client, fetch(client))
    assert wait_of(home.broker) == 4000
    client.broker.advance(100)
    home.restart()
    home.broker.advance(0)
    assert ready(home.broker) == 1
    client = home.client()
    refuse(client, fetch(client))
    assert wait_of(home.broker) == 5000, "it was delivered four times, whatever process did it"


def test_it_expires_when_it_would_have(tmp_path: Path) -> None:
    client = start(Home(tmp_path), **{"x-message-ttl": 3000})
    send(client, "x", exchange="")
    refuse(client, fetch(client))
    client.broker.advance(1000)
    assert ready(client.broker) == 1
    client.broker.advance(1999)
    assert ready(client.broker) == 1
    client.broker.advance(1)
    assert ready(client.broker) == 0


def test_a_transaction_refuses_at_its_commit(tmp_path: Path) -> None:
    home = Home(tmp_path)
    client = start(home)
    send(client, "x", exchange="")
    client.call(1, Tx.Select())
    refuse(client, fetch(client))
    assert len(client.broker.vhost.holding.store.index) == 0
    client.call(1, Tx.Commit())
    assert len(client.broker.vhost.holding.store.index) == 1
    home.restart()
    home.broker.advance(1000)
    assert got(home.client()) == ["x"]


def test_a_transient_message_waits_too() -> None:
    client = start(Home())
    send(client, "x", exchange="", mode=1)
    refuse(client, fetch(client))
    assert wait_of(client.broker) == 1000


def test_what_was_tried_often_enough_is_a_dead_letter() -> None:
    client = start(Home(), **{"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "dead"})
    client.call(1, commands.Queue.Declare(queue="dead", durable=True))
    send(client, "x", exchange="")
    for _ in range(5):
        refuse(client, fetch(client))
        client.broker.advance(5000)
    answer = client.call(1, Basic.Get(queue="dead", no_ack=True))[-1]
    deaths = headers_of(answer)["x-death"]
    assert isinstance(deaths, list)
    assert [(one["reason"], one["queue"], one["count"]) for one in deaths] == [("delivery_limit", "q", 1)]


def test_what_expires_while_it_waits_is_a_dead_letter() -> None:
    arguments = {"x-message-ttl": 1500, "x-dead-letter-exchange": "", "x-dead-letter-routing-key": "dead"}
    client = start(Home(), **arguments)
    client.call(1, commands.Queue.Declare(queue="dead", durable=True))
    client.call(1, Basic.Consume(queue="q"))
    send(client, "x", exchange="")
    refuse(client, 1)
    client.broker.advance(1000)
    refuse(client, 2)
    client.take(1)
    client.broker.advance(2000)
    assert [one.name for one in client.take(1)] == [], "it is not delivered any more"
    deaths = headers_of(client.call(1, Basic.Get(queue="dead", no_ack=True))[-1])["x-death"]
    assert isinstance(deaths, list)
    assert [one["reason"] for one in deaths] == ["expired"]


def test_a_smaller_delivery_limit_counts() -> None:
    client = start(Home(), **{"x-delivery-limit": 1})
    send(client, "x", exchange="")
    refuse(client, fetch(client))
    client.broker.advance(1000)
    refuse(client, fetch(client))
    client.broker.advance(60_000)
    assert ready(client.broker) == 0
