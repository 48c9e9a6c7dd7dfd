"""Runs the core of these tests inside an environment that has Celery 5.3 and its kombu, against the same broker."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path

import pytest

from tests.support.brokers import EXTERNAL_VARIABLE, RunningBroker
from tests.support.celery53 import ROOT, prepare
from tests.support.vhosts import CTL_VARIABLE, ctl_command

HERE = Path(__file__).parent
RUN_SECONDS_MAX = 200
CORE = [
    "test_results.py",
    "test_control.py::test_ping",
    "test_control.py::test_active",
    "test_control.py::test_registered",
    "test_control.py::test_revoke_a_waiting_task",
    "test_control.py::test_events_reach_a_receiver",
    "test_control.py::test_shutdown",
    "test_chord.py",
    "test_workers.py::test_a_killed_workers_task_goes_to_another[prefork]",
    "test_workers.py::test_mingle_and_gossip",
]


@pytest.mark.timeout(RUN_SECONDS_MAX + 60)
def test_core_under_celery_5_3(broker: RunningBroker, tmp_path):
    ctl = ctl_command(broker)
    if ctl is None:
        pytest.skip(f"cannot create vhosts on this broker: set {CTL_VARIABLE}")
    command = [str(prepare()), "-m", "pytest", "-q", "-p", "no:cacheprovider", "--noconftest"]
    command += ["-p", "tests.clients.celery.conftest", "-p", "tests.support.external_broker", "-k", "not threads"]
    command += ["-c", os.devnull, "--rootdir", str(ROOT), f"--basetemp={tmp_path / 'inner'}", "--timeout=100"]
    env = {**os.environ, EXTERNAL_VARIABLE: f"{broker.host}:{broker.port}", CTL_VARIABLE: shlex.join(ctl)}
    done = subprocess.run(
        [*command, *(str(HERE / test) for test in CORE)],
        cwd=ROOT,
        env=env,
        check=False,
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS_MAX,
    )
    assert done.returncode == 0, done.stdout + done.stderr
