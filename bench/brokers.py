"""The brokers that are measured: a brokerd of our own, and others that are running already.

Must not: send a message.
"""

from __future__ import annotations

import resource
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench import processes
from bench.connection import Control

OURS = "leveret"
READY_S_MAX = 30.0
POLL_S = 0.005
FILES = 8192  # open files wanted, for a thousand idle connections


@dataclass
class Broker:
    """Where a broker listens and which processes (roots of trees) are it; no pids: no CPU time or memory."""

    name: str
    host: str
    port: int
    roots: list[int] = field(default_factory=list)

    def pids(self) -> list[int]:
        """All its processes now."""
        return processes.tree(self.roots)


def parse_broker(text: str) -> Broker:
    """A broker from NAME=HOST:PORT or NAME=HOST:PORT:PID (more pids after commas). Raises: ValueError."""
    name, equals, address = text.partition("=")
    parts = address.split(":")
    if not name or not equals or len(parts) not in (2, 3):
        raise ValueError(f"{text!r} is not NAME=HOST:PORT:PID")
    roots = [int(pid) for pid in parts[2].split(",")] if len(parts) == 3 else []
    return Broker(name, parts[0], int(parts[1]), roots)


def raise_file_limit() -> None:
    """Allows this process, and the brokerd that it starts, the open files that the scenarios need."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


@contextmanager
def own_broker() -> Iterator[Broker]:
    """A brokerd with a fresh data folder on a free port; ended with SIGTERM."""
    with tempfile.TemporaryDirectory(prefix="leveret-bench-") as folder:
        flags = ["--port", "0", "--data-dir", str(Path(folder) / "data"), "--metrics-port", "0", "--log-level", "error"]
        process = subprocess.Popen(
            [sys.executable, "-m", "broker.cli.brokerd", *flags], stdout=subprocess.PIPE, text=True
        )
        try:
            yield Broker(OURS, "127.0.0.1", _read_port(process), [process.pid])
        finally:
            process.terminate()
            try:
                process.wait(READY_S_MAX)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _read_port(process: subprocess.Popen[str]) -> int:
    assert process.stdout is not None
    ready = select.select([process.stdout], [], [], READY_S_MAX)[0]
    line = process.stdout.readline() if ready else ""
    if "listening on " not in line:
        raise RuntimeError(f"brokerd did not start: {line!r}, exit status {process.poll()}")
    return int(line.split("listening on ")[1].split(",")[0].rpartition(":")[2])


def start_figures() -> dict[str, float | None]:
    """Starts one more brokerd: seconds until it has served a handshake, and the memory it then takes."""
    begun = time.monotonic()
    with own_broker() as broker:
        Control(broker.host, broker.port).close()
        ready_s = time.monotonic() - begun
        time.sleep(POLL_S)
        return {"start_ms": ready_s * 1000, "idle_mb": processes.memory_mb(broker.pids())}
