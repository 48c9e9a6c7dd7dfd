"""Persistent messages in a durable queue, with publisher confirms."""

from bench.rig import Load
from bench.scenarios.scenario import Scenario

SCENARIOS = [
    Scenario(
        "persistent",
        "persistent, confirms 500, acked one by one, prefetch 200, 100 B",
        Load(persistent=True, confirms=500, prefetch=200),
    ),
]
