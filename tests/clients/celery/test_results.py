"""Tasks, canvas and routing with results over rpc://, on a prefork and on a threads worker."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from celery import chain, group

from tests.support.waiting import wait_until

pytestmark = pytest.mark.xdist_group("celery-results")
SECONDS = 30


@pytest.fixture(scope="module", params=["prefork", "threads"])
def worker(request, new_setup):
    """A worker for the main and the topic queue with one place, so that order can be told."""
    setup = new_setup()
    queues = f"{setup.queue},{setup.queue}.topic"
    with setup.worker(pool=request.param, concurrency=1, queues=queues) as running:
        setup.hostname = running.hostname
        yield setup


def await_depth(worker, queue: str, depth: int) -> None:
    with worker.app.connection_for_read() as connection:
        declare = connection.default_channel.queue_declare
        wait_until(lambda: declare(queue, passive=True).message_count == depth, SECONDS, f"{depth} waiting messages")


def test_delay_returns_the_result(worker):
    assert worker.app.tasks["add"].delay(2, 3).get(timeout=SECONDS) == 5


def test_many_tasks_return_their_own_results(worker):
    results = [worker.send("add", number, number) for number in range(50)]
    assert [result.get(timeout=SECONDS) for result in results] == [2 * number for number in range(50)]


def test_an_exception_comes_back(worker):
    with pytest.raises(ValueError, match="no such luck"):
        worker.send("fail", "no such luck").get(timeout=SECONDS)


def test_chain(worker):
    signature = worker.app.tasks["add"].s
    assert chain(signature(1, 2), signature(3), signature(4)).apply_async().get(timeout=SECONDS) == 10


def test_group(worker):
    signature = worker.app.tasks["add"].s
    results = group(signature(number, 1) for number in range(10)).apply_async()
    assert results.get(timeout=SECONDS) == list(range(1, 11))


def test_retry_with_countdown(worker, names):
    assert worker.send("flaky", names("tries"), 2).get(timeout=SECONDS) == 2
    assert Path(names("tries")).read_text().split() == ["0", "1", "2"]


def test_countdown_runs_no_earlier(worker):
    earliest = datetime.now(UTC) + timedelta(seconds=0.5)
    result = worker.send("add", 1, 1, countdown=0.5)
    assert result.get(timeout=SECONDS) == 2
    assert datetime.now(UTC) >= earliest


def test_tasks_with_eta_do_not_hold_up_others(worker):
    later = [worker.send("add", 1, number, countdown=300) for number in range(5)]
    assert worker.send("add", 4, 4).get(timeout=SECONDS) == 8
    worker.app.control.revoke([result.id for result in later])


def test_an_expired_task_does_not_run(worker, names):
    """Broker or worker drops it, whoever is first; the task behind it runs."""
    worker.send("note", names("never"), "ran", expires=datetime.now(UTC) - timedelta(seconds=1))
    assert worker.send("add", 2, 2).get(timeout=SECONDS) == 4
    assert not Path(names("never")).exists()


def test_a_task_expires_in_its_queue(worker, names):
    """Celery gives the message an expiration, so that the broker drops it where nobody fetches it."""
    queue = f"{worker.queue}.priority"
    worker.send("note", names("never"), "ran", queue=queue, expires=0.3)
    await_depth(worker, queue, 0)


def test_direct_routing(worker):
    came = worker.send("where_from", exchange=worker.queue, routing_key=worker.queue).get(timeout=SECONDS)
    assert (came["exchange"], came["routing_key"]) == (worker.queue, worker.queue)


def test_the_default_exchange_is_the_short_way(worker):
    came = worker.send("where_from").get(timeout=SECONDS)
    assert (came["exchange"], came["routing_key"]) == ("", worker.queue)


def test_topic_routing(worker):
    assert worker.send("topical", 1, 2).get(timeout=SECONDS) == 3
    key = {"exchange": f"{worker.queue}.topics", "routing_key": "sport.tennis"}
    assert worker.send("where_from", **key).get(timeout=SECONDS)["routing_key"] == "sport.tennis"


def test_priorities_come_highest_first(worker, names):
    queue = f"{worker.queue}.priority"
    for priority in (1, 9, 5, 0, 7):
        worker.send("note", names("order"), str(priority), queue=queue, priority=priority)
    await_depth(worker, queue, 5)  # what was sent on one connection may arrive after what was said on another
    worker.app.control.add_consumer(queue, destination=[worker.hostname], reply=True)

    def lines() -> list[str]:
        path = Path(names("order"))
        return path.read_text().split() if path.exists() else []

    assert wait_until(lambda: len(lines()) == 5 and lines(), SECONDS) == ["9", "7", "5", "1", "0"]
    worker.app.control.cancel_consumer(queue, destination=[worker.hostname], reply=True)
