"""Starts a real broker process for a test, or points at one that is running already.

`LEVERET_TEST_BROKER=HOST:PORT` makes every test that only needs an AMQP address use that broker instead (for
example a RabbitMQ, to see what it does); tests marked `ours` are then skipped.
"""

from __future__ import annotations

import os
import select
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

EXTERNAL_VARIABLE = "LEVERET_TEST_BROKER"
READY_SECONDS_MAX = 30


@dataclass(frozen=True)
class RunningBroker:
    """A broker that accepts AMQP connections; `process` and `data_dir` are None for one that was running already."""

    host: str
    port: int
    data_dir: Path | None = None
    process: subprocess.Popen[str] | None = None

    def url(self, vhost: str = "%2F", user: str = "guest", password: str = "guest") -> str:
        """An AMQP URL; `vhost` is percent-encoded by the caller."""
        return f"amqp://{user}:{password}@{self.host}:{self.port}/{vhost}"


def external_broker() -> RunningBroker | None:
    """The broker named by the environment, if there is one."""
    address = os.environ.get(EXTERNAL_VARIABLE)
    if not address:
        return None
    host, _, port = address.rpartition(":")
    return RunningBroker(host, int(port))


@contextmanager
def running_brokerd(
    *flags: str, env: Mapping[str, str] | None = None, data_dir: Path | None = None
) -> Iterator[RunningBroker]:
    """A brokerd of our own on a free port, in a folder of its own unless one is given; ended with SIGTERM."""
    with tempfile.TemporaryDirectory(prefix="leveret-test-") as folder:
        data_dir = data_dir or Path(folder) / "data"
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "broker.cli.brokerd",
                "--port",
                "0",
                "--data-dir",
                str(data_dir),
                "--metrics-port",
                "0",
                *flags,
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, **(env or {})},
        )
        try:
            port = _await_port(process)
            yield RunningBroker("127.0.0.1", port, data_dir, process)
        finally:
            process.terminate()
            try:
                process.wait(READY_SECONDS_MAX)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _await_port(process: subprocess.Popen[str]) -> int:
    """Reads the one line that brokerd prints when it is ready: `... listening on HOST:PORT ...`."""
    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], READY_SECONDS_MAX)
    line = process.stdout.readline() if ready else ""
    if "listening on " not in line:
        raise RuntimeError(f"brokerd did not start: {line!r}, exit status {process.poll()}")
    return int(line.split("listening on ")[1].split()[0].rstrip(",;").rpartition(":")[2])
