"""What a broker costs before it works: start-up time, memory at rest, per connection and per queue."""

import time
from collections.abc import Callable

from bench import processes
from bench.apart import Figures
from bench.brokers import Broker, rested, start_figures
from bench.connection import Control
from bench.frames import method, short, table
from bench.scenarios.scenario import Measure, Scenario
from bench.settings import Settings

CONNECTIONS = 1000
QUEUES = 10_000
SETTLE_S = 0.5  # a broker may do some of the work after it has answered
EXCLUSIVE = bytes([4])


def start(broker: Broker, settings: Settings) -> Figures:
    """Start-up, for a broker that the bench starts itself; for another one the memory that it takes now."""
    if broker.daemon is not None:
        return start_figures(settings)
    return {"idle_mb": processes.memory_mb(broker.pids())}


def _on_rested(measure: Callable[[Broker], Figures]) -> Measure:
    def run(broker: Broker, settings: Settings) -> Figures:
        with rested(broker, settings) as fresh:
            return measure(fresh)

    return run


def connections(broker: Broker) -> Figures:
    """Memory for idle connections with one channel each, and how many are opened in a second, one after another."""
    before = processes.memory_mb(broker.pids())
    begun = time.monotonic()
    opened: list[Control] = []
    try:
        for _ in range(CONNECTIONS):
            opened.append(Control(broker.host, broker.port))
        rate = CONNECTIONS / (time.monotonic() - begun)
        time.sleep(SETTLE_S)
        grown = _grown_mb(broker, before)
    finally:
        for control in opened:
            control.close()
    return {"connections_mb": grown, "rate": rate}


def queues(broker: Broker) -> Figures:
    """Memory for empty transient queues; exclusive ones, so that they vanish with their connection."""
    before = processes.memory_mb(broker.pids())
    control = Control(broker.host, broker.port)
    try:
        begun = time.monotonic()
        names = [short(f"leveret-bench-many-{at:05}") for at in range(QUEUES)]
        control.call_all([method(50, 10, b"\0\0" + name + EXCLUSIVE + table({})) for name in names], (50, 11))
        rate = QUEUES / (time.monotonic() - begun)
        time.sleep(SETTLE_S)
        return {"queues_mb": _grown_mb(broker, before), "rate": rate}
    finally:
        control.close()


def _grown_mb(broker: Broker, before: float | None) -> float | None:
    now = processes.memory_mb(broker.pids())
    return now - before if now is not None and before is not None else None


SCENARIOS = [
    Scenario("start", "start-up and memory at rest", shown=("start_ms", "idle_mb"), measure=start),
    Scenario(
        "connections", "1,000 idle connections", shown=("connections_mb", "rate"), measure=_on_rested(connections)
    ),
    Scenario("queues", "10,000 empty transient queues", shown=("queues_mb", "rate"), measure=_on_rested(queues)),
]
