"""Which modules of this process are compiled, by the files they came from. Must not: cost anything while it runs."""

from __future__ import annotations

import sys
from importlib.machinery import EXTENSION_SUFFIXES
from typing import Final

COMPILED: Final = "compiled"
PLAIN: Final = "not compiled"
PACKAGES: Final = ("broker", "protocol", "storage")
ADVICE: Final = (
    "install a C compiler and Python's headers and install Leveret again: it then needs a fraction of the CPU"
)


def compiled_modules() -> tuple[str, ...]:
    """The loaded modules of Leveret that are extension modules, sorted."""
    suffixes = tuple(EXTENSION_SUFFIXES)
    ours = (name for name in list(sys.modules) if name.partition(".")[0] in PACKAGES)
    return tuple(
        sorted(name for name in ours if (getattr(sys.modules[name], "__file__", None) or "").endswith(suffixes))
    )


def form() -> str:
    """What the broker is: `compiled` or `not compiled`."""
    return COMPILED if compiled_modules() else PLAIN


def description() -> str:
    """The form in words for the log, with advice where there is something to gain."""
    modules = compiled_modules()
    return f"{COMPILED} ({len(modules)} modules)" if modules else f"{PLAIN}: {ADVICE}"
