"""Persistent messages of 1 KB into durable queues, counted by their confirms, beside the disk's own rate of syncs."""

from __future__ import annotations

from dataclasses import replace

from bench import disk
from bench.apart import Figures
from bench.arithmetic import mean, ratio
from bench.brokers import Broker
from bench.rig import Load
from bench.scenarios.scenario import CPU, GENERATOR_CPU, LATENCIES, MEMORY, RATE, Measure, Scenario, with_peak
from bench.settings import Settings

WINDOWS = (1, 100, 500)
PRODUCERS = (1, 16)
SIZE_BYTES = 1024
DISK_S = 0.25  # of syncing before each run and after it: the disk has moods too
SHOWN = (RATE, "disk_syncs", "per_sync", CPU, GENERATOR_CPU, *LATENCIES, MEMORY)


def _beside_disk(load: Load) -> Measure:
    def run(broker: Broker, settings: Settings) -> Figures:
        before = disk.sync_rate(settings.folder, DISK_S)
        figures = with_peak(replace(load, seconds=settings.seconds), broker, broker.pids())
        syncs = mean([before, disk.sync_rate(settings.folder, DISK_S)])
        return figures | {"disk_syncs": syncs, "per_sync": ratio(figures["rate"], syncs)}

    return run


def _scenario(window: int, producers: int, prefetch: int = 0) -> Scenario:
    load = Load("publish", pairs=producers, size_bytes=SIZE_BYTES, persistent=True, confirms=window, prefetch=prefetch)
    who = f"{producers} producer{'s' * (producers > 1)}"
    consumer = "a consumer each, acked one by one" if prefetch else "nobody consumes"
    name = f"durable-{window}-{producers}" + "-consumed" * bool(prefetch)
    is_usual = window == WINDOWS[-1] or producers == 1
    title = f"durable publish, 1 KB, window {window}, {who}, {consumer}; latency of a confirm"
    return Scenario(name, title, shown=SHOWN, measure=_beside_disk(load), uses_disk=True, is_usual=is_usual)


SCENARIOS = [_scenario(window, producers) for window in WINDOWS for producers in PRODUCERS] + [
    _scenario(window, producers, prefetch=500) for window, producers in ((1, 1), (500, 1), (500, 16))
]
