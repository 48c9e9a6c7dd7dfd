"""Every command of brokerctl through both doors: as a process on the unix socket, and over TCP."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from broker.cli.table import MODULES
from tests.broker.cli.doors import Ended, Managed, as_process, in_process
from tests.broker.cli.steps import ELSEWHERE, SCENARIOS, Step

pytestmark = pytest.mark.ours


def play(steps: tuple[Step, ...], names: dict[str, str], first: Callable[..., Ended], flags: list[str]) -> None:
    """Runs the steps: `first` each command's first one, the quicker `in_process` those after it."""
    begun: set[str] = set()
    for template in steps:
        run = in_process if template.command in begun else first
        begun.add(template.command)
        step = replace(
            template, line=template.line.format(**names), err=template.err.format(**names),
            given=template.given.format(**names),
        )  # fmt: skip
        ended = run(*flags, *step.words, given=step.given)
        told = f"{step.line}\n{ended.out}\n{ended.err}"
        assert ended.status == step.status, told
        assert step.err in ended.err, told
        assert bool(step.err) == bool(ended.err), told
        for text in step.out:
            assert text.format(**names) in ended.out, told
        if "--json" in step.words and ended.status == 0:
            for line in ended.out.splitlines() if step.command == "log_tail" else [ended.out]:
                json.loads(line)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_as_a_process_on_the_socket(managed: Managed, scenario: str, tmp_path: Path) -> None:
    names = {"v": f"socket-{scenario}", "u": f"socket/{scenario}", "f": str(tmp_path), "port": str(managed.broker.port)}
    play(SCENARIOS[scenario], names, as_process, managed.socket_flags)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_over_tcp(managed: Managed, scenario: str, tmp_path: Path) -> None:
    names = {"v": f"tcp/{scenario}", "u": f"tcp-{scenario}", "f": str(tmp_path), "port": str(managed.broker.port)}
    play(SCENARIOS[scenario], names, in_process, managed.tcp_flags)


def test_no_command_is_without_a_test() -> None:
    played = {step.command for steps in SCENARIOS.values() for step in steps if step.status == 0}
    assert set(MODULES) == played | ELSEWHERE


@pytest.mark.parametrize("command", sorted(name for name in MODULES if name.startswith("list_")))
def test_a_list_is_json_with_its_columns(managed: Managed, command: str) -> None:
    words = ["guest"] if command.startswith("list_user_") and "limits" not in command else []
    if command == "list_stream_offsets":
        words = ["listed"]
        assert in_process(*managed.socket_flags, "declare_queue", "listed", "--type", "stream").status == 0
    shown = in_process(*managed.socket_flags, command, *words, "--json")
    columns = in_process(*managed.socket_flags, command, *words).out.splitlines()[0].split("\t")
    assert shown.status == 0, shown.err
    assert all(list(row) == columns for row in json.loads(shown.out))
