"""Runs examples/celery as its README says: the worker with beat, then the producer, whose head promises the output."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pika

from tests.clients.test_pika_examples import head_of, promises_of
from tests.support.brokers import RunningBroker
from tests.support.celery_workers import CeleryProcess, celery_process

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "examples" / "celery"
PRODUCER = FOLDER / "produce.py"
RUN_SECONDS_MAX = 50


@contextmanager
def example_worker(broker: RunningBroker, log_dir: Path) -> Iterator[CeleryProcess]:
    """The worker with beat, started by the words of app.py's head from the example's own folder."""
    env = {"BROKER_URL": broker.url()}
    with celery_process("app", "worker", "-B", "-l", "INFO", env=env, log_dir=log_dir, cwd=FOLDER) as running:
        running.wait_for_log(" ready.")
        yield running
    with pika.BlockingConnection(pika.URLParameters(broker.url())) as connection:
        channel = connection.channel()
        for queue in ("example.mail", "example.reports"):
            channel.queue_delete(queue)
        for exchange in ("example.direct", "example.topics"):
            channel.exchange_delete(exchange)


def produced(broker: RunningBroker, arguments: list[str]) -> str:
    """What a run of the producer prints."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**os.environ, "BROKER_URL": broker.url()},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=RUN_SECONDS_MAX,
        check=False,
    )
    return done.stdout


def test_worker_and_producer_do_what_their_heads_say(broker: RunningBroker, tmp_path: Path) -> None:
    """One test, since worker and queues have fixed names; the producer runs twice, since it leaves nothing behind."""
    (promise,) = promises_of(head_of(PRODUCER))
    with example_worker(broker, tmp_path) as worker:
        for _ in range(2):
            assert produced(broker, promise.arguments) == promise.output, worker.log()
        worker.wait_for_log("Scheduler: Sending due task every two seconds (app.tick)")
        worker.wait_for_log("Task app.tick[")


def test_heads_and_readme_name_the_same_commands() -> None:
    readme = (FOLDER / "README.md").read_text()
    (produce,) = promises_of(head_of(PRODUCER))
    (start,) = [line.strip() for line in head_of(FOLDER / "app.py").splitlines() if line.startswith("    $ ")]
    assert f"\npython {produce.arguments[0]}\n" in readme
    assert f"\n{start.removeprefix('$ ')}\n" in readme
