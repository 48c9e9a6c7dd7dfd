"""Remote control, events and purge, on one shared worker."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from celery.exceptions import TaskRevokedError

from tests.clients.celery.conftest import APP, receiving
from tests.support.celery_workers import ROOT
from tests.support.waiting import wait_until

pytestmark = pytest.mark.xdist_group("celery-control")
SECONDS = 30


@pytest.fixture(scope="module")
def worker(new_setup):
    setup = new_setup()
    with setup.worker(concurrency=1) as running:
        setup.hostname = running.hostname
        yield setup


@pytest.fixture
def busy(worker, names):
    """A task that runs until the test ends (or creates the file itself)."""
    result = worker.send("block", names("started"), names("release"))
    wait_until(Path(names("started")).exists, SECONDS, "the blocking task")
    yield result
    Path(names("release")).touch()
    result.get(timeout=SECONDS)


def ask(worker, question: str) -> object:
    """One answer of the shared worker to `inspect question`."""
    answer = getattr(worker.app.control.inspect(destination=[worker.hostname], timeout=10), question)()
    return answer[worker.hostname]


def test_ping(worker):
    assert ask(worker, "ping") == {"ok": "pong"}


def test_ping_by_command_line(worker):
    """As a person would: `celery inspect ping` is a process of its own and finds every worker of the vhost."""
    done = subprocess.run(
        [sys.executable, "-m", "celery", "-A", APP, "inspect", "ping", "-d", worker.hostname, "-t", "10"],
        cwd=ROOT,
        env={"PATH": "", **worker.env},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert f"{worker.hostname}: OK" in done.stdout
    assert "1 node online" in done.stdout


def test_active(worker, busy):
    assert [task["id"] for task in ask(worker, "active")] == [busy.id]


def test_registered(worker):
    assert {"add", "block", "note"} <= set(ask(worker, "registered"))


def test_scheduled(worker):
    result = worker.send("add", 1, 1, countdown=300)
    wait_until(lambda: [item["request"]["id"] for item in ask(worker, "scheduled")] == [result.id], SECONDS)
    worker.app.control.revoke(result.id, destination=[worker.hostname], reply=True)


def test_active_queues(worker):
    assert [queue["name"] for queue in ask(worker, "active_queues")] == [worker.queue]


def test_rate_limit(worker):
    answer = worker.app.control.rate_limit("add", "100/s", destination=[worker.hostname], reply=True, timeout=10)
    assert answer == [{worker.hostname: {"ok": "new rate limit set successfully"}}]
    assert worker.send("add", 1, 1).get(timeout=SECONDS) == 2


def test_revoke_a_waiting_task(worker, names):
    first = worker.send("block", names("started"), names("release"))
    wait_until(Path(names("started")).exists, SECONDS, "the blocking task")
    second = worker.send("note", names("never"), "ran")
    worker.app.control.revoke(second.id, destination=[worker.hostname], reply=True, timeout=10)
    Path(names("release")).touch()
    assert first.get(timeout=SECONDS)
    with pytest.raises(TaskRevokedError):
        second.get(timeout=SECONDS)
    assert not Path(names("never")).exists()


def test_revoke_and_terminate_a_running_task(worker, names):
    result = worker.send("block", names("started"), names("release"))
    wait_until(Path(names("started")).exists, SECONDS, "the blocking task")
    worker.app.control.revoke(result.id, terminate=True, signal="SIGKILL", destination=[worker.hostname])
    with pytest.raises(TaskRevokedError):
        result.get(timeout=SECONDS)
    assert worker.send("add", 5, 5).get(timeout=SECONDS) == 10


def test_events_reach_a_receiver(worker):
    with receiving(worker) as look:
        result = worker.send("add", 1, 1)
        wanted = {"task-sent", "task-received", "task-started", "task-succeeded"}
        wait_until(lambda: wanted <= {event["type"] for event in look() if event.get("uuid") == result.id}, SECONDS)
        assert result.get(timeout=SECONDS) == 2


def test_heartbeat_events_come_by_themselves(worker):
    with receiving(worker) as look:
        wait_until(
            lambda: any(
                event["type"] == "worker-heartbeat" and event["hostname"] == worker.hostname for event in look()
            ),
            SECONDS,
        )


def test_purge(worker, names):
    """Purging takes what waits, not what runs."""
    first = worker.send("block", names("started"), names("release"))
    wait_until(Path(names("started")).exists, SECONDS, "the blocking task")
    for _ in range(5):
        worker.send("note", names("never"), "ran")
    assert wait_until(worker.app.control.purge, SECONDS) == 5
    Path(names("release")).touch()
    assert first.get(timeout=SECONDS)
    assert worker.send("add", 1, 2).get(timeout=SECONDS) == 3
    assert not Path(names("never")).exists()


def test_shutdown(new_setup):
    setup = new_setup()
    with setup.worker(concurrency=1) as running:
        setup.app.control.shutdown(destination=[running.hostname])
        assert running.process.wait(SECONDS) == 0
