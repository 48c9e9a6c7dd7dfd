"""The offline tools at every crash of a workload: they see what a start finds, and call no crash damage."""

from __future__ import annotations

from random import Random

import pytest

from storage.usage import usage
from storage.verify import DAMAGED, SEGMENT, FileReport, verify
from tests.crash.faults import IS_WHOLE
from tests.crash.faults.run import Life, Run
from tests.crash.faults.workload import Workload
from tests.support.faulty_files import Call, FaultyFiles

STEPS = 150
SEEDS = range(20) if IS_WHOLE else range(3)
SHARE = 1.0 if IS_WHOLE else 0.3


def damaged(files: FaultyFiles, is_in_use: bool) -> list[FileReport]:
    return [report for report in verify(files, is_in_use, _nobody) if report.state == DAMAGED]


def counts_as_a_start_does(files: FaultyFiles, started: FaultyFiles, now_ms: int, boot: int) -> int:
    """Compares what is counted with what a start on a copy of the same folder finds; returns how many wait."""
    found = usage(files, _nobody, boot)
    there = Life(started, now_ms, boot).observe().waiting
    counted = {one.stream: (one.messages, one.first) for one in found.streams if one.messages}
    assert counted == {stream: (len(numbers), min(numbers)) for stream, numbers in there.items() if numbers}
    waiting = sum(messages for messages, _ in counted.values())
    assert sum(segment.messages for segment in found.segments) == waiting
    assert all(segment.other_bytes >= 0 for segment in found.segments)
    return waiting


@pytest.mark.parametrize("seed", SEEDS)
def test_the_tools_at_every_call(seed: int) -> None:
    files = FaultyFiles()
    run = Run(files)
    random = Random(seed)
    looked_at: list[int] = []

    def look(call: Call) -> None:
        if random.random() >= SHARE:
            return
        name = f"call {call.number}: {call.kind} {call.name}"
        now_ms = run.clock.now_ms()
        assert not damaged(files.after_kill(), is_in_use=True), name
        assert not damaged(files.after_kill(), is_in_use=False), name
        looked_at.append(counts_as_a_start_does(files.after_kill(), files.after_kill(), now_ms, 1))
        cut = random.randrange(1000)
        for report in damaged(files.after_power_cut(cut), is_in_use=False):
            if report.kind == SEGMENT:  # garbled writes look like damage, which nothing durable may
                first = int(report.name.partition(".")[0]) + min(finding.start for finding in report.findings)
                assert first >= run.journal.durable, f"{name}, power {cut}: {report}"
        counts_as_a_start_does(files.after_power_cut(cut), files.after_power_cut(cut), now_ms, 2)

    files.on_call = look
    Workload(run, seed).steps(STEPS)
    assert len(looked_at) > STEPS * SHARE / 2
    assert max(looked_at) > 10


def _nobody(_: str) -> None:
    return None
