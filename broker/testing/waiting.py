"""Waits until something is seen, with a deadline and a text that says what was seen last.

Must not: be used where an event loop runs in the same thread; it would stand still.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final, TypeVar

from broker.testing.errors import WaitTimeoutError

T = TypeVar("T")
PAUSE_S: Final = 0.002  # between two looks, at first
PAUSE_S_MAX: Final = 0.02


def wait_for(look: Callable[[], T], is_it: Callable[[T], bool], timeout_s: float, what: Callable[[T], str]) -> T:
    """Looks until it is so; returns what was seen.

    Args: what says of something seen what was wanted and what was there.
    Raises: WaitTimeoutError.
    """
    deadline = time.monotonic() + timeout_s
    pause_s = PAUSE_S
    while True:
        seen = look()
        if is_it(seen):
            return seen
        if time.monotonic() >= deadline:
            raise WaitTimeoutError(f"after {timeout_s:g} s {what(seen)}")
        time.sleep(pause_s)
        pause_s = min(pause_s * 1.5, PAUSE_S_MAX)


def refuse_in_loop(method: str) -> None:
    """Raises RuntimeError where an event loop runs in this thread."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise RuntimeError(f"broker.{method}() would stop this event loop: use await broker.aio.{method}()")
