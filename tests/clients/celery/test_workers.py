"""What happens between workers: redelivery after a crash, mingle, gossip, vhosts apart, beat."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.clients.celery.conftest import receiving
from tests.support.vhosts import own_vhost
from tests.support.waiting import wait_until

pytestmark = pytest.mark.xdist_group("celery-workers")
SECONDS = 30


def lines_of(path: str) -> list[str]:
    return Path(path).read_text().split() if Path(path).exists() else []


@pytest.mark.parametrize("pool", ["prefork", "threads"])
def test_a_killed_workers_task_goes_to_another(new_setup, names, pool):
    setup = new_setup()
    with setup.worker(name="first", pool=pool, concurrency=1) as first:
        result = setup.send("block", names("started"), names("release"))
        wait_until(lambda: len(lines_of(names("started"))) == 1, SECONDS, "the first start")
        with setup.worker(name="second", pool=pool, concurrency=1):
            first.kill_at_once()
            pids = wait_until(lambda: len(lines_of(names("started"))) == 2 and lines_of(names("started")), SECONDS)
            Path(names("release")).touch()
            assert result.get(timeout=SECONDS) == int(pids[1])
    assert pids[0] != pids[1]


def test_a_killed_pool_child_has_its_task_requeued(new_setup, names):
    """reject_on_worker_lost: the worker lives on and gives the task back to the broker."""
    setup = new_setup()
    with setup.worker(concurrency=1):
        result = setup.send("block", names("started"), names("release"))
        pid = wait_until(lambda: lines_of(names("started")), SECONDS, "the first start")[0]
        os.kill(int(pid), 9)
        wait_until(lambda: len(lines_of(names("started"))) == 2, SECONDS, "the second start")
        Path(names("release")).touch()
        assert result.get(timeout=SECONDS) == int(lines_of(names("started"))[1])


def test_mingle_and_gossip(new_setup):
    setup = new_setup()
    with setup.worker("-l", "DEBUG", name="first", concurrency=1, alone=False) as first:
        with setup.worker(name="second", concurrency=1, alone=False) as second:
            second.wait_for_log("mingle: sync with 1 nodes")
            second.wait_for_log("mingle: sync complete")
            first.wait_for_log(f"sync with {second.hostname}")
            answers = setup.app.control.ping(timeout=10, destination=[first.hostname, second.hostname])
            assert len(answers) == 2
        first.wait_for_log(f"{second.hostname} left")


def test_two_vhosts_never_see_each_other(broker, new_setup, names):
    """Same queue names in two vhosts: tasks, pings and events stay where they are."""
    with own_vhost(broker, "celery-other") as other_vhost:
        here = new_setup()
        there = new_setup(vhost=other_vhost, queue=here.queue)
        with here.worker(concurrency=1) as worker, receiving(there) as look:
            there.send("note", names("never"), "ran")
            assert here.send("add", 1, 1).get(timeout=SECONDS) == 2
            assert there.app.control.ping(timeout=0.5) == []
            assert here.app.control.ping(timeout=10, destination=[worker.hostname])
            assert [event for event in look() if event.get("hostname") == worker.hostname] == []
            with there.app.connection_for_read() as connection:
                assert connection.default_channel.queue_declare(here.queue, passive=True).message_count == 1
        assert lines_of(names("never")) == []


def test_beat_sends_a_periodic_task(new_setup):
    setup = new_setup(beat=True)
    with setup.worker(concurrency=1), setup.beat():
        wait_until(lambda: len(lines_of(setup.beat_file)) >= 3, SECONDS, "three periodic tasks")
