"""A Celery application, kombu and aio-pika on a broker in the same process, and the links between them cut."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import aio_pika
import kombu
import pytest
from celery import Celery
from celery.contrib.testing.worker import start_worker

from broker.testing import Broker

POLL_S = 0.01


@contextmanager
def worker(app: Celery) -> Iterator[None]:
    """A worker in a thread, which looks often whether it is to end; by itself it looks every ten seconds."""
    with start_worker(app, perform_ping_check=False, shutdown_timeout=15) as started:
        started.hub.call_repeatedly(POLL_S, lambda: None)
        yield


@pytest.fixture
def app(broker: Broker) -> Iterator[Celery]:
    app = Celery("shop", broker=broker.url, backend="cache+memory://")
    app.conf.update(
        broker_connection_retry_on_startup=True, broker_connection_max_retries=None, worker_hijack_root_logger=False,
        broker_transport_options={"interval_start": 0, "interval_step": 0, "confirm_publish": True},
    )  # fmt: skip
    app.task(add, name="add")
    yield app
    app.close()


def add(x: int, y: int) -> int:
    return x + y


def test_a_worker_takes_what_was_sent(app: Celery, broker: Broker) -> None:
    app.send_task("add", (2, 3))
    (message,) = broker.messages("celery")
    assert (message.headers["task"], message.json()[0]) == ("add", [2, 3])
    with worker(app):
        broker.wait_until_empty("celery")
        result = app.send_task("add", (4, 5))
        assert result.get(timeout=15, interval=POLL_S) == 9


def test_a_task_expires_by_the_brokers_clock(app: Celery, broker: Broker) -> None:
    broker.declare("celery")
    app.send_task("add", (1, 2), expiration=30)
    app.send_task("add", (3, 4))
    broker.clock.advance(31)
    assert [message.json()[0] for message in broker.messages("celery")] == [[3, 4]]


def test_a_worker_comes_back_after_a_cut(app: Celery, broker: Broker) -> None:
    with worker(app):
        broker.wait_for_consumers("celery")
        assert app.send_task("add", (1, 1)).get(timeout=15, interval=POLL_S) == 2
        assert broker.faults.cut_connections() > 0
        assert app.send_task("add", (2, 2)).get(timeout=15, interval=POLL_S) == 4
        broker.wait_for_consumers("celery")


def test_a_refused_task_is_an_error_to_its_sender(app: Celery, broker: Broker) -> None:
    broker.declare("celery")
    broker.faults.nack_confirms(1)
    with pytest.raises(kombu.exceptions.OperationalError):
        app.send_task("add", (1, 1), retry=False)
    assert broker.depth("celery") == 0
    app.send_task("add", (1, 1))
    assert broker.depth("celery") == 1


def test_kombu_publishes_again_after_a_cut(broker: Broker) -> None:
    with kombu.Connection(broker.url) as connection:
        queue = kombu.Queue("q", kombu.Exchange("e"), "k", channel=connection)
        queue.declare()
        producer = connection.Producer()
        producer.publish("one", exchange="e", routing_key="k")
        broker.faults.cut_connections()
        producer.publish("two", exchange="e", routing_key="k", retry=True, retry_policy={"interval_start": 0})
        broker.wait_for_depth("q", 2)


async def test_aio_pika_comes_back(broker: Broker) -> None:
    connection = await aio_pika.connect_robust(broker.url, reconnect_interval=0.01)
    async with connection:
        channel = await connection.channel()
        queue = await channel.declare_queue("q", durable=True)
        got: asyncio.Queue[bytes] = asyncio.Queue()

        async def take(message: aio_pika.abc.AbstractIncomingMessage) -> None:
            await message.ack()
            await got.put(message.body)

        await queue.consume(take)
        await broker.aio.wait_for_consumers("q")
        broker.faults.cut_connections()
        broker.publish("after the cut", "q")
        assert await asyncio.wait_for(got.get(), 10) == b"after the cut"
        await broker.aio.wait_until_empty("q")


async def test_aio_pika_sees_nacks(broker: Broker) -> None:
    async with await aio_pika.connect(broker.url) as connection:
        channel = await connection.channel()
        await channel.declare_queue("q")
        broker.faults.nack_confirms(3)
        publish = channel.default_exchange.publish
        results = await asyncio.gather(
            *(publish(aio_pika.Message(b"x"), "q") for _ in range(10)), return_exceptions=True
        )
        refused = [isinstance(result, aio_pika.exceptions.DeliveryError) for result in results]
        assert refused == [True] * 3 + [False] * 7
        assert broker.depth("q") == 7


def test_threads_use_one_broker(broker: Broker) -> None:
    broker.declare("q")
    threads = [threading.Thread(target=broker.wait_for_depth, args=("q", 20)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(20):
        broker.publish("x", "q")
    for thread in threads:
        thread.join()
