"""Runs examples/celery as its README says: the worker with beat, then the producer, whose head promises the output."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pika
import pytest

from tests.clients.test_pika_examples import head_of, promises_of
from tests.support.brokers import RunningBroker
from tests.support.celery_workers import CeleryProcess, celery_process

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "examples" / "celery"
PRODUCER = FOLDER / "produce.py"
RUN_SECONDS_MAX = 100

pytestmark = pytest.mark.xdist_group("celery-example")


@pytest.fixture(scope="module")
def worker(broker: RunningBroker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CeleryProcess]:
    """The worker with beat, started by the words of app.py's head from the example's own folder."""
    env = {"BROKER_URL": broker.url()}
    words = ("worker", "-B", "-l", "INFO")
    with celery_process("app", *words, env=env, log_dir=tmp_path_factory.mktemp("example"), cwd=FOLDER) as running:
        running.wait_for_log(" ready.")
        yield running
    with pika.BlockingConnection(pika.URLParameters(broker.url())) as connection:
        channel = connection.channel()
        for queue in ("example.mail", "example.reports"):
            channel.queue_delete(queue)
        for exchange in ("example.direct", "example.topics"):
            channel.exchange_delete(exchange)


@pytest.mark.parametrize("turn", ["first", "again"])
def test_producer_prints_what_its_head_says(worker: CeleryProcess, broker: RunningBroker, turn: str) -> None:
    (promise,) = promises_of(head_of(PRODUCER))
    done = subprocess.run(
        [sys.executable, *promise.arguments],
        cwd=ROOT,
        env={**os.environ, "BROKER_URL": broker.url()},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=RUN_SECONDS_MAX,
        check=False,
    )
    assert done.stdout == promise.output, f"{turn} run; the worker wrote:\n{worker.log()}"
    assert done.returncode == 0


def test_beats_task_shows_in_the_log(worker: CeleryProcess) -> None:
    worker.wait_for_log("Scheduler: Sending due task every two seconds (app.tick)")
    worker.wait_for_log("Task app.tick[")


def test_heads_and_readme_name_the_same_commands() -> None:
    readme = (FOLDER / "README.md").read_text()
    (produce,) = promises_of(head_of(PRODUCER))
    (start,) = [line.strip() for line in head_of(FOLDER / "app.py").splitlines() if line.startswith("    $ ")]
    assert f"\npython {produce.arguments[0]}\n" in readme
    assert f"\n{start.removeprefix('$ ')}\n" in readme
