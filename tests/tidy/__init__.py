"""What the tests of the tree itself share: which files belong to it."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NAMES_NOT_OURS = {".git", "build", "dist", "node_modules", "__pycache__"}


def tree_files(*suffixes: str) -> list[Path]:
    """The tree's files with one of these endings (any, without one); what is hidden, built or installed is left out."""
    return sorted(
        path
        for path in ROOT.rglob("*")
        if path.is_file() and _is_ours(path.relative_to(ROOT)) and (not suffixes or path.suffix in suffixes)
    )


def _is_ours(path: Path) -> bool:
    folders = path.parts[:-1]
    hidden = any(part.startswith(".") and part != ".ci" for part in folders)
    return (
        not hidden
        and not NAMES_NOT_OURS.intersection(path.parts)
        and not any(part.endswith(".egg-info") for part in folders)
    )
