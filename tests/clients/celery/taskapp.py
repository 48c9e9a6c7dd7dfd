"""The Celery application that the tests' workers run; everything that varies comes from the environment.

TEST_BROKER_URL, TEST_RESULT_BACKEND and TEST_QUEUE (the worker's main queue; names of others begin with it).
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from celery import Celery
from kombu import Exchange, Queue

from tests.support.waiting import wait_until

BLOCK_SECONDS_MAX = 60
BEAT_SECONDS = 0.2


def make_app(broker_url: str, result_backend: str, queue: str) -> Celery:
    """An application with a main queue, a topic queue, a priority queue and a queue for beat's task."""
    made = Celery("leveret-tests", broker=broker_url, backend=result_backend, set_as_current=False)
    topic = Exchange(f"{queue}.topics", type="topic")
    made.conf.update(
        task_default_queue=queue,
        task_default_exchange=queue,
        task_default_routing_key=queue,
        task_queues=[
            Queue(queue, Exchange(queue, type="direct"), routing_key=queue),
            Queue(f"{queue}.topic", topic, routing_key="sport.#"),
            Queue(
                f"{queue}.priority",
                Exchange(queue, type="direct"),
                routing_key=f"{queue}.priority",
                queue_arguments={"x-max-priority": 10},
            ),
        ],
        task_routes={"topical": {"exchange": topic.name, "exchange_type": "topic", "routing_key": "sport.football.uk"}},
        beat_schedule={
            "often": {"task": "note", "schedule": BEAT_SECONDS, "args": (os.environ.get("TEST_BEAT_FILE", ""), "beat")}
        },
        result_chord_retry_interval=0.1,
        result_expires=600,
        broker_connection_retry_on_startup=True,
        worker_prefetch_multiplier=1,
        task_send_sent_event=True,
        worker_hijack_root_logger=False,
        beat_max_loop_interval=0.2,
    )
    _add_tasks(made)
    return made


def _add_tasks(made: Celery) -> None:
    made.task(add, name="add")
    made.task(total, name="total")
    made.task(add, name="topical")
    made.task(fail, name="fail")
    made.task(note, name="note")
    made.task(block, name="block", acks_late=True, reject_on_worker_lost=True)
    made.task(flaky, name="flaky", bind=True, max_retries=3)
    made.task(where_from, name="where_from", bind=True)
    made.task(clock, name="clock")


def add(x: int, y: int) -> int:
    return x + y


def total(numbers: list[int]) -> int:
    return sum(numbers)


def fail(text: str) -> None:
    raise ValueError(text)


def note(path: str, line: str) -> None:
    """Appends a line to a file: one write, so that lines of several processes never mix."""
    with Path(path).open("a") as file:
        file.write(line + "\n")


def block(started: str, release: str) -> int:
    """Notes this process's id in `started`, then waits for the file `release`."""
    note(started, str(os.getpid()))
    wait_until(Path(release).exists, BLOCK_SECONDS_MAX, f"the file {release}")
    return os.getpid()


def flaky(self, path: str, failures: int) -> int:
    """Fails and retries with a countdown until it has run `failures` times; returns the number of the last try."""
    note(path, str(self.request.retries))
    if self.request.retries < failures:
        raise self.retry(countdown=0.1)
    return self.request.retries


def where_from(self) -> dict[str, str]:
    """The exchange and routing key by which this task came."""
    return dict(self.request.delivery_info)


def clock() -> float:
    """The time at which it ran, in seconds since 1970."""
    return time.time()


app = make_app(
    os.environ.get("TEST_BROKER_URL", "amqp://guest:guest@127.0.0.1:5672//"),
    os.environ.get("TEST_RESULT_BACKEND", "rpc://"),
    os.environ.get("TEST_QUEUE", "celery-tests"),
)
