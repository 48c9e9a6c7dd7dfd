"""Builds the image on a base made here, unless PYTHON_IMAGE names one, then runs the checks without a network.

All that it makes lies in one temporary folder, and the checks' mounts and processes in namespaces that end with them.
Must not: check anything; `check_image.py` does.
"""

from __future__ import annotations

import ast
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.image.container import CONFIG_VARIABLE, ROOT_VARIABLE

SOURCE = Path(__file__).resolve().parents[2]
CHECKS = Path(__file__).with_name("check_image.py")
BASE_TAG = "localhost/leveret-test-base"
TAG = "localhost/leveret-test"
TOOLS = {"buildah": "buildah", "unshare": "util-linux", "ip": "iproute2", "chroot": "coreutils"}
BASE_TOOLS = {"mmdebstrap": "mmdebstrap"}
BASE_PACKAGES = "python3-venv,passwd"


class Builder:
    """buildah with its whole state in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._command = ["buildah", "--root", str(folder / "images"), "--runroot", str(folder / "run")]

    def __call__(self, *arguments: str) -> str:
        """Runs one buildah command; returns what it printed. Raises: CalledProcessError."""
        environment = {**os.environ, "BUILDAH_ISOLATION": "chroot"}
        return subprocess.run(
            [*self._command, *arguments], env=environment, stdout=subprocess.PIPE, text=True, check=True
        ).stdout.strip()

    @contextmanager
    def container(self, image: str) -> Iterator[str]:
        """A working container on an image, removed afterwards."""
        name = self("from", image)
        try:
            yield name
        finally:
            self("rm", name)


def missing(tools: dict[str, str]) -> list[str]:
    """What has to be there and is not: commands by Debian package, and root."""
    lacking = [f"{tool} (apt-get install {package})" for tool, package in tools.items() if not shutil.which(tool)]
    return lacking + ["to be run as root"] * (os.geteuid() != 0)


def pip_settings() -> dict[str, str]:
    """This machine's way to its package index; folders of this machine are left out, for the build has none of them."""
    listing = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], stdout=subprocess.PIPE, text=True, check=True
    ).stdout
    settings: dict[str, str] = {}
    for line in listing.splitlines():
        key, _, value = line.partition("=")
        name = key.rstrip(".").rpartition(".")[2]
        words = [
            word for word in ast.literal_eval(value).split() if not word.startswith(("/", "file:")) or name == "cert"
        ]
        if words:
            settings[name] = " ".join(words)
    return settings


def make_base(build: Builder, settings: dict[str, str]) -> None:
    """A small Debian of this machine's release with its Python, and the certificates that pip is told to trust."""
    archive = build.folder / "base.tar"
    release = platform.freedesktop_os_release()["VERSION_CODENAME"]
    subprocess.run(
        ["mmdebstrap", "--quiet", "--variant=apt", f"--include={BASE_PACKAGES}", release, str(archive)],
        check=True,
    )
    with build.container("scratch") as name:
        build("add", "--quiet", name, str(archive), "/")
        if "cert" in settings:
            build("add", "--quiet", name, settings["cert"], settings["cert"])
        build("commit", "--quiet", "--format", "docker", name, BASE_TAG)
    archive.unlink()


def make_image(build: Builder, base: str, settings: dict[str, str]) -> None:
    """The image of this tree; how pip finds its packages is given as a secret, so that no layer holds it."""
    secret = build.folder / "pip.conf"
    secret.write_text("\n".join(["[global]", *(f"{name} = {value}" for name, value in settings.items()), ""]))
    build(
        "build", "--quiet", "--format", "docker", "--secret", f"id=pip.conf,src={secret}",
        "--build-arg", f"PYTHON_IMAGE={base}", "--tag", TAG, str(SOURCE),
    )  # fmt: skip


def run_checks(build: Builder, arguments: list[str]) -> int:
    """Runs pytest in network, mount and process namespaces of its own; returns its exit status."""
    config = build.folder / "image.json"
    config.write_text(build("inspect", "--type", "image", TAG))
    pytest = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(CHECKS), *arguments]
    with build.container(TAG) as name:
        environment = {**os.environ, ROOT_VARIABLE: build("mount", name), CONFIG_VARIABLE: str(config)}
        namespaces = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
        return subprocess.run([*namespaces, *pytest], env=environment, cwd=SOURCE, check=False).returncode


def main() -> int:
    """Returns the exit status of the checks; 2 where something that they need is not there."""
    base = os.environ.get("PYTHON_IMAGE", "")
    lacking = missing(TOOLS if base else TOOLS | BASE_TOOLS)
    if lacking:
        print("image-test needs:", ", ".join(lacking), file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="leveret-image-") as folder:
        build = Builder(Path(folder))
        settings = pip_settings()
        try:
            if not base:
                make_base(build, settings)
            make_image(build, base or BASE_TAG, settings)
            return run_checks(build, sys.argv[1:])
        except subprocess.CalledProcessError as error:
            print("image-test:", error, file=sys.stderr)
            return 1


if __name__ == "__main__":
    sys.exit(main())
