"""The list of compiled modules names files of ours, each once."""

from __future__ import annotations

import pytest

from building.modules import CORE, dotted, groups, listed
from tests.tidy import ROOT

FOLDERS = {"broker", "protocol", "storage", "bench"}


def wrong_lines(paths: list[str]) -> list[str]:
    """What is listed and is no module, or stands there again."""
    wrong = [path for path in paths if not path.endswith(".py") or not (ROOT / path).is_file()]
    wrong += [path for path in paths if path.partition("/")[0] not in FOLDERS]
    return wrong + [path for path in sorted(set(paths)) if paths.count(path) > 1]


def test_every_listed_module_exists() -> None:
    assert listed()
    assert not wrong_lines(listed())


def test_the_list_is_sorted() -> None:
    assert listed() == sorted(listed())


@pytest.mark.parametrize(
    "paths",
    [["broker/gone.py"], ["broker"], ["tests/conftest.py"], ["broker/tick.py", "broker/tick.py"], ["broker/py.typed"]],
)
def test_a_wrong_line_is_seen(paths: list[str]) -> None:
    assert wrong_lines(paths)


def test_names_and_libraries_follow_from_the_path() -> None:
    assert dotted("broker/queues/classic.py") == "broker.queues.classic"
    assert dotted("broker/queues/__init__.py") == "broker.queues"
    assert groups(["broker/tick.py", "bench/load.py", "storage/ranges.py"]) == {
        CORE: ["broker/tick.py", "storage/ranges.py"],
        "leveret_bench": ["bench/load.py"],
    }
