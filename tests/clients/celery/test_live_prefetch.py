"""Celery and kombu change the prefetch of running consumers, and the broker has heard of it.

Kombu asks a RabbitMQ below 4.0 for the channel's shared limit; told of 4.x, it asks for each consumer's own, which a
RabbitMQ keeps for new consumers, so that prefetch would never change again. Both ways have to work.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from kombu import Connection, Consumer, Queue
from kombu.common import QoS

from tests.clients.celery.conftest import Setup
from tests.support.brokers import RunningBroker, running_brokerd
from tests.support.http import ask
from tests.support.waiting import wait_until

pytestmark = pytest.mark.ours
VERSIONS = {"3.13.7": True, "4.1.0": False}  # what the broker says, and whether kombu asks for the shared limit


@pytest.fixture(scope="module", params=VERSIONS)
def told(request: pytest.FixtureRequest) -> Iterator[tuple[RunningBroker, bool]]:
    with running_brokerd("--product-version", request.param, "--shutdown-timeout-s", "0") as broker:
        yield broker, VERSIONS[request.param]


def prefetches(broker: RunningBroker, queue: str) -> list[tuple[int, int]]:
    """What each consumer of the queue may have unacknowledged: its own limit, and its channel's (0: none)."""
    assert broker.data_dir is not None
    _, consumers = ask(broker.data_dir, "GET", "/api/consumers")
    _, channels = ask(broker.data_dir, "GET", "/api/channels")
    shared = {channel["name"]: channel["global_prefetch_count"] for channel in channels}
    return [
        (consumer["prefetch_count"], shared.get(consumer["channel_details"]["name"], 0))
        for consumer in consumers
        if consumer["queue"]["name"] == queue
    ]


def test_kombus_counter_reaches_the_broker(told: tuple[RunningBroker, bool]) -> None:
    broker, is_shared = told
    with Connection(broker.url()) as connection:
        channel = connection.default_channel
        assert (not connection.qos_semantics_matches_spec) is is_shared
        queue = Queue("kombu-live")(channel)
        queue.declare()
        with Consumer(channel, [queue], callbacks=[lambda *_: None]) as consumer:
            qos = QoS(lambda prefetch_count: consumer.qos(prefetch_count=prefetch_count, apply_global=is_shared), 2)
            seen = []
            for change in (lambda _: None, qos.increment_eventually, qos.decrement_eventually):
                change(3)
                qos.update()
                seen.append(max(prefetches(broker, queue.name)[0]))
        queue.delete()
    assert seen == [2, 5, 2]


def test_celerys_pool_and_its_waiting_tasks_take_the_prefetch_along(
    told: tuple[RunningBroker, bool], tmp_path: Path
) -> None:
    broker, is_shared = told
    if is_shared:
        pytest.skip("RabbitMQ's own way, which other tests have")
    setup = Setup(broker.url(), "rpc://", tmp_path, "live-celery")

    def prefetch() -> int:
        return max(map(max, prefetches(broker, setup.queue)), default=0)

    with setup.worker(concurrency=1) as worker:
        wait_until(lambda: prefetch() == 1, what="a prefetch of one")
        setup.app.control.pool_grow(2, destination=[worker.hostname], reply=True, timeout=20)
        setup.send("add", 1, 2)  # a worker tells the broker when its loop comes around
        wait_until(lambda: prefetch() == 3, what="a prefetch of three")
        later = setup.send("add", 3, 4, countdown=1)
        wait_until(lambda: prefetch() == 4, what="one more, for the task that waits in the worker")
        assert later.get(timeout=20) == 7
        wait_until(lambda: prefetch() == 3, what="a prefetch of three again")
    setup.close()
