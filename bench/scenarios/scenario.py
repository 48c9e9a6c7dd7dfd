"""What a scenario is. Must not: know a broker's name."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from bench.apart import Figures, sampled
from bench.brokers import Broker
from bench.load import start_apart
from bench.rig import Load
from bench.settings import Settings

BESIDE_LEAD_S = 0.5  # how long the load beside runs before and after
RATE, CPU, GENERATOR_CPU = "rate", "cpu_us", "generator_cpu_us"
MEMORY = "memory_peak_mb"
LATENCIES = ("p50_us", "p99_us", "p999_us")
THROUGHPUT = (RATE, CPU, GENERATOR_CPU, MEMORY)
Measure = Callable[[Broker, Settings], Figures]


@dataclass(frozen=True)
class Scenario:
    """One row group of the table.

    Either a `load`, with one `beside` it in another process if need be, or `measure`, which does it all itself.
    """

    name: str
    title: str
    load: Load = field(default_factory=Load)
    shown: tuple[str, ...] = THROUGHPUT
    beside: Load | None = None
    measure: Measure | None = None
    seconds: float = 2.0  # of publishing, and
    reps: int = 3  # runs, where the command line does not tell
    uses_disk: bool = False  # so that the disk's own rates belong beside it
    requires: str = ""  # a library that may be missing
    is_usual: bool = True  # runs where no scenario is named

    def obstacle(self) -> str:
        """Why it cannot run here; nothing where it can."""
        if self.requires and importlib.util.find_spec(self.requires) is None:
            return f"{self.requires} is not installed"
        return ""

    def run(self, broker: Broker, settings: Settings) -> Figures:
        """The figures of one run. Raises: RuntimeError, OSError or BrokerError where it failed."""
        if self.measure is not None:
            return self.measure(broker, settings)
        pids = broker.pids()
        if self.beside is None:
            return with_peak(replace(self.load, seconds=settings.seconds), broker, pids)
        return self._run_beside(broker, settings.seconds, pids)

    def _run_beside(self, broker: Broker, seconds: float, pids: list[int]) -> Figures:
        assert self.beside is not None
        beside = replace(self.beside, seconds=seconds + 2 * BESIDE_LEAD_S, prefix=f"{self.beside.prefix}-beside")
        other = start_apart(beside, broker.host, broker.port, [])
        try:
            other.wait_started()
            time.sleep(BESIDE_LEAD_S)
            figures = with_peak(replace(self.load, seconds=seconds), broker, pids)
            figures |= {"beside_rate": other.figures()["rate"], CPU: None}
        finally:
            other.stop()
        return figures


def with_peak(load: Load, broker: Broker, pids: list[int]) -> Figures:
    """Runs a load and adds the most memory that the broker took meanwhile."""
    figures, peak_mb = sampled(start_apart(load, broker.host, broker.port, pids), pids)
    return figures | {MEMORY: peak_mb}
