"""When a wheel is compiled, as the environment and the machine say."""

from __future__ import annotations

import pytest

from building import choice, compiler
from building.compiler import CompileError


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LEVERET_COMPILE", "REQUIRE_COMPILED", "CC"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(choice, "obstacle", lambda: "")


def test_it_is_compiled_where_nothing_keeps_it_from_that() -> None:
    assert choice.may_compile()


def test_an_obstacle_makes_a_plain_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "obstacle", lambda: "there is no compiler")
    assert not choice.may_compile()


def test_it_can_be_forbidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEVERET_COMPILE", "0")
    assert not choice.may_compile()


def test_it_can_be_required(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUIRE_COMPILED", "1")
    assert choice.may_compile()
    monkeypatch.setattr(choice, "obstacle", lambda: "there is no compiler")
    with pytest.raises(CompileError, match="REQUIRE_COMPILED=1, but there is no compiler"):
        choice.may_compile()


def test_it_cannot_be_both(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUIRE_COMPILED", "1")
    monkeypatch.setenv("LEVERET_COMPILE", "0")
    with pytest.raises(CompileError, match="forbids what"):
        choice.may_compile()


@pytest.mark.parametrize(
    ("command", "reason"), [("no-such-compiler-here", "there is no C compiler"), ("false", "false does not work")]
)
def test_a_compiler_that_is_not_there_or_does_not_work_is_seen(
    monkeypatch: pytest.MonkeyPatch, command: str, reason: str
) -> None:
    monkeypatch.setenv("CC", command)
    assert reason in compiler.obstacle()


def test_python_without_headers_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiler.sysconfig, "get_path", lambda name: f"/nowhere/{name}")
    assert "headers" in compiler.obstacle()
