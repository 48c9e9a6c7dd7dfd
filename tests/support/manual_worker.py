"""A Worker whose work is done when the test says so. Must not: use a thread."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from tests.support.faulty_files import PowerCut

WORK_MAX = 10_000  # work that makes more work without an end
MISTAKES = (AssertionError, ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError)


class ManualWorker:
    """Keeps what is submitted, in order; power cuts and mistakes of the program end the run and are told to nobody."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[Callable[[], Any], Callable[[Any], None]]] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    def submit(self, work: Callable[[], Any], done: Callable[[Any], None]) -> None:
        """Takes a piece of work."""
        self._waiting.append((work, done))

    def run_one(self) -> bool:
        """Does the first piece; whether there was one."""
        if not self._waiting:
            return False
        work, done = self._waiting.popleft()
        try:
            outcome = work()
        except (PowerCut, *MISTAKES):
            self._waiting.clear()
            raise
        except BaseException as error:
            outcome = error
        done(outcome)
        return True

    def run_all(self) -> None:
        """Does everything, also what comes in meanwhile."""
        for _ in range(WORK_MAX):
            if not self.run_one():
                return
        raise AssertionError("the work has no end")

    def close(self) -> None:
        """Finishes what was submitted."""
        self.run_all()
