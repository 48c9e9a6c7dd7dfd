"""Many connections at work at once."""

from bench.rig import Load
from bench.scenarios.scenario import Scenario

SCENARIOS = [
    Scenario(
        "many",
        "25 producers, 25 queues, 25 consumers, confirms 100, acked one by one, prefetch 100, 100 B",
        Load(pairs=25, confirms=100, prefetch=100),
    ),
]
