"""python -m bench: runs scenarios against a brokerd of its own and any other brokers, in turn, and prints medians.

Must not: measure anything itself.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bench import disk, lavinmq, plot, report, self_test
from bench.apart import Figures
from bench.arithmetic import medians
from bench.brokers import Broker, own_broker, parse_broker, raise_file_limit
from bench.connection import BrokerError
from bench.scenarios import FAMILIES, NAMES, select
from bench.scenarios.scenario import Scenario
from bench.settings import Settings

Runs = dict[str, list[Figures]]
DISK_S = 1.0  # of syncing
SELF_TEST_S = 1.0  # of each run
DISK_SHOWN = ("disk_syncs", "disk_write_mb")


def _arguments(argv: Sequence[str]) -> argparse.Namespace:
    families = "; ".join(f"{name}: {', '.join(s.name for s in family)}" for name, family in FAMILIES.items())
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__, epilog=f"scenarios: {families}")
    add = parser.add_argument
    add("brokers", nargs="*", type=parse_broker, metavar="NAME=HOST:PORT:PID:DATA_FOLDER", help="another broker")
    add(
        "--scenarios",
        nargs="+",
        choices=NAMES,
        default=[],
        metavar="NAME",
        help="these, families or all; else the usual ones",
    )
    add("--seconds", type=float, help="publishing time of each run (2; paced and celery: 4)")
    add("--reps", type=int, help="runs of each scenario on each broker (3; depth, restart, space: 1)")
    add("--json", type=Path, metavar="FILE", help="write every run's figures")
    add("--plot", type=Path, metavar="FILE", help="draw the medians as FILE.svg, .png or .pdf (needs matplotlib)")
    add("--depth", type=int, default=Settings.depth, help="messages in the full queues of depth and restart (1000000)")
    add("--segment-bytes", type=int, default=Settings.segment_bytes, help="segments of space (4194304)")
    add("--self-test", action="store_true", help="measure the load itself, without any broker")
    folder = Path(tempfile.gettempdir())
    add("--folder", type=Path, default=folder, help=f"where the data folders are made, on the disk to use ({folder})")
    add("--brokerd", action="append", default=[], metavar="FLAG", help="for brokerd, as in --brokerd=--fsync=never")
    options = parser.parse_args(argv)
    if options.plot and importlib.util.find_spec(plot.LIBRARY) is None:
        parser.error(f"--plot needs {plot.LIBRARY}: it is in the extra bench")
    return options


def measure(scenario: Scenario, brokers: Sequence[Broker], settings: Settings, reps: int) -> Runs:
    """All runs of a scenario, the brokers in turn (A B A B), so that the machine's moods hit all of them.

    A run that fails is reported and has no figures.
    """
    runs: Runs = {broker.name: [] for broker in brokers}
    if obstacle := scenario.obstacle():
        print(f"bench: {scenario.name}: n/a, because {obstacle}", file=sys.stderr)
        return runs
    for _ in range(reps):
        for broker in brokers:
            try:
                runs[broker.name].append(scenario.run(broker, settings))
            except (RuntimeError, OSError, BrokerError) as error:
                print(f"bench: {scenario.name} on {broker.name}: {error}", file=sys.stderr)
    return runs


class Table:
    """The table as it is printed, a scenario at a time, and the figures behind it."""

    def __init__(self, names: Sequence[str]) -> None:
        self.results: dict[str, Runs] = {}
        self.medians: dict[str, dict[str, Figures]] = {}  # by scenario and broker
        self._names = list(names)
        self._is_scaled = lavinmq.RABBITMQ in names
        print(report.header([*names, lavinmq.COLUMN] if self._is_scaled else names), flush=True)

    def add(self, scenario: Scenario, runs: Runs) -> None:
        """Prints the medians of a scenario's runs."""
        self.results[scenario.name] = runs
        self.medians[scenario.name] = medians_of = {name: medians(figures) for name, figures in runs.items()}
        if self._is_scaled:
            medians_of[lavinmq.COLUMN] = lavinmq.scaled(scenario.name, medians_of)
        obstacle = scenario.obstacle()
        title = f"{scenario.title} (n/a: {obstacle})" if obstacle else scenario.title
        print(report.rows(title, scenario.shown, medians_of), flush=True)

    def add_disk(self, when: str, settings: Settings) -> None:
        """Measures the disk and prints that; it is the same one for all brokers, or so the reader has to see to."""
        figures = disk.figures(settings.folder, DISK_S)
        self.results[f"disk {when}"] = {"disk": [figures]}
        columns: dict[str, Figures] = dict.fromkeys(self._names, figures)
        if self._is_scaled:
            columns[lavinmq.COLUMN] = {}
        print(report.rows(f"the disk itself, {when}", DISK_SHOWN, columns), flush=True)

    def end(self) -> None:
        """Prints what has to be said below it."""
        if self._is_scaled:
            print(f"\n{lavinmq.NOTE}", flush=True)


def _measure_all(options: argparse.Namespace, settings: Settings) -> tuple[Table, bool]:
    """Runs the scenarios and prints the table; also returns whether no run failed."""
    is_complete = True
    scenarios = select(options.scenarios)
    has_disk = any(scenario.uses_disk for scenario in scenarios)
    with own_broker(settings) as ours:
        brokers = [ours, *options.brokers]
        table = Table([broker.name for broker in brokers])
        if has_disk:
            table.add_disk("before", settings)
        for scenario in scenarios:
            reps = options.reps or scenario.reps
            runs = measure(scenario, brokers, replace(settings, seconds=options.seconds or scenario.seconds), reps)
            is_complete &= bool(scenario.obstacle()) or all(len(figures) == reps for figures in runs.values())
            table.add(scenario, runs)
        if has_disk:
            table.add_disk("after", settings)
    table.end()
    return table, is_complete


def main(argv: Sequence[str] | None = None) -> int:
    """Runs what is asked for. Returns: 0, or 1 where a run failed."""
    options = _arguments(sys.argv[1:] if argv is None else argv)
    raise_file_limit()
    if options.self_test:
        return 0 if self_test.run(options.seconds or SELF_TEST_S) else 1
    settings = Settings(
        folder=options.folder, depth=options.depth, segment_bytes=options.segment_bytes, flags=tuple(options.brokerd)
    )
    table, is_complete = _measure_all(options, settings)
    if options.json:
        options.json.write_text(json.dumps(table.results, indent=1) + "\n")
    if options.plot:
        plot.draw(table.medians, options.plot)
    return 0 if is_complete else 1


if __name__ == "__main__":
    sys.exit(main())
