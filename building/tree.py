"""Keeps a compiled copy of the tree in `.compiled`; what has not changed since the last time is not compiled again.

`python -m building.tree` makes it or brings it up to date. Must not: touch the tree itself.
"""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from building.compiler import CompileError, compile_tree
from building.modules import LIST, PACKAGES, ROOT, groups, listed

COPY: Final = ROOT / ".compiled"
KEPT: Final = {".venv-celery53", ".suites"}  # what tests make in their tree, shared by both forms
BUILT: Final = (".so", ".pyc")
STAMP: Final = "build/made-from.txt"


def files_of(root: Path) -> list[str]:
    """The files that git has or would add; without git all but what is hidden or built."""
    git = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    answer = subprocess.run(git, cwd=root, check=False, capture_output=True, text=True) if _has_git(root) else None
    if answer is not None and answer.returncode == 0:
        return sorted(name for name in set(answer.stdout.split("\0")) if name and (root / name).is_file())
    found = (path.relative_to(root) for path in root.rglob("*") if path.is_file())
    return sorted(str(path) for path in found if not _is_left_out(path))


def _has_git(root: Path) -> bool:
    return (root / ".git").exists() and shutil.which("git") is not None


def _is_left_out(path: Path) -> bool:
    hidden = any(part.startswith(".") and part != ".ci" for part in path.parts[:-1])
    return hidden or path.suffix in BUILT or bool({"build", "dist", "__pycache__"}.intersection(path.parts))


def copy_tree(root: Path, copy: Path) -> None:
    """Makes the copy equal to the tree; files that are equal already keep their times."""
    wanted = files_of(root)
    for name in wanted:
        source, target = root / name, copy / name
        content = source.read_bytes()
        if not target.is_file() or target.read_bytes() != content:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        target.chmod(source.stat().st_mode)
    names = set(wanted)
    for name in files_of_copy(copy):
        if name not in names:
            (copy / name).unlink()


def files_of_copy(copy: Path) -> list[str]:
    """The files in a copy that came from a tree."""
    found = (path.relative_to(copy) for path in copy.rglob("*") if path.is_file())
    return [str(path) for path in found if not _is_left_out(path) and path.parts[0] not in KEPT]


def _made_from(copy: Path) -> str:
    """All that the result depends on: the sources whose types are read, the list, how it is compiled, and with what."""
    folders = {*PACKAGES, *(path.partition("/")[0] for path in listed(copy)), LIST.parent.name}
    digest = hashlib.sha256(sys.version.encode())
    for path in sorted(path for folder in folders for path in (copy / folder).rglob("*")):
        if path.suffix in (".py", ".txt"):
            digest.update(f"{path.relative_to(copy)}\n".encode() + path.read_bytes())
    return digest.hexdigest() + "\n"


def _remove_strays(copy: Path, made: list[Path]) -> None:
    for path in copy.rglob("*.so"):
        if path not in made and not KEPT & set(path.relative_to(copy).parts) and "build" not in path.parts:
            path.unlink()


def update(root: Path = ROOT, copy: Path = COPY) -> bool:
    """Makes the compiled copy or brings it up to date. Returns: whether anything was compiled. Raises: CompileError."""
    copy.mkdir(exist_ok=True)
    with (copy / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        copy_tree(root, copy)
        _share(root, copy)
        stamp, made_from = copy / STAMP, _made_from(copy)
        if stamp.exists() and stamp.read_text() == made_from:
            return False
        stamp.unlink(missing_ok=True)
        _remove_strays(copy, [])
        compile_tree(copy)
        stamp.write_text(made_from)
    return True


def _share(root: Path, copy: Path) -> None:
    for name in KEPT:
        (root / name).mkdir(exist_ok=True)
        if not (copy / name).is_symlink():
            (copy / name).symlink_to(root / name)


def main() -> int:
    """Brings the copy up to date. Returns: the exit status."""
    try:
        made = update()
    except CompileError as error:
        print(f"building: {error}", file=sys.stderr)
        return 1
    modules = listed()
    print(
        f"building: {len(modules)} modules in {len(groups(modules))} libraries are",
        "compiled" if made else "up to date",
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
