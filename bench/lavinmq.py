"""An estimate of LavinMQ's CPU time per message where it cannot be installed: RabbitMQ's of this run, scaled.

LavinMQ 2.9.1 and RabbitMQ 3.10 were measured side by side on another machine with two cores, in broker CPU µs per
message. Must not: be taken for a measurement.
"""

from __future__ import annotations

from collections.abc import Mapping

from bench.apart import Figures

COLUMN = "LavinMQ, scaled"
RABBITMQ = "rabbitmq"  # has to take part under this name
FIGURE = "cpu_us"
MEASURED_US = {  # scenario: LavinMQ's and RabbitMQ's
    "transient-auto": (0.74, 7.0),
    "transient-acked": (1.0, 14.0),
    "durable-500-1-consumed": (2.9, 28.0),
    "flight-confirmed": (30.0, 77.0),
    "fanout": (0.57, 5.0),
}
NOTE = (
    f"{COLUMN}: not measured. It is RabbitMQ's broker CPU in this run times what LavinMQ 2.9.1 took of RabbitMQ 3.10's "
    "on another machine: "
    + ", ".join(f"{name} {ours:g}/{rabbit:g}" for name, (ours, rabbit) in MEASURED_US.items())
    + " µs."
)


def scaled(scenario: str, results: Mapping[str, Figures]) -> Figures:
    """The estimate for a scenario; nothing where it has no counterpart or RabbitMQ has no such figure."""
    rabbit_us = results.get(RABBITMQ, {}).get(FIGURE)
    if scenario not in MEASURED_US or rabbit_us is None:
        return {}
    ours, rabbit = MEASURED_US[scenario]
    return {FIGURE: rabbit_us * ours / rabbit}
