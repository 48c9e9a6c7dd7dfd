"""Transient messages of 100 bytes, one producer and one consumer."""

from bench.load import Load
from bench.scenarios.scenario import Scenario

SCENARIOS = [
    Scenario("transient-auto", "transient, auto-ack, 100 B"),
    Scenario("transient-acked", "transient, acked one by one, prefetch 100, 100 B", Load(prefetch=100)),
    Scenario(
        "transient-ids",
        "transient, each with a message-id of its own, confirms 500, acked one by one, prefetch 100, 100 B",
        Load(own_ids=True, confirms=500, prefetch=100),
    ),
]
