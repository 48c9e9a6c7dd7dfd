"""Files and functions stay small enough to be read in one go."""

from __future__ import annotations

import ast

from tests.tidy import ROOT, tree_files

FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 50


def long_functions(source: str) -> list[tuple[str, int]]:
    """Functions over the limit and their lengths, from `def` to the last line, decorators not counted."""
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    nodes = [node for node in ast.walk(ast.parse(source)) if isinstance(node, functions)]
    lengths = [(node.name, (node.end_lineno or node.lineno) - node.lineno + 1) for node in nodes]
    return [(name, length) for name, length in lengths if length > FUNCTION_LINES_MAX]


def test_files_are_short() -> None:
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in tree_files(".py")}
    assert lengths
    assert not {name: length for name, length in lengths.items() if length > FILE_LINES_MAX}


def test_functions_are_short() -> None:
    found = {str(path.relative_to(ROOT)): long_functions(path.read_text()) for path in tree_files(".py")}
    assert not {name: functions for name, functions in found.items() if functions}


def test_a_long_function_is_seen() -> None:
    body = "    pass\n" * FUNCTION_LINES_MAX
    assert long_functions("def f():\n" + body) == [("f", FUNCTION_LINES_MAX + 1)]
    assert long_functions("class C:\n  async def g(self):\n" + body) == [("g", FUNCTION_LINES_MAX + 1)]
    assert not long_functions("def f():\n" + body.removesuffix("    pass\n"))
