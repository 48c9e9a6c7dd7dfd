"""The list of compiled modules names files of ours, each once."""

from __future__ import annotations

import ast

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


def caught_twice(source: str) -> list[str]:
    """Names that one function gives to errors of different types; mypyc takes the first type for all of them."""
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    wrong = []
    for function in (node for node in ast.walk(ast.parse(source)) if isinstance(node, functions)):
        types: dict[str, set[str]] = {}
        for node in ast.walk(function):
            if isinstance(node, ast.ExceptHandler) and node.name is not None and node.type is not None:
                types.setdefault(node.name, set()).add(ast.unparse(node.type))
        wrong += [f"{function.name}: {name}" for name, kinds in types.items() if len(kinds) > 1]
    return wrong


def test_no_compiled_function_gives_two_kinds_of_errors_one_name() -> None:
    found = {path: caught_twice((ROOT / path).read_text()) for path in listed()}
    assert not {path: names for path, names in found.items() if names}


def test_one_name_for_two_kinds_of_errors_is_seen() -> None:
    one = "def f():\n  try: g()\n  except KeyError as error: h(error)\n"
    assert not caught_twice(one)
    assert caught_twice(one + "  except OSError as error: h(error)\n") == ["f: error"]


def doubtful(source: str) -> list[str]:
    """Classes with a length and without `__bool__`: compiled, an optional one counts as true even where it is empty."""
    classes = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ClassDef)]
    methods = {node.name: {one.name for one in node.body if isinstance(one, ast.FunctionDef)} for node in classes}
    return [name for name, names in methods.items() if "__len__" in names and "__bool__" not in names]


def test_what_is_empty_is_false_in_both_forms() -> None:
    found = {path: doubtful((ROOT / path).read_text()) for path in listed()}
    assert not {path: names for path, names in found.items() if names}


def test_a_length_without_a_truth_is_seen() -> None:
    assert doubtful(
        "class A:\n  def __len__(self): ...\nclass B:\n  def __len__(self): ...\n  def __bool__(self): ..."
    ) == ["A"]
