"""Sends tasks to a Celery worker, one `delay()` after another."""

from __future__ import annotations

import time

from bench import processes
from bench.clients import celery_tasks
from bench.clients.phases import BATCH, for_seconds, read_request, tell, tell_started


def main() -> None:
    """Sends for the time asked for; figures are when it began, and its CPU time."""
    request = read_request()
    app = celery_tasks.application(request)
    noop, last = (app.tasks[f"{celery_tasks.NAME}.{name}"] for name in ("noop", "last"))

    def batch() -> None:
        for _ in range(BATCH):
            noop.delay()

    with app.connection_for_write() as connection:
        connection.ensure_connection()
    tell_started()
    broker_s, own_s, begun = processes.cpu_s(request.pids), time.process_time(), time.monotonic_ns()
    sent = for_seconds(request.seconds, batch)
    last.delay(sent)
    tell({"sent": sent, "begin_ns": begun, "cpu_s": time.process_time() - own_s, "broker_s": broker_s})


if __name__ == "__main__":
    main()
