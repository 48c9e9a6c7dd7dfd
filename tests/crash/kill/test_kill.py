"""A broker that is killed with SIGKILL again and again keeps every promise it made.

`make test` runs a short trial; `LEVERET_CRASH=whole` (make test-crash) runs many. The moments of the kills come from a
seed, which a failure prints and `LEVERET_CRASH_SEED` sets; the processes' timing does not come from it.
"""

from __future__ import annotations

import os
import random
import shutil
from pathlib import Path
from typing import NoReturn

import pytest

from tests.crash.kill.history import Rule, Verdict, check
from tests.crash.kill.trial import Trial
from tests.support.brokers import RestartableBroker

WHOLE = os.environ.get("LEVERET_CRASH") == "whole"
SEED_VARIABLE = "LEVERET_CRASH_SEED"
TRIALS = 10 if WHOLE else 1
KILLS_PER_TRIAL = 6 if WHOLE else 4
DONE_AT_LEAST = ("Confirmed", "CommitOk", "Delivered", "Settled", "synced")
TRIAL_SECONDS_MAX = 300
LOG_LINES = 15

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
        failure = ""
        try:
            trial.run(KILLS_PER_TRIAL)
        except (AssertionError, OSError, RuntimeError) as error:
            failure = f"{type(error).__name__}: {error}"
    story = [f"{SEED_VARIABLE}={base}, trial {number}, files in {tmp_path}", *trial.steps]
    if failure:
        log = broker.log_path.read_text(errors="replace").splitlines()[-LOG_LINES:]
        _fail("the trial could not go on", failure, *story, "brokerd's last lines:", *log)
    _judge(check(trial.history), story)
    shutil.rmtree(tmp_path)


def _judge(verdict: Verdict, story: list[str]) -> None:
    marks = verdict.of(Rule.MARKED)
    if len(marks) < len(verdict.violations):
        _fail("promises were broken", *story, verdict.report())
    if marks:
        _fail("every promise is kept, but redelivered marks are not exact", *story, verdict.report())
    if not all(verdict.counts[name] for name in DONE_AT_LEAST):
        _fail("too little was done to tell", *story, verdict.report())


def _fail(*lines: str) -> NoReturn:
    pytest.fail("\n".join(lines), pytrace=False)
