"""The build backend: hatchling, with what compiling needs for wheels only.

An editable install is never compiled, so it does not wait for a compiler's packages. Must not: build anything itself.
"""

from __future__ import annotations

from typing import Any

from hatchling import build as hatchling
from hatchling.build import build_editable, build_sdist, build_wheel, get_requires_for_build_sdist

from building.choice import may_compile
from building.compiler import REQUIREMENTS

__all__ = [
    "build_editable",
    "build_sdist",
    "build_wheel",
    "get_requires_for_build_editable",
    "get_requires_for_build_sdist",
    "get_requires_for_build_wheel",
]


def get_requires_for_build_wheel(config_settings: dict[str, Any] | None = None) -> list[str]:
    """What hatchling needs, and mypyc where there is a compiler for what it makes."""
    needed: list[str] = hatchling.get_requires_for_build_wheel(config_settings)
    return [*needed, *REQUIREMENTS] if may_compile() else needed


def get_requires_for_build_editable(config_settings: dict[str, Any] | None = None) -> list[str]:
    """What hatchling needs."""
    needed: list[str] = hatchling.get_requires_for_build_editable(config_settings)
    return needed
