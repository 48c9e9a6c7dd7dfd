"""The systemd unit: what systemd itself says of it, and that the broker runs under what it forbids."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pika
import pytest

from broker.config import Config
from broker.config_options import options_of
from tests.support.brokers import RestartableBroker
from tests.tidy import ROOT

UNIT = ROOT / "deploy" / "leveret.service"
EXPOSURE_MAX = 2.0  # of 10, as `systemd-analyze security` counts
PR_SET_MDWE = 65
MDWE_REFUSE_EXEC_GAIN = 1

analyzed = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed")


def entries(name: str) -> list[str]:
    return re.findall(rf"^{name}=(.*)$", UNIT.read_text(), re.MULTILINE)


@analyzed
def test_systemd_takes_it(tmp_path: Path) -> None:
    copy = tmp_path / UNIT.name
    copy.write_text(re.sub(r"^ExecStart=.*$", f"ExecStart={sys.executable}", UNIT.read_text(), flags=re.MULTILINE))
    verified = subprocess.run(["systemd-analyze", "verify", copy], capture_output=True, text=True, check=False)
    assert (verified.returncode, verified.stderr) == (0, "")


@analyzed
def test_little_is_left_open() -> None:
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager", str(UNIT)]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    (exposure,) = re.findall(r"Overall exposure level for \S+ ([\d.]+)", told)
    assert float(exposure) <= EXPOSURE_MAX, told


def test_it_names_settings_that_exist() -> None:
    known = {name for option in options_of(Config) for name in option.environment_names}
    named = {entry.partition("=")[0] for entry in entries("Environment")}
    assert named
    assert named <= known


def test_it_waits_longer_than_the_broker_needs_to_stop() -> None:
    (stop_s,) = entries("TimeoutStopSec")
    assert int(stop_s) > Config.shutdown_timeout_s * 2


FORBID_NEW_CODE = f"""
import ctypes, os, sys
if ctypes.CDLL(None).prctl({PR_SET_MDWE}, {MDWE_REFUSE_EXEC_GAIN}, 0, 0, 0):
    sys.exit("this kernel cannot forbid it")
os.execv(sys.argv[1], sys.argv[1:])
"""
FORBIDDING = (sys.executable, "-c", FORBID_NEW_CODE)


@pytest.mark.skipif(
    subprocess.run([*FORBIDDING, sys.executable, "-c", ""], capture_output=True, check=False).returncode != 0,
    reason="the kernel has no PR_SET_MDWE",
)
def test_it_runs_where_no_memory_may_become_code(tmp_path: Path) -> None:
    """MemoryDenyWriteExecute=, by the kernel's own means."""
    assert entries("MemoryDenyWriteExecute") == ["yes"]
    with RestartableBroker(tmp_path, prefix=FORBIDDING) as broker:
        broker.launch()
        broker.await_ready()
        parameters = pika.ConnectionParameters(broker.host, broker.port)
        connection = pika.BlockingConnection(parameters)
        connection.channel().queue_declare("queue", durable=True)
        connection.close()
        assert broker.stop() == 0
