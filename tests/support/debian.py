"""Files of a Debian package, fetched without installing it. Must not: need root, or leave anything but its folder."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

SECONDS_MAX = 120


def file_of(package: str, path: str, folder: Path) -> Path | None:
    """A file of a package: where the package is installed from there, else unpacked below `folder`.

    None on systems that are no Debian. Raises: CalledProcessError where Debian does not give the package.
    """
    installed = Path(path)
    if installed.exists():
        return installed
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        return None
    folder.mkdir(parents=True, exist_ok=True)
    if not list(folder.glob(f"{package}_*.deb")):
        _run(["apt-get", "download", package], folder)
    (archive,) = folder.glob(f"{package}_*.deb")
    _run(["dpkg-deb", "-x", str(archive), str(folder / "unpacked")], folder)
    return folder / "unpacked" / path.lstrip("/")


def _run(command: list[str], folder: Path) -> None:
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=SECONDS_MAX)
