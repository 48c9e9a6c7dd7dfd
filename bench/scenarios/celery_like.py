"""Messages as Celery sends its tasks: a header table and ids of their own in each."""

from bench.rig import Load
from bench.scenarios.scenario import Scenario

SCENARIOS = [
    Scenario(
        "celery-like",
        "as Celery's tasks: 0.5 KB of properties, each with ids of its own, 1 KB, persistent, confirms 100, "
        "acked one by one, prefetch 16, 4 producers and 4 consumers on one queue",
        Load(sharing=4, size_bytes=1024, unlike=True, persistent=True, confirms=100, prefetch=16),
        uses_disk=True,
    ),
]
