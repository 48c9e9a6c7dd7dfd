"""A worker that a test drives by hand. Must not: do anything before it is told to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class HeldWorker:
    """A Worker whose work waits until the test lets it go, or says how it failed."""

    def __init__(self) -> None:
        self.waiting: list[tuple[Callable[[], Any], Callable[[Any], None]]] = []

    def submit(self, work: Callable[[], Any], done: Callable[[Any], None]) -> None:
        """Keeps the work."""
        self.waiting.append((work, done))

    def finish(self, failure: BaseException | None = None) -> None:
        """Does the oldest work, or lets it fail without doing it."""
        work, done = self.waiting.pop(0)
        done(work() if failure is None else failure)

    def close(self) -> None:
        """Does all that is left."""
        while self.waiting:
            self.finish()
