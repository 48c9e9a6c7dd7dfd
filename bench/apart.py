"""A module of the bench in a process of its own: a request in (JSON on stdin), figures out (JSON on stdout).

Must not: know what the module does.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Mapping

from bench import processes

STARTED = "started"
SAMPLE_S = 0.1
Figures = dict[str, float | None]


class Process:
    """A module that runs as a process. It prints STARTED once it is set up, and its figures in the end."""

    def __init__(self, module: str, request: Mapping[str, object]) -> None:
        self._module = module
        self._process = subprocess.Popen(
            [sys.executable, "-m", module], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdin
        assert self._process.stdout
        self._out = self._process.stdout
        self._process.stdin.write(json.dumps(request))
        self._process.stdin.close()
        self._is_started = False

    def wait_started(self) -> None:
        """Until everything is set up and its work begins. Raises: RuntimeError."""
        if not self._is_started and self._out.readline().strip() != STARTED:
            raise RuntimeError(f"{self._module} did not start")
        self._is_started = True

    def is_running(self) -> bool:
        """Whether it has not ended yet."""
        return self._process.poll() is None

    def figures(self) -> Figures:
        """Its results, once it has ended. Raises: RuntimeError where it failed."""
        self.wait_started()
        text = self._out.read()
        if self._process.wait():
            raise RuntimeError(f"{self._module} failed")
        figures: Figures = json.loads(text)
        return figures

    def stop(self) -> None:
        """Ends it where it still runs."""
        if self.is_running():
            self._process.kill()
        self._process.wait()
        self._out.close()


def sampled(process: Process, pids: list[int]) -> tuple[Figures, float | None]:
    """A process's figures, and the most memory that `pids` took meanwhile, in MB. Raises: RuntimeError."""
    peak = processes.memory_mb(pids)
    try:
        process.wait_started()
        while process.is_running():
            now = processes.memory_mb(pids)
            peak = max(peak, now) if peak is not None and now is not None else None
            time.sleep(SAMPLE_S)
        return process.figures(), peak
    finally:
        process.stop()
