"""The compiled copy follows the tree, and is compiled again only where something changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from building import tree
from building.compiler import CompileError

LIST = "building/modules.txt"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A tree of two modules, one of them listed; without git."""
    root = tmp_path / "tree"
    for name, text in {"broker/hot.py": "A = 1\n", "broker/cool.py": "B = 2\n", LIST: "broker/hot.py\n"}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The trees that were compiled; what stands for a compiler leaves an extension module."""
    trees: list[Path] = []

    def compile_tree(copy: Path) -> list[Path]:
        trees.append(copy)
        (copy / "build").mkdir(exist_ok=True)
        made = copy / "broker" / f"hot{len(trees)}.so"
        made.touch()
        return [made]

    monkeypatch.setattr(tree, "compile_tree", compile_tree)
    return trees


def test_only_a_change_is_compiled(root: Path, compiled: list[Path], tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    assert tree.update(root, copy)
    assert (copy / "broker/hot.py").read_text() == "A = 1\n"
    assert not tree.update(root, copy)
    (root / "broker/cool.py").write_text("B = 3\n")
    assert tree.update(root, copy), "what is compiled depends on the types of what is not"
    assert (copy / "broker/cool.py").read_text() == "B = 3\n"
    assert [path.name for path in copy.rglob("*.so")] == ["hot2.so"]
    assert len(compiled) == 2


def test_a_test_that_changed_is_copied_and_nothing_compiled(root: Path, compiled: list[Path], tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    tree.update(root, copy)
    (root / "tests").mkdir()
    (root / "tests/test_it.py").write_text("")
    assert not tree.update(root, copy)
    assert (copy / "tests/test_it.py").exists()
    assert len(compiled) == 1


@pytest.mark.usefixtures("compiled")
def test_what_is_gone_goes(root: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    tree.update(root, copy)
    (root / "broker/cool.py").unlink()
    assert tree.update(root, copy)
    assert not (copy / "broker/cool.py").exists()


def test_what_failed_is_tried_again(
    root: Path, tmp_path: Path, compiled: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Path) -> list[Path]:
        raise CompileError("no room")

    copy = tmp_path / "copy"
    with monkeypatch.context() as patched:
        patched.setattr(tree, "compile_tree", fail)
        with pytest.raises(CompileError):
            tree.update(root, copy)
    assert tree.update(root, copy)
    assert compiled == [copy]


def test_hidden_and_built_files_stay_out(root: Path) -> None:
    for name in (".venv/lib.py", "build/x.py", "broker/hot.so", "broker/__pycache__/hot.pyc", ".ci/run", ".gitignore"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    assert tree.files_of(root) == [".ci/run", ".gitignore", "broker/cool.py", "broker/hot.py", LIST]
