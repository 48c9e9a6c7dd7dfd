"""The one list of compiled modules, `modules.txt`, as paths and as dotted names. Must not: compile anything."""

from __future__ import annotations

from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
LIST: Final = Path(__file__).with_name("modules.txt")
PACKAGES: Final = ("broker", "protocol", "storage")  # what a wheel has
CORE: Final = "leveret_core"  # the shared library of these packages; each other folder has one of its own


def listed(root: Path = ROOT) -> list[str]:
    """The paths in the list of a tree, relative to it."""
    lines = (root / LIST.relative_to(ROOT)).read_text().splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def dotted(path: str) -> str:
    """The module's name: `broker/queues/classic.py` is `broker.queues.classic`."""
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def groups(paths: list[str]) -> dict[str, list[str]]:
    """The paths by the shared library that they go into, whose modules call each other without detours."""
    found: dict[str, list[str]] = {}
    for path in paths:
        folder = path.partition("/")[0]
        found.setdefault(CORE if folder in PACKAGES else f"leveret_{folder}", []).append(path)
    return found
