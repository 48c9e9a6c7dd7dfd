"""One producer, many queues: fanout and topic. Figures are per delivery."""

from bench.load import Load
from bench.scenarios.scenario import Scenario

SCENARIOS = [
    Scenario("fanout", "fanout to 10 queues, auto-ack, 100 B, per delivery", Load(fanout=10)),
    Scenario("topic", "topic, 200 bindings on 10 queues, auto-ack, 100 B", Load(topic_bindings=200)),
]
