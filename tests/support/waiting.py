"""Waits for a condition with a deadline; the only place in the tests that may pause."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

PAUSE_SECONDS = 0.02

T = TypeVar("T")


def wait_until(condition: Callable[[], T], seconds: float = 20, what: str = "the condition") -> T:
    """Asks `condition` again and again until its answer is true, and returns that answer.

    Args: `seconds` is the longest wait, generous because it is only ever used up by a failure.
    Raises: TimeoutError naming `what` and the last answer.
    """
    deadline = time.monotonic() + seconds
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not come true in {seconds} s; last answer: {answer!r}")
        time.sleep(PAUSE_SECONDS)
