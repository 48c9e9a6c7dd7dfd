"""A Celery worker with one thread that ends itself after the last task."""

from __future__ import annotations

import os
import signal
import time
import warnings

from celery.exceptions import SecurityWarning
from celery.signals import worker_ready

from bench import processes
from bench.clients import celery_tasks
from bench.clients.phases import read_request, tell, tell_started


def main() -> None:
    """Runs the worker; its figures are when it was done, and its CPU time from when it was ready."""
    warnings.simplefilter("ignore", SecurityWarning)  # it says so to root
    request = read_request()
    app = celery_tasks.application(request)
    begun_s = 0.0

    @worker_ready.connect(weak=False)
    def ready(**_: object) -> None:
        nonlocal begun_s
        begun_s = time.process_time()
        tell_started()

    def ended(tasks: int) -> None:
        spent_s = time.process_time() - begun_s
        tell(
            {"tasks": tasks, "end_ns": time.monotonic_ns(), "cpu_s": spent_s, "broker_s": processes.cpu_s(request.pids)}
        )
        os.kill(os.getpid(), signal.SIGTERM)

    celery_tasks.on_last = ended
    app.Worker(pool="threads", concurrency=1, loglevel="ERROR", quiet=True).start()


if __name__ == "__main__":
    main()
