"""A Celery application with a task that does nothing, and one that ends the measurement."""

from __future__ import annotations

from collections.abc import Callable

import celery

from bench.clients.phases import Request

NAME = "leveret_bench"
done = 0  # tasks in this process: the worker has one thread
on_last: Callable[[int], None] | None = None


def application(request: Request) -> celery.Celery:
    """The application on a broker; its defaults, but for results, which nobody wants, and the queue."""
    app = celery.Celery(NAME, broker=request.url)
    app.conf.update(task_ignore_result=True, task_default_queue=request.queue, worker_redirect_stdouts=False)
    app.task(noop, name=f"{NAME}.noop")
    app.task(last, name=f"{NAME}.last")
    return app


def noop() -> None:
    """Nothing but being counted."""
    global done  # noqa: PLW0603
    done += 1


def last(expected: int) -> None:
    """Comes after all others. Raises: RuntimeError where one of them is missing."""
    if on_last is None or done != expected:
        raise RuntimeError(f"{done} of {expected} tasks")
    on_last(done)
