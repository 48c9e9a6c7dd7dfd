"""Compares what each test did with what it does against RabbitMQ; must not run anything."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

WORST_FIRST = ("failed", "skipped", "passed")
UNSTEADY = "unsteady"


@dataclass(frozen=True)
class Expectations:
    """The outcomes other than "passed" of a suite against RabbitMQ, and how many tests it has."""

    tests: int
    tests_quick: int
    outcomes: dict[str, str]


def read_expectations(path: Path) -> Expectations:
    """Reads an expectation file: `tests`, `tests_quick`, and one `[[test]]` (id, outcome, reason) per exception.

    Raises: ValueError where an outcome is unknown or a reason is missing.
    """
    content = tomllib.loads(path.read_text())
    exceptions = content.get("test", [])
    for test in exceptions:
        if test["outcome"] not in (*WORST_FIRST, UNSTEADY) or not test["reason"]:
            raise ValueError(f"{path.name}: {test}")
    outcomes = {test["id"]: test["outcome"] for test in exceptions}
    tests, quick = content["tests"], content.get("tests_quick", content["tests"])
    return Expectations(tests, quick, outcomes)


def read_outcomes(junit: Path) -> dict[str, str]:
    """Reads pytest's JUnit file into test id → passed, failed or skipped; the worst counts for a name seen twice."""
    outcomes: dict[str, str] = {}
    for case in ElementTree.parse(junit).iter("testcase"):
        test_id = f"{case.get('classname')}::{case.get('name')}"
        outcome = _outcome(case)
        before = outcomes.get(test_id, outcome)
        outcomes[test_id] = min(before, outcome, key=WORST_FIRST.index)
    return outcomes


def _outcome(case: ElementTree.Element) -> str:
    if case.find("failure") is not None or case.find("error") is not None:
        return "failed"
    return "skipped" if case.find("skipped") is not None else "passed"


def differences(expected: Expectations, outcomes: dict[str, str], *, quick: bool) -> list[str]:
    """One line per test that did not do what it does against RabbitMQ; empty when all did."""
    lines = []
    for test_id, outcome in sorted(outcomes.items()):
        wanted = expected.outcomes.get(test_id, "passed")
        if wanted not in (outcome, UNSTEADY):
            lines.append(f"{test_id}: {outcome}, expected {wanted}")
    count = expected.tests_quick if quick else expected.tests
    if len(outcomes) != count:
        lines.append(f"{len(outcomes)} tests ran, expected {count}")
    if not quick:
        missing = sorted(expected.outcomes.keys() - outcomes.keys())
        lines.extend(f"{test_id}: named in the expectations, did not run" for test_id in missing)
    return lines
