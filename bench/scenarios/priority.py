"""A queue with priorities, all of them in use."""

from bench.rig import Load
from bench.scenarios.scenario import Scenario

SCENARIOS = [
    Scenario(
        "priority",
        "priority queue (max 10), confirms 500, acked one by one, prefetch 100, 100 B",
        Load(priority_max=10, confirms=500, prefetch=100),
    ),
]
