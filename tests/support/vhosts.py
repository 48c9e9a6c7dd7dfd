"""Makes vhosts for tests through the broker's command-line tool, ours or `rabbitmqctl`.

`LEVERET_TEST_CTL` names that tool for a broker that was running already, for example `rabbitmqctl -n rabbit@host`.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.support.brokers import RunningBroker

CTL_VARIABLE = "LEVERET_TEST_CTL"
CTL_SECONDS_MAX = 60


def ctl_command(broker: RunningBroker) -> list[str] | None:
    """The words that start the broker's command-line tool, or None if we know of none."""
    if broker.data_dir is not None:
        return [sys.executable, "-m", "broker.cli.brokerctl", "--data-dir", str(broker.data_dir)]
    given = os.environ.get(CTL_VARIABLE)
    return shlex.split(given) if given else None


def create_vhost(broker: RunningBroker, name: str) -> None:
    """Adds a vhost in which guest may do everything; skips the test where there is no tool to do it with."""
    ctl = ctl_command(broker)
    if ctl is None:
        pytest.skip(f"cannot create vhosts on this broker: set {CTL_VARIABLE}")
    _run([*ctl, "add_vhost", name])
    _run([*ctl, "set_permissions", "-p", name, "guest", ".*", ".*", ".*"])


def delete_vhost(broker: RunningBroker, name: str) -> None:
    """Removes a vhost from a broker that outlives the tests; one of our own is thrown away whole."""
    ctl = ctl_command(broker)
    if ctl is not None and broker.data_dir is None:
        _run([*ctl, "delete_vhost", name])


@contextmanager
def own_vhost(broker: RunningBroker, prefix: str = "test") -> Iterator[str]:
    """A vhost with a name of its own, for as long as the block runs."""
    name = f"{prefix}-{uuid.uuid4().hex[:12]}"
    create_vhost(broker, name)
    try:
        yield name
    finally:
        delete_vhost(broker, name)


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=CTL_SECONDS_MAX, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed ({done.returncode}): {done.stdout}{done.stderr}")
