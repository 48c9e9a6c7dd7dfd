"""Compiles the listed modules of a tree with mypyc, beside their sources. Must not: know hatchling, or copy trees.

`python -m building.compiler` tells by its exit status whether this machine can.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Final

from building.modules import dotted, groups, listed

# Generated code checks librt's ABI when it is imported, so this and the dependency on librt change together.
REQUIREMENTS: Final = ("mypy>=2.4.1,<2.5", "setuptools>=75")
OPTIMIZATION: Final = "2"
DEBUG_INFO: Final = "0"
LINES_SHOWN_MAX: Final = 30
SETUP: Final = """\
import sys
from mypyc.build import mypycify
from setuptools import setup

group, optimization, debug, *paths = sys.argv[1:]
options = ["--config-file=", "--ignore-missing-imports", "--follow-imports=silent"]
sys.argv[1:] = ["--quiet", "build_ext", "--inplace"]
extensions = mypycify([*options, *paths], opt_level=optimization, debug_level=debug, group_name=group)
setup(name=group, packages=[], ext_modules=extensions)
"""


class CompileError(Exception):
    """The modules cannot be compiled; the text says why."""


def obstacle() -> str:
    """Why nothing can be compiled on this machine, or nothing: there have to be a C compiler and Python's headers."""
    if not (Path(sysconfig.get_path("include")) / "Python.h").exists():
        return f"the headers of Python {sysconfig.get_python_version()} are not installed"
    command = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")
    with tempfile.TemporaryDirectory() as folder:
        probe = Path(folder) / "probe.c"
        probe.write_text("#include <Python.h>\n")
        headers = {sysconfig.get_path(name) for name in ("include", "platinclude")}
        flags = [f"-I{path}" for path in sorted(headers)]
        try:
            answer = subprocess.run(
                [*command, *flags, "-c", str(probe), "-o", str(probe.with_suffix(".o"))], check=False,
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            )  # fmt: skip
        except OSError as error:
            return f"there is no C compiler: {error}"
    return "" if answer.returncode == 0 else _shown(f"the C compiler {command[0]} does not work", answer.stdout)


def compile_tree(root: Path, paths: list[str] | None = None) -> list[Path]:
    """Compiles modules of a tree in place (all that are listed, unless they are named); what is up to date stays.

    Returns: the extension modules, absolute. Raises: CompileError.
    """
    paths = listed(root) if paths is None else paths
    trouble = obstacle()
    if trouble:
        raise CompileError(trouble)
    for group, members in groups(paths).items():
        _compile(root, group, members)
    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    made = [root / f"{dotted(path).replace('.', '/')}{suffix}" for path in paths]
    made += [root / f"{group}__mypyc{suffix}" for group in groups(paths)]
    missing = [path.name for path in made if not path.exists()]
    if missing:
        raise CompileError(f"the compiler has not made {', '.join(missing)}")
    return made


def _compile(root: Path, group: str, paths: list[str]) -> None:
    command = [sys.executable, "-c", SETUP, group, OPTIMIZATION, DEBUG_INFO, *paths]
    answer = subprocess.run(command, cwd=root, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if answer.returncode != 0:
        raise CompileError(_shown("mypyc failed", answer.stdout))


def _shown(what: str, output: str) -> str:
    lines = output.strip().splitlines()[-LINES_SHOWN_MAX:]
    return "\n".join([what + (":" if lines else ""), *lines])


def main() -> int:
    """Prints what keeps this machine from compiling. Returns: the exit status, 0 where nothing does."""
    trouble = obstacle()
    if trouble:
        print(f"building: {trouble}", file=sys.stderr)
    return 1 if trouble else 0


if __name__ == "__main__":
    sys.exit(main())
