"""The clients' own suites do against Leveret what they do against RabbitMQ 3.10.8; needs a package registry once."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.suites.catalog import SUITES
from tests.suites.outcomes import Expectations, differences, read_expectations, read_outcomes
from tests.suites.runner import SuiteUnavailable, run_suite
from tests.support.brokers import running_brokerd

WHOLE_VARIABLE = "LEVERET_WHOLE_SUITES"
SECONDS_MAX = 1200


@pytest.mark.ours
@pytest.mark.timeout(SECONDS_MAX)
@pytest.mark.parametrize("name", SUITES)
def test_client_suite_does_what_it_does_against_rabbitmq(name: str) -> None:
    """Every test, in a broker of its own (the suites use fixed queue names); a missing registry skips, visibly."""
    suite = SUITES[name]
    quick = not os.environ.get(WHOLE_VARIABLE)
    with running_brokerd() as broker:
        try:
            run = run_suite(suite, broker.host, broker.port, quick=quick)
        except SuiteUnavailable as unavailable:
            pytest.skip(f"{name} cannot be fetched: {unavailable}")
    expected = read_expectations(suite.expectations)
    lines = differences(expected, run.outcomes, quick=quick)
    assert not lines, "\n".join([*lines, run.output])


@pytest.mark.parametrize("name", SUITES)
def test_expectation_file_names_a_reason_for_each_exception(name: str) -> None:
    expected = read_expectations(SUITES[name].expectations)
    assert 0 < expected.tests_quick <= expected.tests


def test_a_difference_is_reported_in_both_directions() -> None:
    expected = Expectations(4, 4, {"a::known": "failed", "a::wavers": "unsteady"})
    outcomes = {"a::known": "passed", "a::wavers": "failed", "a::new": "failed", "a::good": "passed"}
    assert differences(expected, outcomes, quick=False) == [
        "a::known: passed, expected failed",
        "a::new: failed, expected passed",
    ]


def test_a_test_that_did_not_run_is_a_difference() -> None:
    expected = Expectations(2, 1, {"a::gone": "skipped"})
    assert differences(expected, {"a::good": "passed"}, quick=False) == [
        "1 tests ran, expected 2",
        "a::gone: named in the expectations, did not run",
    ]
    assert differences(expected, {"a::good": "passed"}, quick=True) == []


def test_a_failing_teardown_outweighs_the_pass(tmp_path: Path) -> None:
    junit = tmp_path / "junit.xml"
    junit.write_text(
        '<testsuites><testsuite><testcase classname="a" name="b"/>'
        '<testcase classname="a" name="b"><error/></testcase></testsuite></testsuites>'
    )
    assert read_outcomes(junit) == {"a::b": "failed"}
