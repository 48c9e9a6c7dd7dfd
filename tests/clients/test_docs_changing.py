"""docs/changing-queues.md: its commands and its program do what it says."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pika
import pytest

from tests.support.brokers import RunningBroker
from tests.tidy import ROOT

PAGE = (ROOT / "docs" / "changing-queues.md").read_text()
[COMMANDS] = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
[PROGRAM] = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
SECONDS_MAX = 60

pytestmark = pytest.mark.ours


def brokerctl(broker: RunningBroker, *words: str) -> str:
    command = [sys.executable, "-m", "broker.cli.brokerctl", "--data-dir", str(broker.data_dir), *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS_MAX, check=True, cwd=ROOT)
    return done.stdout


def test_the_pages_commands_change_the_queue(broker: RunningBroker) -> None:
    connection = pika.BlockingConnection(pika.URLParameters(broker.url()))
    channel = connection.channel()
    channel.queue_declare("orders", durable=True, arguments={"x-message-ttl": 60_000})
    for line in COMMANDS.strip().splitlines():
        name, *words = shlex.split(line)
        assert name == "brokerctl"
        assert "x-max-priority\t\t9\n" in brokerctl(broker, *words)
    channel.queue_declare("orders", durable=True, arguments={"x-max-priority": 9})
    channel.queue_delete("orders")
    connection.close()


def test_the_pages_program_prints_what_it_says(broker: RunningBroker, tmp_path: Path) -> None:
    script = tmp_path / "brokerctl"
    words = f"{shlex.quote(sys.executable)} -m broker.cli.brokerctl --data-dir {shlex.quote(str(broker.data_dir))}"
    script.write_text(f'#!/bin/sh\nexec {words} "$@"\n')
    script.chmod(0o755)
    env = {
        **os.environ,
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "BROKER_URL": broker.url(),
        "PYTHONPATH": str(ROOT),
    }
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=SECONDS_MAX, check=True, env=env
    )
    printed = [line for line in done.stdout.splitlines() if line.startswith("order ")]
    assert printed == ["order 4", "order 0", "order 1", "order 2", "order 3"]
