"""How long a brokerd with very many waiting persistent messages takes to be there again, killed or stopped."""

from __future__ import annotations

import sys
import time

from bench.apart import Figures
from bench.brokers import Broker, Daemon, own_daemon
from bench.connection import Control
from bench.scenarios import filling
from bench.scenarios.scenario import Measure, Scenario
from bench.settings import Settings

READY_S_MAX = 60.0
SHOWN = (
    "waiting", "empty_ms", "killed_handshake_ms", "killed_ready_ms", "killed_there", "memory_killed_mb",
    "stop_ms", "stopped_handshake_ms", "stopped_ready_ms", "stopped_there", "memory_stopped_mb",
)  # fmt: skip


def _start(daemon: Daemon, wanted: int, name: str) -> Figures:
    """Starts it and asks for the queue until all messages are ready; no time for that where they are not there."""
    begun = time.monotonic()
    broker = daemon.start()
    control = Control(broker.host, broker.port)
    handshake_s = time.monotonic() - begun
    there = filling.await_depth(control, wanted, READY_S_MAX)
    ready_s = time.monotonic() - begun
    control.close()
    if there != wanted:
        print(f"bench: restart: {there} of {wanted} there, {name}", file=sys.stderr)
    return {
        f"{name}_handshake_ms": handshake_s * 1000,
        f"{name}_ready_ms": ready_s * 1000 if there == wanted else None,
        f"{name}_there": there,
        f"memory_{name}_mb": filling.resident_mb(broker),
    }


def _measure(unlike: bool) -> Measure:
    def run(broker: Broker, settings: Settings) -> Figures:
        if broker.daemon is None:
            return {}  # it is not ours to kill
        with own_daemon(settings) as daemon:
            return _restarts(daemon, settings.depth, unlike)

    return run


def _restarts(daemon: Daemon, messages: int, unlike: bool) -> Figures:
    begun = time.monotonic()
    broker = daemon.start()
    Control(broker.host, broker.port).close()
    empty_s = time.monotonic() - begun
    filling.declare(broker, filling.QUEUE)
    filling.fill(broker, messages, unlike)
    daemon.kill()
    killed = _start(daemon, messages, "killed")
    stop_s = daemon.stop()
    stopped = _start(daemon, messages, "stopped")
    return {"waiting": messages, "empty_ms": empty_s * 1000, **killed, "stop_ms": stop_s * 1000, **stopped}


SCENARIOS = [
    Scenario(
        f"restart-{name}", f"restart with a full durable queue, 100 B, {what}", shown=SHOWN, measure=_measure(unlike),
        reps=1, uses_disk=True, is_usual=not unlike,
    )
    for name, what, unlike in (
        ("equal", "all messages alike but for the body", False),
        ("unlike", "each with properties of its own as Celery's tasks have", True),
    )
]  # fmt: skip
