"""Every crash of recorded workloads: whatever was promised is there, whatever was never said is not."""

from __future__ import annotations

from random import Random

import pytest

from tests.crash.faults import IS_WHOLE
from tests.crash.faults.crashes import Crash, Crashes, ended
from tests.crash.faults.promise import Promise
from tests.crash.faults.run import Life, Run
from tests.crash.faults.workload import Workload
from tests.support.faulty_files import REMOVE, Call, FaultyFiles

STEPS = 200
SEEDS = range(40) if IS_WHOLE else range(3)
LIVES = range(200) if IS_WHOLE else range(12)
POWER_CUTS = 6 if IS_WHOLE else 2
SHARE = 1.0 if IS_WHOLE else 0.5


@pytest.mark.parametrize("seed", SEEDS)
def test_a_crash_at_every_call_keeps_the_promise(seed: int) -> None:
    files = FaultyFiles()
    run = Run(files)
    crashes = Crashes(files, run.promise, seed, POWER_CUTS, SHARE)
    crashes.now_ms = run.clock.now_ms()
    workload = Workload(run, seed)
    workload.steps(STEPS)
    run.commit()
    run.advance(5000)
    run.close()
    assert crashes.looked_at > STEPS / 2
    kinds = {call.kind for call in files.trace}
    assert REMOVE in kinds, "segments were deleted"
    assert len([call for call in files.trace if call.kind == "create" and call.name.endswith(".log")]) > 5


@pytest.mark.parametrize("seed", LIVES)
def test_one_life_after_another(seed: int) -> None:
    """Runs that end at some call, and go on with what is left of them; all that came back is promised again."""
    random = Random(seed)
    files, boot = FaultyFiles(), 1
    promise = Promise()
    for life in range(8):
        run = Run(files, boot=boot, promise=promise)
        Workload(run, seed * 100 + life).steps(random.randrange(5, 60))
        end = random.choice(("kill", "power", "close"))
        if end == "close":
            run.close()
        files, is_power_cut = ended(run, end, random.randrange(1000)) if end != "close" else (files.after_kill(), False)
        boot += is_power_cut
        again = Life(files, run.clock.now_ms(), boot)
        observed = again.observe()
        run.promise.check(observed, is_power_cut)
        files = again.files.after_kill()
        promise = Promise.of(observed, run.promise.last_stream)


@pytest.mark.parametrize("seed", SEEDS)
def test_crashes_while_the_log_comes_back(seed: int) -> None:
    """A crash at every call that a start makes, after crashes at some calls of a run."""
    files = FaultyFiles()
    run = Run(files)
    random = Random(seed)

    def crash(call: Call) -> None:
        if random.random() > 0.02:
            return
        is_power_cut = random.random() < 0.5
        left = files.after_power_cut(random.randrange(1000)) if is_power_cut else files.after_kill()
        crashes = Crashes(left, run.promise, seed, 1)
        crashes.is_after_power_cut, crashes.boot, crashes.now_ms = is_power_cut, 1 + is_power_cut, run.clock.now_ms()
        life = Life(left, run.clock.now_ms(), 1 + is_power_cut)
        life.advance(2000)
        run.promise.check(life.observe(), is_power_cut)
        assert crashes.looked_at, f"a start reaches the disk (after call {call.number})"

    files.on_call = crash
    Workload(run, 1000 + seed).steps(STEPS)


def test_the_same_workload_makes_the_same_calls() -> None:
    traces = []
    for _ in range(2):
        files = FaultyFiles()
        Workload(Run(files), 5).steps(60)
        traces.append([(call.kind, call.size) for call in files.trace])
    assert traces[0] == traces[1]


def test_a_folder_that_was_never_used_is_empty() -> None:
    Crash(Promise(), 0, 0, "nothing").check(FaultyFiles(), False)
