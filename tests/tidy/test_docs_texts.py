"""What the docs quote is there: texts of the broker, commands and their options, variables, metrics, chapters."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import click
import pytest

from broker.cli.brokerctl import brokerctl
from broker.config import Config
from broker.config_options import options_of
from broker.config_sources import CONFIG_FLAG, CONFIG_VARIABLE, SECRET_FILE_SUFFIX, command_line
from tests.tidy import ROOT, tree_files

PAGES = [path for path in tree_files(".md") if path.name != "CHANGELOG.md"]
GAP = "…"
FORMAT_FIELD = re.compile(r"%[-+ #0]*\d*(?:\.\d+)?[sdrifx]")
QUOTED_HEADING = re.compile(r"^### `([^`]+)`$", re.MULTILINE)
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`([^`\n]+)`")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
ANCHORED = re.compile(r"\[[^\]]*\]\(([^)\s#]*)#([^)\s]+)\)")
VARIABLE = re.compile(r"\bBROKER_[A-Z_]*[A-Z]\b")
OURS_ELSEWHERE = {"BROKER_URL", "BROKER_PORT"}  # an application's, and one that Kubernetes makes
RABBITMQ_ITSELF = ("rabbitmq_shovel", "rabbitmq_prometheus", "rabbitmq_management")


def texts(path: Path) -> Iterator[str]:
    """Every string of a module, with a gap for each part that is filled in."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield FORMAT_FIELD.sub(GAP, node.value)
        elif isinstance(node, ast.JoinedStr):
            parts = (part.value if isinstance(part, ast.Constant) else GAP for part in node.values)
            yield FORMAT_FIELD.sub(GAP, "".join(str(part) for part in parts))


@cache
def said() -> tuple[str, ...]:
    packages = ("broker", "protocol", "storage")
    return tuple(text for package in packages for path in (ROOT / package).rglob("*.py") for text in texts(path))


def is_said(quoted: str) -> bool:
    """Whether one text of the code has every word of a quote, in its order; what the code fills in may be anything."""
    words = re.escape(quoted).replace(re.escape(GAP), ".*")
    return any(re.search(words, text) for text in said())


def quoted_texts() -> list[str]:
    return QUOTED_HEADING.findall((ROOT / "docs" / "troubleshooting.md").read_text())


def test_there_are_quotes_to_check() -> None:
    assert len(quoted_texts()) > 20
    assert is_said("vhost … not found")
    assert not is_said("vhost … cannot be found")


@pytest.mark.parametrize("quoted", quoted_texts())
def test_a_quoted_text_is_the_brokers_own(quoted: str) -> None:
    assert is_said(quoted)


def command_lines(page: str) -> Iterator[list[str]]:
    """The words of each command that a page shows, in a block or within a line."""
    blocks = [line for language, block in FENCE.findall(page) if language in ("sh", "") for line in block.split("\n")]
    for line in [*blocks, *INLINE.findall(FENCE.sub("", page))]:
        words = line.partition(" #")[0].replace("sudo ", "").split()
        while words and re.fullmatch(r"[A-Z_]+=\S*", words[0]):
            words.pop(0)
        if words and Path(words[0]).name in ("brokerctl", "brokerd"):
            yield [Path(words[0]).name, *words[1:]]


def unknown_words(words: list[str]) -> list[str]:
    """The parts of a shown command that do not exist: its name, or its options."""
    flags = [word.partition("=")[0] for word in words[1:] if re.match(r"--[a-z]", word)]
    if words[0] == "brokerd":
        known = {
            action for entry in command_line(tuple(options_of(Config)))._actions for action in entry.option_strings
        }
        return [flag for flag in flags if flag not in known]
    context = click.Context(brokerctl)
    known, command = _options(brokerctl, context), brokerctl
    for name in (word for word in words[1:] if re.fullmatch(r"[a-z_]{2,}", word)):
        if not isinstance(command, click.Group):
            break
        found = command.get_command(context, name)
        if found is None:
            return [name]
        command = found
        known |= _options(command, context)
    return [flag for flag in flags if flag not in known]


def _options(command: click.Command, context: click.Context) -> set[str]:
    return {name for parameter in command.get_params(context) for name in (*parameter.opts, *parameter.secondary_opts)}


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_command_shown_exists(page: Path) -> None:
    wrong = {" ".join(words): unknown_words(words) for words in command_lines(page.read_text())}
    assert not {line: unknown for line, unknown in wrong.items() if unknown}


def test_wrong_commands_are_seen() -> None:
    assert unknown_words(["brokerctl", "lst_queues"]) == ["lst_queues"]
    assert unknown_words(["brokerctl", "status", "--loud"]) == ["--loud"]
    assert unknown_words(["brokerd", "--prot", "1", CONFIG_FLAG, "f"]) == ["--prot"]
    assert not unknown_words(["brokerctl", "log", "verify", "--json"])


def variables() -> set[str]:
    known = {CONFIG_VARIABLE, *OURS_ELSEWHERE}
    for option in options_of(Config):
        known.update(option.environment_names)
        if option.secret_file:
            known.update(name + SECRET_FILE_SUFFIX for name in option.environment_names)
    return known


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_variable_named_is_a_setting(page: Path) -> None:
    text = page.read_text()
    assert not set(VARIABLE.findall(text)) - variables()
    settings = {option.name.upper() for option in options_of(Config)}
    assert not settings & set(re.findall(r"\bLEVERET_([A-Z_]+)", text)), "settings begin with BROKER_"


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_metric_named_is_served(page: Path) -> None:
    listed = (ROOT / "docs" / "metrics.md").read_text()
    named = re.findall(r"`((?:leveret|rabbitmq)_[a-z_]+)`", page.read_text())
    assert not [name for name in named if name not in listed and name not in RABBITMQ_ITSELF and not is_said(name)]


KEPT_BY = re.compile(r"`([\w/]+\.py)::(\w+)`")


def test_what_keeps_each_claim_of_the_security_page_is_there() -> None:
    page = (ROOT / "docs" / "security.md").read_text()
    rows = [line for line in page.splitlines() if line.startswith("| ") and not line.startswith("| What |")]
    assert [row for row in rows if not KEPT_BY.search(row)] == []
    for path, name in KEPT_BY.findall(page):
        source = (ROOT / path).read_text() if (ROOT / path).is_file() else ""
        assert re.search(rf"^\s*(?:(?:async )?def |class )?{name}\b", source, re.MULTILINE), f"{path}::{name}"


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_chapter_linked_exists(page: Path) -> None:
    for target, anchor in ANCHORED.findall(FENCE.sub("", page.read_text())):
        if "://" not in target:
            linked = page.parent / target if target else page
            assert anchor in {slug(heading) for heading in HEADING.findall(FENCE.sub("", linked.read_text()))}, target


def slug(heading: str) -> str:
    """The anchor that a heading gets on the usual sites."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
