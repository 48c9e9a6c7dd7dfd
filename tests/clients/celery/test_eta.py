"""Tasks with an ETA: held at the broker by a policy, with no change in clients; and Celery's own delayed delivery."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from broker.cli.brokerctl import main
from tests.clients.celery.conftest import Setup
from tests.clients.celery.delayedapp import make_app
from tests.support.brokers import RunningBroker
from tests.support.celery_workers import celery_worker
from tests.support.waiting import wait_until

DELAYED_APP = "tests.clients.celery.delayedapp"
SECONDS = 30
TASKS = 12
COUNTDOWN_SECONDS = 2
EARLY_SECONDS = 0.05  # clocks of two processes, read one after the other

pytestmark = pytest.mark.ours


class Control:
    """brokerctl in a vhost; what it prints is read as JSON."""

    def __init__(self, broker: RunningBroker, vhost: str, capsys: pytest.CaptureFixture[str]) -> None:
        self._flags = ["--data-dir", str(broker.data_dir), "--json"]
        self._vhost = vhost
        self._capsys = capsys

    def __call__(self, command: str, *words: str):
        self._capsys.readouterr()
        assert main([*self._flags, command, "-p", self._vhost, *words]) == 0
        return json.loads(self._capsys.readouterr().out)

    def depth(self, queue: str) -> tuple[int, int, int]:
        """Ready, unacknowledged and held messages of a queue."""
        columns = ("messages_ready", "messages_unacknowledged", "messages_held")
        rows = self("list_queues", "name", *columns)
        return next(tuple(row[column] for column in columns) for row in rows if row["name"] == queue)


@pytest.fixture
def control(broker: RunningBroker, vhost: str, capsys: pytest.CaptureFixture[str]) -> Control:
    return Control(broker, vhost, capsys)


@pytest.fixture
def held(new_setup, control: Control) -> Iterator[Setup]:
    """An application whose main queue has the policy, before its worker has declared it."""
    setup = new_setup()
    control("set_policy", setup.queue, f"^{setup.queue}$", '{"hold-header": "eta"}', "--apply-to", "queues")
    yield setup
    control("clear_policy", setup.queue)


def test_workers_get_tasks_when_they_are_due_and_never_before(held: Setup, control: Control) -> None:
    with held.worker(concurrency=1) as worker:
        far = datetime.now(UTC) + timedelta(hours=1)
        late = [held.send("clock", eta=far) for _ in range(TASKS)]
        soon = held.send("clock", countdown=COUNTDOWN_SECONDS)
        not_before = time.time() + COUNTDOWN_SECONDS - EARLY_SECONDS
        assert held.send("add", 1, 2).get(timeout=SECONDS) == 3, "what has no ETA goes past them"
        assert soon.get(timeout=SECONDS) >= not_before - 1, "Celery's countdown begins before the task is sent"
        wait_until(lambda: control.depth(held.queue) == (0, 0, TASKS), SECONDS, "nothing but held tasks")
        seen = held.app.control.inspect(destination=[worker.hostname], timeout=10)
        assert seen.scheduled() == {worker.hostname: []}, "no task is hoarded"
        rows = [row for row in control("list_held") if row["queue"] == held.queue]
        assert {(row["reason"], row["task"]) for row in rows} == {("eta", "clock")}
        assert len(rows) == TASKS
        for row in rows:
            control("release_held", row["id"])
        assert all(one.get(timeout=SECONDS) for one in late), "what is let go runs at once"


def test_celerys_own_delayed_delivery_works(broker: RunningBroker, vhost: str, tmp_path: Path) -> None:
    queue = f"q-{uuid.uuid4().hex[:8]}"
    url = broker.url(vhost)
    app = make_app(url, queue)
    env = {"TEST_BROKER_URL": url, "TEST_QUEUE": queue}
    with celery_worker(DELAYED_APP, env=env, log_dir=tmp_path, queues=queue, concurrency=1) as worker:
        late = app.tasks["when"].apply_async(countdown=COUNTDOWN_SECONDS)
        sent_at = time.time()
        assert app.tasks["when"].apply_async().get(timeout=SECONDS), "what has no ETA goes past it"
        assert late.get(timeout=SECONDS) >= sent_at + COUNTDOWN_SECONDS - 1, "whole seconds, and the first has begun"
        assert "celery_delayed" not in worker.log() or "Failed" not in worker.log()
        answer = app.connection_for_read().channel().queue_declare("celery_delayed_1", passive=True)
        assert answer.message_count == 0, "it went through the queue of two seconds"
    app.close()
