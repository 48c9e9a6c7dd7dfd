"""Starts a real broker process for a test, or points at one that is running already.

`LEVERET_TEST_BROKER=HOST:PORT` makes every test that only needs an AMQP address use that broker instead (for
example a RabbitMQ, to see what it does); tests marked `ours` are then skipped.
"""

from __future__ import annotations

import contextlib
import os
import random
import select
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

EXTERNAL_VARIABLE = "LEVERET_TEST_BROKER"
READY_SECONDS_MAX = 30
FIXED_PORTS = (15_000, 30_000)
PORT_ATTEMPTS_MAX = 100


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
        process = _launch(data_dir, 0, flags, subprocess.DEVNULL, env)
        try:
            port = _await_port(process)
            yield RunningBroker("127.0.0.1", port, data_dir, process)
        finally:
            _stop(process)


class RestartableBroker:
    """A brokerd that starts again and again on one data folder and one port, after a SIGKILL as after a SIGTERM.

    What it writes to stderr is kept in `log_path`. As a context it leaves no process behind.
    """

    def __init__(self, folder: Path, *flags: str, data_dir: Path | None = None, prefix: Sequence[str] = ()) -> None:
        """Args: data_dir is below `folder` unless it is given; prefix is a command that runs the broker's command."""
        self.host = "127.0.0.1"
        self.port = port_that_stays_free()
        self.data_dir = data_dir or folder / "data"
        self.prefix = tuple(prefix)
        self.log_path = folder / "brokerd.log"
        self._flags = flags
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> RestartableBroker:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def launch(self) -> None:
        """Starts the process and does not wait for anything."""
        assert self._process is None, "it runs already"
        with self.log_path.open("ab") as log:
            self._process = _launch(self.data_dir, self.port, self._flags, log, prefix=self.prefix)

    def await_ready(self) -> None:
        """Waits until it accepts connections.

        Raises: RuntimeError where it does not within `READY_SECONDS_MAX`.
        """
        assert self._process is not None
        _await_port(self._process)

    def kill(self) -> None:
        """SIGKILL, and the end of the process."""
        if self._process is not None:
            self._process.kill()
            self._forget()

    def signal(self, number: int) -> None:
        """Sends a signal, and waits for nothing."""
        assert self._process is not None
        self._process.send_signal(number)

    def stop(self) -> int:
        """SIGTERM, and the end of the process; its exit status, negative for a signal that ended it."""
        assert self._process is not None
        _stop(self._process)
        return self._forget()

    def _forget(self) -> int:
        assert self._process is not None
        assert self._process.stdout is not None
        status = self._process.wait()
        self._process.stdout.close()
        self._process = None
        return status


def _launch(
    data_dir: Path,
    port: int,
    flags: Sequence[str],
    stderr: int | IO[bytes],
    env: Mapping[str, str] | None = None,
    prefix: Sequence[str] = (),
) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "broker.cli.brokerd", "--port", str(port), "--data-dir", str(data_dir)]
    command[:0] = prefix
    return subprocess.Popen(
        [*command, "--metrics-port", "0", *flags],
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
        env={**os.environ, **(env or {})},
    )


def _stop(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(READY_SECONDS_MAX)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def port_that_stays_free() -> int:
    """A free port below those that the kernel gives out by itself, so that nothing takes it between two starts."""
    for _ in range(PORT_ATTEMPTS_MAX):
        port = random.randrange(*FIXED_PORTS)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise RuntimeError(f"no free port in {FIXED_PORTS}")


def _await_port(process: subprocess.Popen[str]) -> int:
    """Reads the one line that brokerd prints when it is ready: `... listening on HOST:PORT ...`."""
    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], READY_SECONDS_MAX)
    line = process.stdout.readline() if ready else ""
    if "listening on " not in line:
        raise RuntimeError(f"brokerd did not start: {line!r}, exit status {process.poll()}")
    return int(line.split("listening on ")[1].split()[0].rstrip(",;").rpartition(":")[2])
