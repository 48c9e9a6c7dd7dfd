"""hatchling's build hook: puts the compiled modules into a wheel, or says why it is not compiled.

Must not: compile in the source tree, or touch an editable install.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

from building.choice import is_forbidden, is_required
from building.compiler import CompileError, compile_tree
from building.modules import LIST, PACKAGES, ROOT, listed

NOT_COMPILED = (
    "Leveret is built WITHOUT compiled modules and will need several times the CPU. "
    "With a C compiler and Python's headers `pip install` compiles it (REQUIRE_COMPILED=1 insists). The reason: %s"
)


class CompiledHook(BuildHookInterface[Any]):
    """Adds the extension modules beside their sources, and the platform's tag."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compiles a copy of the sources. Raises: CompileError where that fails and is required."""
        if version == "editable":
            return
        self._folder = Path(tempfile.mkdtemp(prefix="leveret-build-"))
        try:
            made = self._compile()
        except CompileError as error:
            if is_required():
                raise
            self.app.display_warning(NOT_COMPILED % error)
            return
        if made:
            build_data["pure_python"] = False
            build_data["infer_tag"] = True
            build_data["force_include"] |= {str(path): str(path.relative_to(self._folder)) for path in made}

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002
        """Removes the copy."""
        if version != "editable":
            shutil.rmtree(self._folder)

    def _compile(self) -> list[Path]:
        if is_forbidden():
            self.app.display_warning(NOT_COMPILED % "LEVERET_COMPILE=0")
            return []
        root = Path(self.root)
        for package in PACKAGES:
            shutil.copytree(
                root / package, self._folder / package, ignore=shutil.ignore_patterns("*.so", "__pycache__")
            )
        (self._folder / LIST.relative_to(ROOT)).parent.mkdir()
        shutil.copy(root / LIST.relative_to(ROOT), self._folder / LIST.relative_to(ROOT))
        return compile_tree(self._folder, [path for path in listed(root) if path.partition("/")[0] in PACKAGES])
