"""Keeps a virtual environment with Celery 5.3 beside the repository's own; `python -m tests.support.celery53` makes it.

It must not import Celery: the running interpreter has the newest one.
"""

from __future__ import annotations

import fcntl
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / ".venv-celery53"
REQUIREMENTS = ROOT / "tests" / "clients" / "celery" / "requirements-5.3.txt"
DONE = FOLDER / "made-from.txt"


def interpreter() -> Path:
    """The environment's python; it exists only once `prepare` has run."""
    return FOLDER / "bin" / "python"


def is_ready() -> bool:
    """Whether the environment is there and was made from the requirements as they are now."""
    return DONE.exists() and DONE.read_text() == _wanted()


def prepare() -> Path:
    """Makes the environment unless it is there already, and returns its python; parallel callers wait for the first.

    Raises: subprocess.CalledProcessError if the packages cannot be installed.
    """
    with REQUIREMENTS.open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not is_ready():
            shutil.rmtree(FOLDER, ignore_errors=True)
            venv.create(FOLDER, with_pip=True)
            pip = [str(interpreter()), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
            subprocess.run([*pip, "-r", str(REQUIREMENTS)], check=True)
            DONE.write_text(_wanted())
    return interpreter()


def _wanted() -> str:
    return f"{sys.version}\n{REQUIREMENTS.read_text()}"


if __name__ == "__main__":
    print(prepare())
