"""Fetches a suite's source distribution, gives it an environment of its own and runs it; must not judge the outcome."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.suites.catalog import HERE, TEST_SECONDS_MAX, Suite
from tests.suites.outcomes import read_outcomes

CACHE = HERE.parent.parent / ".suites"
SETUP_SECONDS_MAX = 300
PORT_OF_NO_LISTENER = 1
OUTPUT_CHARACTERS_MAX = 20_000


class SuiteUnavailable(Exception):
    """The suite could not be fetched or set up (no registry in reach, or no such version)."""


@dataclass(frozen=True)
class SuiteRun:
    """What a suite did: test id → outcome, and the end of pytest's own words."""

    outcomes: dict[str, str]
    output: str


def run_suite(suite: Suite, host: str, port: int, *, quick: bool = False) -> SuiteRun:
    """Runs the suite against the broker at `host`:`port` as guest on vhost `/`.

    Raises: SuiteUnavailable; RuntimeError where pytest wrote no results within `suite.run_seconds_max` seconds.
    """
    source, python = _prepare(suite)
    junit = CACHE / f"{suite.name}-{port}{'-quick' if quick else ''}.xml"
    junit.unlink(missing_ok=True)
    command = [str(python), "-m", "pytest", "-q", "--tb=short", "-c", str(HERE / "suite.ini"), "--rootdir", ".",
               "-p", "no:cacheprovider", f"--timeout={TEST_SECONDS_MAX}", f"--junitxml={junit}",
               *_options(suite),
               *(suite.quick if quick and suite.quick else suite.paths)]  # fmt: skip
    try:
        done = subprocess.run(
            command, cwd=source, env=_environment(host, port), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, timeout=suite.run_seconds_max, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as late:
        raise RuntimeError(f"{suite.name} did not end within {suite.run_seconds_max} s") from late
    output = done.stdout[-OUTPUT_CHARACTERS_MAX:]
    if not junit.exists():
        raise RuntimeError(f"{suite.name} wrote no results:\n{output}")
    return SuiteRun(read_outcomes(junit), output)


def _options(suite: Suite) -> list[str]:
    plugin = ["-p", suite.plugin] if suite.plugin else []
    return [*plugin, *suite.options, *(["-k", suite.without] if suite.without else [])]


def _environment(host: str, port: int) -> dict[str, str]:
    """The suites' own variables; pytest settings of an outer run are left out, lest its workers be taken for ours."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "PYTHONPATH"))}
    return {
        **kept,
        "PYTHONPATH": str(HERE / "plugins"),
        "RABBITMQ_HOST": host,
        "RABBITMQ_5672_TCP": str(port),
        "RABBITMQ_5671_TCP": str(PORT_OF_NO_LISTENER),
        "RABBITMQ_URL": f"amqp://guest:guest@{host}:{port}/%2F",
    }


def _prepare(suite: Suite) -> tuple[Path, Path]:
    """Fetches and sets up what is not there yet; answers the source folder and the environment's Python."""
    CACHE.mkdir(exist_ok=True)
    with _locked(suite):
        return _source(suite), _python(suite)


@contextmanager
def _locked(suite: Suite) -> Iterator[None]:
    """Keeps two test workers from setting up the same suite at once."""
    with (CACHE / f"{suite.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _source(suite: Suite) -> Path:
    folder = CACHE / "src" / f"{suite.name}-{suite.version}"
    if not folder.exists():
        _unpack(_download(suite), folder)
    if suite.overlay:
        shutil.copyfile(HERE / "overlays" / suite.overlay[0], folder / suite.overlay[1])
    return folder


def _download(suite: Suite) -> Path:
    folder = CACHE / "sdists"
    pattern = f"{suite.distribution.replace('-', '_')}-{suite.version}.tar.gz"
    if not (folder / pattern).exists():
        _call([sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", suite.distribution,
               "-d", str(folder), f"{suite.distribution}=={suite.version}"])  # fmt: skip
    return folder / pattern


def _unpack(archive: Path, folder: Path) -> None:
    """Unpacks beside the target and renames, so that an interrupted run leaves nothing half there."""
    unpacking = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(unpacking, ignore_errors=True)
    with tarfile.open(archive) as tar:
        tar.extractall(unpacking, filter="data")
    (inner,) = unpacking.iterdir()
    inner.rename(folder)
    unpacking.rmdir()


def _python(suite: Suite) -> Path:
    """The Python of the suite's environment, which is made anew when the requirements or the interpreter change."""
    digest = hashlib.sha256(suite.requirements.read_bytes() + sys.version.encode()).hexdigest()[:12]
    folder = CACHE / "venvs" / f"{suite.name}-{digest}"
    python = folder / "bin" / "python"
    ready = folder / "ready"
    if not ready.exists():
        venv.create(folder, with_pip=True, clear=True)
        _call([str(python), "-m", "pip", "install", "-q", "-r", str(suite.requirements)])
        ready.touch()
    return python


def _call(command: list[str]) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=SETUP_SECONDS_MAX)
    except subprocess.TimeoutExpired as late:
        raise SuiteUnavailable(f"not done within {SETUP_SECONDS_MAX} s: {' '.join(command)}") from late
    except subprocess.CalledProcessError as failed:
        raise SuiteUnavailable(f"{' '.join(command)}:\n{failed.stderr[-2000:]}") from failed
