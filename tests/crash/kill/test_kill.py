"""A broker that is killed with SIGKILL again and again keeps every promise it made.

`make test` runs a short trial; `LEVERET_CRASH=whole` (make test-crash) runs many. The moments of the kills come from a
seed, which a failure prints and `LEVERET_CRASH_SEED` sets; the processes' timing does not come from it.
"""

from __future__ import annotations

import os
import random
import shutil
from pathlib import Path

import pytest

from tests.crash.kill.history import Rule, check
from tests.crash.kill.trial import Trial
from tests.support.brokers import RestartableBroker

WHOLE = os.environ.get("LEVERET_CRASH") == "whole"
SEED_VARIABLE = "LEVERET_CRASH_SEED"
TRIALS = 10 if WHOLE else 1
KILLS_PER_TRIAL = 6 if WHOLE else 4
DONE_AT_LEAST = ("Confirmed", "CommitOk", "Delivered", "Settled")
TRIAL_SECONDS_MAX = 300

pytestmark = pytest.mark.ours


def base_seed() -> int:
    """The seed that was asked for, or else any: new moments are tried every time."""
    given = os.environ.get(SEED_VARIABLE)
    return int(given) if given else random.randrange(10**6)


@pytest.mark.timeout(TRIAL_SECONDS_MAX)
@pytest.mark.parametrize("number", range(TRIALS))
def test_every_promise_outlives_the_kills(number: int, tmp_path: Path) -> None:
    base = base_seed()
    with RestartableBroker(tmp_path) as broker:
        trial = Trial(broker, f"{base}/{number}")
        verdict = check(trial.run(KILLS_PER_TRIAL))
    story = "\n".join([f"{SEED_VARIABLE}={base}, trial {number}, files in {tmp_path}", *trial.steps, verdict.report()])
    broken = [violation for violation in verdict.violations if violation.rule is not Rule.MARKED]
    assert not broken, story
    assert not verdict.of(Rule.MARKED), f"every promise is kept, but marks are not exact\n{story}"
    assert all(verdict.counts[name] for name in DONE_AT_LEAST), f"too little was done to tell\n{story}"
    shutil.rmtree(tmp_path)
