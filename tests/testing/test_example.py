"""The example is a project of its own whose suite passes, and docs/testing-with-pytest.md shows its very lines."""

from __future__ import annotations

import os
import re
import subprocess
import sys

from tests.tidy import ROOT

EXAMPLE = ROOT / "examples" / "celery_tests"
PAGE = ROOT / "docs" / "testing-with-pytest.md"
SHOWN = re.compile(r"```python\n# (\w+\.py)\n(.*?)```", re.DOTALL)
SECONDS_MAX = 60


def test_the_examples_suite_passes() -> None:
    path = os.environ.get("PYTHONPATH", "")
    environment = {
        **os.environ,
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "PYTHONPATH": f"{ROOT}{os.pathsep}{path}" if path else str(ROOT),
    }
    command = [sys.executable, "-m", "pytest", "-p", "broker.testing.plugin", "-p", "no:cacheprovider", "-q"]
    done = subprocess.run(
        command, cwd=EXAMPLE, env=environment, capture_output=True, text=True, check=False, timeout=SECONDS_MAX
    )
    assert done.returncode == 0, done.stdout + done.stderr
    tests = (EXAMPLE / "test_shop.py").read_text().count("\ndef test_")
    assert f"{tests} passed" in done.stdout


def test_the_page_shows_the_examples_own_lines() -> None:
    shown = SHOWN.findall(PAGE.read_text())
    assert {name for name, _ in shown} == {"shop.py", "conftest.py", "test_shop.py"}
    for name, lines in shown:
        for piece in re.split(r"\n# \.\.\.\n", lines):
            assert piece.strip() in (EXAMPLE / name).read_text(), f"{name} has no such lines:\n{piece}"
