"""Whether a wheel is compiled: as the environment says, else where a compiler is there. Must not: compile anything.

`LEVERET_COMPILE=0` forbids it, `REQUIRE_COMPILED=1` makes a wheel that is not compiled an error.
"""

from __future__ import annotations

import os

from building.compiler import CompileError, obstacle


def is_forbidden() -> bool:
    """Whether the environment forbids compiling. Raises: CompileError where it also requires it."""
    forbidden = os.environ.get("LEVERET_COMPILE", "") == "0"
    if forbidden and is_required():
        raise CompileError("LEVERET_COMPILE=0 forbids what REQUIRE_COMPILED=1 requires")
    return forbidden


def is_required() -> bool:
    """Whether the environment requires compiling."""
    return os.environ.get("REQUIRE_COMPILED", "") == "1"


def may_compile() -> bool:
    """Whether compiling will be tried. Raises: CompileError where it is required and cannot succeed."""
    if is_forbidden():
        return False
    trouble = obstacle()
    if trouble and is_required():
        raise CompileError(f"REQUIRE_COMPILED=1, but {trouble}")
    return not trouble
