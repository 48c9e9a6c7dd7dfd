"""A million messages into a durable queue that nobody reads, and out again, on any broker."""

from __future__ import annotations

from bench.apart import Figures
from bench.brokers import Broker, rested
from bench.scenarios import filling
from bench.scenarios.scenario import Scenario
from bench.settings import Settings

WINDOW = 500
SHOWN = (
    "fill_rate", "fill_cpu_us", "drain_rate", "drain_cpu_us", "generator_cpu_us", "memory_rest_mb", "memory_full_mb",
    "memory_drained_mb",
)  # fmt: skip


def _fill_and_drain(broker: Broker, messages: int) -> Figures:
    rest_mb = filling.resident_mb(broker)
    filling.declare(broker, filling.QUEUE)
    try:
        filled = filling.fill(broker, messages, window=WINDOW)
        full_mb = filling.resident_mb(broker)
        drained = filling.drain(broker, messages, acked=True)
        return {
            "fill_rate": filled["rate"],
            "fill_cpu_us": filled["cpu_us"],
            "drain_rate": drained["rate"],
            "drain_cpu_us": drained["cpu_us"],
            "generator_cpu_us": drained["generator_cpu_us"],
            "memory_rest_mb": rest_mb,
            "memory_full_mb": full_mb,
            "memory_drained_mb": filling.resident_mb(broker),
        }
    finally:
        filling.delete(broker, filling.QUEUE)


def run(broker: Broker, settings: Settings) -> Figures:
    """Fills, then drains; ours is a fresh one."""
    with rested(broker, settings) as fresh:
        return _fill_and_drain(fresh, settings.depth)


SCENARIOS = [
    Scenario(
        "fill-drain",
        "1 million persistent messages, 100 B: filled with confirms 500, drained acked one by one, prefetch 500",
        shown=SHOWN,
        measure=run,
        reps=1,
        uses_disk=True,
    ),
]
