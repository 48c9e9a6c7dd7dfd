"""Runs every script under examples/pika as its head says and compares what it prints with what the head promises."""

from __future__ import annotations

import ast
import os
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.brokers import RunningBroker

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "examples" / "pika"
SCRIPTS = sorted(FOLDER.rglob("*.py"))
INDENT = "    "
PROMPT = f"{INDENT}$ python "
RUN_SECONDS_MAX = 60


@dataclass(frozen=True)
class Promise:
    """One run that a head describes: the words after `python`, and everything the run prints."""

    arguments: list[str]
    output: str


def promises_of(head: str) -> list[Promise]:
    """The runs in a script's head: an indented line `$ python ...`, then the indented lines that it prints."""
    promises = []
    lines = head.splitlines()
    for number, line in enumerate(lines):
        if not line.startswith(PROMPT):
            continue
        output = ""
        for printed in lines[number + 1 :]:
            if not printed.startswith(INDENT) or printed.startswith(PROMPT):
                break
            output += printed.removeprefix(INDENT) + "\n"
        promises.append(Promise(shlex.split(line.removeprefix(PROMPT)), output))
    return promises


def head_of(script: Path) -> str:
    return ast.get_docstring(ast.parse(script.read_text()), clean=False) or ""


def run(promise: Promise, broker: RunningBroker) -> None:
    done = subprocess.run(
        [sys.executable, *promise.arguments],
        cwd=ROOT,
        env={**os.environ, "BROKER_URL": broker.url()},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=RUN_SECONDS_MAX,
        check=False,
    )
    assert done.stdout == promise.output
    assert done.returncode == 0


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_script_does_what_its_head_says(script: Path, broker: RunningBroker) -> None:
    promises = promises_of(head_of(script))
    assert promises
    assert all(promise.output for promise in promises)
    assert {promise.arguments[0] for promise in promises} == {script.relative_to(ROOT).as_posix()}
    for promise in promises * 2:  # the second round would see what the first one left in a queue
        run(promise, broker)


def test_runs_and_outputs_are_read_from_a_head() -> None:
    head = (
        "Sum.\n\n    $ python a.py send\n    1\n    2\n\n    not printed\n    $ python a.py\n    $ python b.py\n    3\n"
    )
    assert promises_of(head) == [
        Promise(["a.py", "send"], "1\n2\n"),
        Promise(["a.py"], ""),
        Promise(["b.py"], "3\n"),
    ]


def test_index_names_every_script() -> None:
    index = (FOLDER / "README.md").read_text()
    assert [script.name for script in SCRIPTS if f"]({script.relative_to(FOLDER).as_posix()})" not in index] == []
    assert len(SCRIPTS) >= 8
