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
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench import processes
from bench.connection import Control
from bench.settings import Settings

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
    daemon: Daemon | None = None  # where the bench has started it itself
    folder: Path | None = None  # where its data is, as far as known

    def __post_init__(self) -> None:
        if self.daemon is not None:
            self.folder = self.daemon.data

    def pids(self) -> list[int]:
        """All its processes now."""
        return processes.tree(self.roots)


def parse_broker(text: str) -> Broker:
    """A broker from NAME=HOST:PORT, NAME=HOST:PORT:PID (more pids after commas) or NAME=HOST:PORT:PID:DATA_FOLDER.

    Raises: ValueError.
    """
    name, equals, address = text.partition("=")
    host, port, pids, folder = ([*address.split(":", 3), *[""] * 3])[:4]
    if not name or not equals or not port:
        raise ValueError(f"{text!r} is not NAME=HOST:PORT:PID:DATA_FOLDER")
    roots = [int(pid) for pid in pids.split(",")] if pids else []
    return Broker(name, host, int(port), roots, folder=Path(folder) if folder else None)


def raise_file_limit() -> None:
    """Allows this process, and the brokerd that it starts, the open files that the scenarios need."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


class Daemon:
    """A brokerd of the bench's own on one data folder, started and ended as often as need be.

    Args: `folder`: where the data folder is made; `flags`: further ones for brokerd.
    """

    def __init__(self, folder: Path, flags: Sequence[str] = ()) -> None:
        self.data = folder / "data"
        self._flags = ["--port", "0", "--metrics-port", "0", "--management-port", "0", "--log-level", "error", *flags]
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> Broker:
        """Starts it and waits until it listens. Raises: RuntimeError."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "broker.cli.brokerd", "--data-dir", str(self.data), *self._flags],
            stdout=subprocess.PIPE,
            text=True,
        )
        return Broker(OURS, "127.0.0.1", _read_port(self._process), [self._process.pid], self)

    def stop(self) -> float:
        """Ends it with SIGTERM, or with SIGKILL where that is ignored; returns how long it took, in seconds."""
        begun = time.monotonic()
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(READY_S_MAX)
            except subprocess.TimeoutExpired:
                self.kill()
            self._reap()
        return time.monotonic() - begun

    def kill(self) -> None:
        """Ends it with SIGKILL."""
        if self._process is not None:
            self._process.kill()
            self._reap()

    def _reap(self) -> None:
        assert self._process is not None
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()


@contextmanager
def own_daemon(settings: Settings, *flags: str) -> Iterator[Daemon]:
    """A brokerd, not started yet, with a data folder of its own that is removed in the end."""
    with tempfile.TemporaryDirectory(prefix="leveret-bench-", dir=settings.folder) as folder:
        daemon = Daemon(Path(folder), [*settings.flags, *flags])
        try:
            yield daemon
        finally:
            daemon.stop()


@contextmanager
def own_broker(settings: Settings, *flags: str) -> Iterator[Broker]:
    """A brokerd with a fresh data folder on a free port; ended with SIGTERM."""
    with own_daemon(settings, *flags) as daemon:
        yield daemon.start()


@contextmanager
def rested(broker: Broker, settings: Settings) -> Iterator[Broker]:
    """A fresh broker that has served a handshake in the place of ours, because freed memory that is used again would
    hide growth.

    Another broker is taken as it is.
    """
    if broker.daemon is None:
        yield broker
        return
    with own_broker(settings) as fresh:
        Control(fresh.host, fresh.port).close()
        yield fresh


def has_flag(flag: str) -> bool:
    """Whether our brokerd knows a flag."""
    told = subprocess.run(
        [sys.executable, "-m", "broker.cli.brokerd", "--help"], capture_output=True, text=True, check=False
    )
    return flag in told.stdout.split()


def _read_port(process: subprocess.Popen[str]) -> int:
    assert process.stdout is not None
    ready = select.select([process.stdout], [], [], READY_S_MAX)[0]
    line = process.stdout.readline() if ready else ""
    if "listening on " not in line:
        raise RuntimeError(f"brokerd did not start: {line!r}, exit status {process.poll()}")
    return int(line.split("listening on ")[1].split(",")[0].rpartition(":")[2])


def start_figures(settings: Settings) -> dict[str, float | None]:
    """Starts one more brokerd: seconds until it has served a handshake, and the memory it then takes."""
    begun = time.monotonic()
    with own_broker(settings) as broker:
        Control(broker.host, broker.port).close()
        ready_s = time.monotonic() - begun
        time.sleep(POLL_S)
        return {"start_ms": ready_s * 1000, "idle_mb": processes.memory_mb(broker.pids())}
