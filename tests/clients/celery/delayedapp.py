"""An application whose queue is a quorum queue, so that Celery itself delays tasks, through celery_delayed_0 to 27.

TEST_BROKER_URL and TEST_QUEUE come from the environment.
"""

from __future__ import annotations

import os
import time

from celery import Celery
from kombu import Exchange, Queue


def make_app(broker_url: str, queue: str) -> Celery:
    """An application with a quorum queue on a topic exchange."""
    made = Celery("leveret-delayed", broker=broker_url, backend="rpc://", set_as_current=False)
    exchange = Exchange(queue, type="topic")
    made.conf.update(
        task_queues=[Queue(queue, exchange, routing_key=queue, queue_arguments={"x-queue-type": "quorum"})],
        task_default_queue=queue, task_default_exchange=queue, task_default_exchange_type="topic",
        task_default_routing_key=queue, broker_connection_retry_on_startup=True, worker_hijack_root_logger=False,
    )  # fmt: skip
    made.task(when, name="when")
    return made


def when() -> float:
    """The time at which it ran, in seconds since 1970."""
    return time.time()


app = make_app(
    os.environ.get("TEST_BROKER_URL", "amqp://guest:guest@127.0.0.1:5672//"),
    os.environ.get("TEST_QUEUE", "celery-delayed-tests"),
)
