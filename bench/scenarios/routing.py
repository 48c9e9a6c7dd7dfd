"""One producer, many queues: fanout and topic. Figures are per delivery."""

from bench.rig import Load
from bench.scenarios.scenario import Scenario

SCENARIOS = [
    Scenario("fanout", "fanout to 10 queues, auto-ack, 100 B, per delivery", Load(fanout=10)),
    *(
        Scenario(
            f"topic-{bindings}",
            f"topic, {bindings:,} bindings on 10 queues, as many routing keys in turn, auto-ack, 100 B",
            Load(topic_bindings=bindings),
        )
        for bindings in (200, 20_000)
    ),
]
