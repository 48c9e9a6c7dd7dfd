"""Runs the built image's command as a container engine would: its root, user, environment and volume, and as process 1.

Needs the namespaces that `python -m tests.image` makes. Must not: check anything.
"""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT_VARIABLE = "LEVERET_IMAGE_ROOT"
CONFIG_VARIABLE = "LEVERET_IMAGE_CONFIG"
READY_SECONDS_MAX = 30
STOP_SECONDS_MAX = 30
READY_TEXT = "listening on "


@dataclass(frozen=True)
class Image:
    """The image's root, mounted, and what its configuration says."""

    root: Path
    config: Mapping[str, Any]

    @property
    def environment(self) -> dict[str, str]:
        """The variables every process of the image gets."""
        return dict(entry.split("=", 1) for entry in self.config["Env"])

    @property
    def volume(self) -> str:
        """The one folder that outlives a container."""
        (volume,) = self.config["Volumes"]
        return str(volume)

    def inside(self, path: str) -> Path:
        """Where a path of the container lies on this machine."""
        return self.root / path.lstrip("/")

    def start(self, command: list[str], environment: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        """Starts a command as the image's user, in its root, with its environment, as process 1 below `unshare`."""
        namespace = [outside("unshare"), "--pid", "--fork", "--kill-child"]
        entered = [outside("chroot"), f"--userspec={self.config['User']}", "--groups=", str(self.root)]
        return subprocess.Popen(
            [*namespace, *entered, *command], env=self.environment | (environment or {}), text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip


def load_image() -> Image:
    """The image that `python -m tests.image` built."""
    described = json.loads(Path(os.environ[CONFIG_VARIABLE]).read_text())
    return Image(Path(os.environ[ROOT_VARIABLE]), described["Docker"]["config"])


def outside(tool: str) -> str:
    """A tool of this machine, whatever PATH the image has."""
    return shutil.which(tool) or tool


def mount(*arguments: str) -> None:
    """mount(8), in this run's own mount namespace."""
    subprocess.run(["mount", *arguments], check=True)


class Container:
    """One run of the image's command; `lines` is what it printed until it was ready."""

    def __init__(self, image: Image, **environment: str) -> None:
        self._process = image.start(list(image.config["Cmd"]), environment)
        self.stop_signal = signal.Signals[image.config["StopSignal"]]
        self.lines: list[str] = []
        self.port = 0

    def await_ready(self) -> None:
        """Reads what it prints up to the line that says where it listens."""
        assert self._process.stdout is not None
        deadline = time.monotonic() + READY_SECONDS_MAX
        while not self.port:
            ready, _, _ = select.select([self._process.stdout], [], [], max(0.0, deadline - time.monotonic()))
            line = self._process.stdout.readline() if ready else ""
            if not line:
                status, errors = self.stop()
                raise AssertionError(f"not ready: {self.lines}, exit status {status}: {errors}")
            self.lines.append(line.rstrip("\n"))
            if READY_TEXT in line:
                self.port = int(line.split(READY_TEXT)[1].split(",")[0].rpartition(":")[2])

    def printed_passwords(self) -> list[str]:
        """The generated passwords that it printed."""
        return [line.rpartition(": ")[2] for line in self.lines if "generated password" in line]

    def signal(self, number: int) -> None:
        """Signals the image's command itself, if it still runs."""
        parent = self._process.pid
        if self._process.poll() is None:
            for child in Path(f"/proc/{parent}/task/{parent}/children").read_text().split():
                os.kill(int(child), number)

    def stop(self) -> tuple[int, str]:
        """Sends the image's stop signal, then as `wait`."""
        self.signal(self.stop_signal)
        return self.wait()

    def wait(self) -> tuple[int, str]:
        """Waits for the end; returns the exit status and everything printed since it was ready."""
        try:
            out, errors = self._process.communicate(timeout=STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self._process.kill()
            out, errors = self._process.communicate()
        return self._process.returncode, out + errors
