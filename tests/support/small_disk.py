"""A file system of a few megabytes for one test, that brokerd can really fill.

It is a tmpfs in a mount namespace of its own, held by a process that ends with the test, whatever becomes of it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

MIB = 1024 * 1024
HOLDER = 'mount -t tmpfs -o size="$1" none "$2" && echo ready && exec cat >/dev/null'


class NoSmallDisk(Exception):
    """This machine does not let us mount one; the text says why."""


class SmallDisk:
    """The file system, mounted at `folder` for whoever is run with `prefix`, and seen by us at `seen`.

    As a context it goes at the end.
    """

    def __init__(self, folder: Path, size_bytes: int) -> None:
        """Raises: NoSmallDisk."""
        if sys.platform != "linux" or shutil.which("unshare") is None or shutil.which("nsenter") is None:
            raise NoSmallDisk("a small file system needs Linux with unshare and nsenter")
        folder.mkdir(parents=True, exist_ok=True)
        users = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
        self._holder = subprocess.Popen(
            ["unshare", *users, "--mount", "--propagation", "private", "sh", "-c", HOLDER, "sh", str(size_bytes),
             str(folder)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self._holder.stdout is not None
        if self._holder.stdout.readline() != "ready\n":
            _, errors = self._holder.communicate()
            raise NoSmallDisk(f"a small file system cannot be mounted here: {errors.strip()}")
        self.folder = folder
        self.prefix = ("nsenter", "--target", str(self._holder.pid), "--mount", f"--wd={Path.cwd()}",
                       *(["--user", "--preserve-credentials"] if users else []), "--")  # fmt: skip
        self.seen = Path(f"/proc/{self._holder.pid}/root") / str(folder).lstrip("/")

    def __enter__(self) -> SmallDisk:
        return self

    def __exit__(self, *_: object) -> None:
        self._holder.communicate()

    def free_bytes(self) -> int:
        """What is left."""
        state = os.statvfs(self.seen)
        return state.f_bavail * state.f_frsize

    def fill(self, leave_bytes: int) -> None:
        """Takes all but so much."""
        with (self.seen / "ballast").open("ab") as ballast:
            os.posix_fallocate(ballast.fileno(), 0, ballast.tell() + max(1, self.free_bytes() - leave_bytes))

    def clear(self) -> None:
        """Gives back what `fill` took."""
        (self.seen / "ballast").unlink(missing_ok=True)
