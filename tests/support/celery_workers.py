"""Starts Celery workers and beat as real processes, with the interpreter (and so the Celery) that runs the tests.

Nothing here imports Celery, so that it serves every version.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.waiting import wait_until

ROOT = Path(__file__).resolve().parents[2]
READY_SECONDS_MAX = 40
STOP_SECONDS_MAX = 20
STANDALONE = ("--without-gossip", "--without-mingle")


@dataclass
class CeleryProcess:
    """A running worker or beat; `hostname` is the node name other nodes see."""

    process: subprocess.Popen[bytes]
    log_path: Path
    hostname: str

    def log(self) -> str:
        """What the process has written so far."""
        return self.log_path.read_text(errors="replace")

    def wait_for_log(self, text: str, seconds: float = READY_SECONDS_MAX) -> None:
        """Waits until the process has written `text`; fails with its whole output if it ends or does not."""
        try:
            wait_until(lambda: text in self.log() or self.process.poll() is not None, seconds, f"{text!r} in the log")
        except TimeoutError as error:
            raise TimeoutError(f"{error}\n{self.log()}") from None
        if text not in self.log():
            raise RuntimeError(f"the process ended with {self.process.returncode}:\n{self.log()}")

    def kill_at_once(self) -> None:
        """SIGKILL to the whole process group, pool children included: nobody says goodbye to the broker."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(STOP_SECONDS_MAX)

    def stop(self) -> int:
        """SIGTERM, SIGKILL if that does not help; returns the exit status."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(STOP_SECONDS_MAX)
            except subprocess.TimeoutExpired:
                self.kill_at_once()
        return self.process.returncode


@contextmanager
def celery_process(
    app: str, *words: str, env: Mapping[str, str], log_dir: Path, hostname: str = "", cwd: Path = ROOT
) -> Iterator[CeleryProcess]:
    """Runs `celery -A app words...` in a process group of its own and ends it with the block."""
    log_path = log_dir / f"{words[0]}-{uuid.uuid4().hex[:8]}.log"
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "celery", "-A", app, *words],
            cwd=cwd,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **env},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    running = CeleryProcess(process, log_path, hostname)
    try:
        yield running
    finally:
        running.stop()


@contextmanager
def celery_worker(
    app: str,
    *flags: str,
    env: Mapping[str, str],
    log_dir: Path,
    queues: str,
    name: str = "worker",
    pool: str = "prefork",
    concurrency: int = 2,
    alone: bool = True,
    cwd: Path = ROOT,
) -> Iterator[CeleryProcess]:
    """A worker that is ready to take tasks.

    Args: `queues` is a comma-separated list; `alone` leaves out mingle and gossip, which cost a second at start.
    """
    hostname = f"{name}-{uuid.uuid4().hex[:8]}@tests"
    words = ["worker", "-n", hostname, "-Q", queues, "-P", pool, "-c", str(concurrency), "-l", "INFO", "-E"]
    words += [*(STANDALONE if alone else ()), *flags]
    with celery_process(app, *words, env=env, log_dir=log_dir, hostname=hostname, cwd=cwd) as worker:
        worker.wait_for_log(f"{hostname} ready.")
        yield worker
