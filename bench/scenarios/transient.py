"""Transient messages, one producer and one consumer: small to large, alike and each with an id of its own."""

from bench.rig import Load
from bench.scenarios.scenario import Scenario

SIZES = {16: "16 B", 100: "100 B", 1024: "1 KB", 10_240: "10 KB", 102_400: "100 KB"}  # in bytes
USUAL_BYTES = 100  # has no size in its name
RARE_BYTES = 10_240  # runs only where it is asked for


def _of_size(size_bytes: int, acked: bool) -> Scenario:
    name = "transient-acked" if acked else "transient-auto"
    title = "acked one by one, prefetch 100" if acked else "auto-ack"
    return Scenario(
        name if size_bytes == USUAL_BYTES else f"{name}-{size_bytes}",
        f"transient, {title}, {SIZES[size_bytes]}",
        Load(prefetch=100 * acked, size_bytes=size_bytes),
        is_usual=size_bytes != RARE_BYTES,
    )


SCENARIOS = [
    *(_of_size(size_bytes, acked) for size_bytes in SIZES for acked in (False, True)),
    Scenario(
        "transient-ids",
        "transient, each with a message-id of its own, confirms 500, acked one by one, prefetch 100, 100 B",
        Load(own_ids=True, confirms=500, prefetch=100),
    ),
]
