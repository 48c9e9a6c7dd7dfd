"""The promises of workers; invariants of `storage/worker.py`."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

import pytest

from storage.worker import InlineWorker, ThreadWorker

SECONDS_MAX = 20.0


class Loop:
    """Stands for an event loop: callbacks wait until the test runs them in its own thread."""

    def __init__(self) -> None:
        self.calls: SimpleQueue[tuple[Callable[..., object], tuple[Any, ...]]] = SimpleQueue()

    def call_soon_threadsafe(self, callback: Callable[..., object], *arguments: object) -> None:
        self.calls.put((callback, arguments))

    def run(self, count: int) -> None:
        for _ in range(count):
            callback, arguments = self.calls.get(timeout=SECONDS_MAX)
            callback(*arguments)


def fail() -> int:
    raise OSError("disk on fire")


def test_the_inline_worker_does_it_at_once() -> None:
    told: list[object] = []
    worker = InlineWorker()
    worker.submit(lambda: 1, told.append)
    worker.submit(fail, told.append)
    assert told[0] == 1
    assert isinstance(told[1], OSError)
    worker.close()
    with pytest.raises(AssertionError):
        worker.submit(lambda: 1, told.append)


def test_the_thread_does_it_in_order_and_tells_the_loop() -> None:  # invariants 1 and 2
    loop, told, threads = Loop(), list[object](), list[threading.Thread]()
    worker = ThreadWorker(loop.call_soon_threadsafe)

    def done(result: object) -> None:
        told.append(result)
        threads.append(threading.current_thread())

    for number in range(50):
        worker.submit(lambda number=number: number, done)  # type: ignore[misc]
    worker.submit(fail, done)
    worker.submit(threading.current_thread, done)
    assert told == [], "not from submit"
    loop.run(52)
    worker.close()
    assert told[:50] == list(range(50))
    assert isinstance(told[50], OSError)
    assert told[51] is not threading.current_thread()
    assert set(threads) == {threading.current_thread()}


def test_closing_finishes_what_was_submitted() -> None:  # invariant 3
    loop, finished = Loop(), list[int]()
    worker = ThreadWorker(loop.call_soon_threadsafe)
    gate = threading.Event()
    worker.submit(lambda: gate.wait(SECONDS_MAX), lambda _: None)
    worker.submit(lambda: finished.append(1), lambda _: None)
    gate.set()
    worker.close()
    worker.close()
    assert finished == [1]
    with pytest.raises(AssertionError):
        worker.submit(lambda: 1, lambda _: None)


def test_a_loop_that_has_closed_ends_nothing_else() -> None:
    finished: list[int] = []

    def closed(*_: object) -> None:
        raise RuntimeError("Event loop is closed")

    worker = ThreadWorker(closed)
    worker.submit(lambda: finished.append(1), lambda _: None)
    worker.submit(lambda: finished.append(2), lambda _: None)
    worker.close()
    assert finished == [1, 2]
