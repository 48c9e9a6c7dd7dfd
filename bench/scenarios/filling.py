"""What the scenarios with a full queue share: filling one, draining part of it, counting what is there.

Must not: judge a figure.
"""

from __future__ import annotations

import time
from contextlib import suppress

from bench import processes
from bench.apart import Figures
from bench.brokers import Broker
from bench.connection import BrokerError, Control
from bench.load import run_apart
from bench.rig import BLOCK_MESSAGES, Load, queue_name

PREFIX = "leveret-bench-full"
QUEUE, STRAGGLERS = queue_name(PREFIX, 0), queue_name(PREFIX, 1)
WINDOW = 2000
PREFETCH = 500
SETTLE_S = 0.5  # a broker may do some of the work after it has answered
POLL_S = 0.002


def declare(broker: Broker, *queues: str) -> None:
    """Makes durable queues that are empty."""
    control = Control(broker.host, broker.port)
    for queue in queues:
        control.declare(queue, durable=True)
    control.close()


def delete(broker: Broker, *queues: str) -> None:
    """Deletes queues, there or not; nothing where the broker is gone."""
    with suppress(OSError, BrokerError):
        control = Control(broker.host, broker.port)
        for queue in queues:
            control.delete(queue)
        control.close()


def fill(
    broker: Broker, messages: int, unlike: bool = False, size_bytes: int = 100, straggler_every: int = 0,
    window: int = WINDOW,
) -> Figures:  # fmt: skip
    """Publishes persistent messages with confirms; each straggler goes to a queue of its own."""
    load = Load(
        "publish", PREFIX, persistent=True, confirms=window, keeps=True, messages=messages, unlike=unlike,
        size_bytes=size_bytes, straggler_every=straggler_every,
    )  # fmt: skip
    return run_apart(load, broker.host, broker.port, broker.pids())


def drain(
    broker: Broker, messages: int, acked: bool, first: int = 0, unlike: bool = False,
    size_bytes: int = 100, straggler_every: int = 0,
) -> Figures:  # fmt: skip
    """Consumes at least `messages` of those that `fill` left, after the `first`; figure `messages`: how many it was."""
    load = Load(
        "drain", PREFIX, persistent=True, prefetch=PREFETCH if acked else 0, keeps=True, messages=messages,
        first=first % BLOCK_MESSAGES, unlike=unlike, size_bytes=size_bytes, straggler_every=straggler_every,
    )  # fmt: skip
    return run_apart(load, broker.host, broker.port, broker.pids())


def depth(broker: Broker) -> int | None:
    """How many messages are ready in the full queue; None where it is not there."""
    control = Control(broker.host, broker.port)
    try:
        return control.depth(QUEUE)
    finally:
        control.close()


def await_depth(control: Control, wanted: int, deadline_s: float) -> int:
    """Asks until `wanted` messages are ready or time is up, on a channel that is gone afterwards; returns how many."""
    until = time.monotonic() + deadline_s
    while (count := control.depth(QUEUE)) != wanted and count is not None and time.monotonic() < until:
        time.sleep(POLL_S)
    return count or 0


def resident_mb(broker: Broker) -> float | None:
    """The broker's memory, a moment after what it was asked last."""
    time.sleep(SETTLE_S)
    return processes.memory_mb(broker.pids())
