"""python -m bench: runs scenarios against a brokerd of its own and any other brokers, in turn, and prints medians.

Must not: measure anything itself.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from bench import report
from bench.arithmetic import medians
from bench.brokers import Broker, own_broker, parse_broker, raise_file_limit
from bench.load import Figures
from bench.scenarios import ALL
from bench.scenarios.scenario import Scenario

Runs = dict[str, list[Figures]]


def _arguments(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__, epilog="scenarios: " + ", ".join(ALL))
    parser.add_argument("brokers", nargs="*", type=parse_broker, metavar="NAME=HOST:PORT:PID", help="another broker")
    parser.add_argument("--scenarios", nargs="+", choices=ALL, default=list(ALL), metavar="NAME", help="only these")
    parser.add_argument("--seconds", type=float, default=3.0, help="publishing time of each run (3)")
    parser.add_argument("--reps", type=int, default=3, help="runs of each scenario on each broker (3)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every run's figures")
    return parser.parse_args(argv)


def measure(scenario: Scenario, brokers: Sequence[Broker], seconds: float, reps: int) -> Runs:
    """All runs of a scenario, the brokers in turn (A B A B), so that the machine's moods hit all of them.

    A run that fails is reported and has no figures.
    """
    runs: Runs = {broker.name: [] for broker in brokers}
    for _ in range(reps):
        for broker in brokers:
            try:
                runs[broker.name].append(scenario.run(broker, seconds))
            except (RuntimeError, OSError) as error:
                print(f"bench: {scenario.name} on {broker.name}: {error}", file=sys.stderr)
    return runs


def main(argv: Sequence[str] | None = None) -> int:
    """Runs what is asked for. Returns: 0, or 1 where a run failed."""
    options = _arguments(sys.argv[1:] if argv is None else argv)
    raise_file_limit()
    results: dict[str, Runs] = {}
    with own_broker() as ours:
        brokers = [ours, *options.brokers]
        print(report.header([broker.name for broker in brokers]), flush=True)
        for scenario in (ALL[name] for name in options.scenarios):
            runs = results[scenario.name] = measure(scenario, brokers, options.seconds, options.reps)
            shown = {name: medians(figures) for name, figures in runs.items()}
            print(report.rows(scenario.title, scenario.shown, shown), flush=True)
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n")
    is_complete = all(len(figures) == options.reps for runs in results.values() for figures in runs.values())
    return 0 if is_complete else 1


if __name__ == "__main__":
    sys.exit(main())
