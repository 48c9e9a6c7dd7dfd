"""How long a message is on its way: alone, at a steady pace, and beside a connection at full speed."""

from bench.rig import Load
from bench.scenarios.scenario import CPU, GENERATOR_CPU, LATENCIES, MEMORY, RATE, Scenario

PACED = Load(kind="paced", rate=2000)
PACED_S = 4.0  # so that p99.9 has eight messages above it
SINCE_SENT = ("sent_p50_us", "sent_p99_us", "sent_p999_us")
BESIDE = (*LATENCIES, *SINCE_SENT, "beside_rate", MEMORY)

SCENARIOS = [
    Scenario(
        "flight", "one message in flight, 100 B", Load(kind="flight"), (RATE, CPU, GENERATOR_CPU, *LATENCIES, MEMORY)
    ),
    Scenario(
        "flight-confirmed",
        "one message confirmed at a time, consumed, acked, 100 B; latency of a confirm",
        Load(kind="publish", confirms=1, prefetch=100),
        (RATE, CPU, GENERATOR_CPU, *LATENCIES, MEMORY),
    ),
    Scenario(
        "paced", "paced 2,000/s alone, auto-ack, 100 B", PACED, (*LATENCIES, *SINCE_SENT, CPU, MEMORY), seconds=PACED_S
    ),
    Scenario(
        "paced-beside",
        "paced 2,000/s beside a pair at full speed, auto-ack, 100 B",
        PACED,
        BESIDE,
        beside=Load(),
        seconds=PACED_S,
    ),
    Scenario(
        "paced-beside-ids",
        "the same, every message of the full-speed pair with a message-id of its own",
        PACED,
        BESIDE,
        beside=Load(own_ids=True),
        seconds=PACED_S,
    ),
]
