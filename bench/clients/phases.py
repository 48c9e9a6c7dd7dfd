"""What the client programs share: how long, how much CPU time of the broker and how much of their own a phase takes.

Must not: import a client library.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TextIO

from bench import processes
from bench.apart import STARTED, Figures
from bench.arithmetic import per_message_us

BATCH = 100  # messages between two looks at the clock
PREFETCH = 100


@dataclass(frozen=True)
class Request:
    """What a program is asked to do."""

    host: str
    port: int
    pids: list[int]  # the broker's
    queue: str
    seconds: float  # of publishing
    size_bytes: int = 100

    @property
    def url(self) -> str:
        """The broker's address as kombu and Celery take it."""
        return f"amqp://guest:guest@{self.host}:{self.port}//"


_out: TextIO = sys.stdout


def read_request() -> Request:
    """The request on stdin. From here on only `tell_started` and `tell` write to stdout, whatever a library prints."""
    global _out  # noqa: PLW0603
    _out = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return Request(**json.load(sys.stdin))


def tell_started() -> None:
    """Says that everything is set up."""
    print(STARTED, file=_out, flush=True)


def tell(figures: Figures) -> None:
    """Prints the figures."""
    print(json.dumps(figures), file=_out, flush=True)


def phase(name: str, pids: list[int], work: Callable[[], int]) -> Figures:
    """Does some work that returns how many messages it was; figures per message, named after the phase."""
    broker_s, own_s, begun = processes.cpu_s(pids), time.process_time(), time.monotonic()
    messages = work()
    elapsed_s, own_s = time.monotonic() - begun, time.process_time() - own_s
    after_s = processes.cpu_s(pids)
    spent_s = after_s - broker_s if after_s is not None and broker_s is not None else None
    return {
        f"{name}_messages": messages,
        f"{name}_rate": messages / elapsed_s,
        f"{name}_cpu_us": per_message_us(spent_s, messages),
        f"{name}_client_us": per_message_us(own_s, messages),
    }


def for_seconds(seconds: float, batch: Callable[[], None]) -> int:
    """Calls `batch`, which is BATCH messages, until time is up; returns how many messages that was."""
    until, count = time.monotonic() + seconds, 0
    while time.monotonic() < until:
        batch()
        count += BATCH
    return count
