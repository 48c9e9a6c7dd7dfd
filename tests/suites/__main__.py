"""The command `python -m tests.suites --broker HOST:PORT [SUITE…]`; must hold no logic of its own."""

from __future__ import annotations

import argparse
import sys
import time

from tests.suites.catalog import SUITES
from tests.suites.outcomes import differences, read_expectations
from tests.suites.runner import SuiteUnavailable, run_suite


def main() -> int:
    """Runs the named suites (all by default); 0 when every test did what it does against RabbitMQ 3.10.8."""
    parser = argparse.ArgumentParser(prog="python -m tests.suites")
    parser.add_argument("--broker", metavar="HOST:PORT", required=True)
    parser.add_argument("--quick", action="store_true", help="only the selection that `make test` runs")
    parser.add_argument("--verbose", action="store_true", help="print the end of pytest's own output too")
    parser.add_argument("suites", nargs="*", metavar="SUITE", help=", ".join(SUITES))
    options = parser.parse_args()
    unknown = set(options.suites) - SUITES.keys()
    if unknown:
        parser.error(f"no such suite: {', '.join(sorted(unknown))}")
    host, _, port = options.broker.rpartition(":")
    good = [_run(name, host, int(port), options) for name in options.suites or SUITES]
    return 0 if all(good) else 1


def _run(name: str, host: str, port: int, options: argparse.Namespace) -> bool:
    suite = SUITES[name]
    started = time.monotonic()
    try:
        run = run_suite(suite, host, port, quick=options.quick)
    except (SuiteUnavailable, RuntimeError) as error:
        print(f"{name}: {error}")
        return False
    expected = read_expectations(suite.expectations)
    lines = differences(expected, run.outcomes, quick=options.quick)
    if options.verbose:
        print(run.output)
    counts = ", ".join(
        f"{list(run.outcomes.values()).count(outcome)} {outcome}" for outcome in ("passed", "failed", "skipped")
    )
    print(f"{name} {suite.version}: {counts}; {len(lines)} differences; {time.monotonic() - started:.0f} s")
    for line in lines:
        print(f"  {line}")
    return not lines


if __name__ == "__main__":
    sys.exit(main())
