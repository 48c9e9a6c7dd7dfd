"""What the broker says it is, and that the run really has the form that was asked for."""

from __future__ import annotations

import importlib
import re
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

from broker import build
from building.modules import PACKAGES, dotted, listed
from tests import forms
from tests.support.brokers import RestartableBroker

LISTED = [dotted(path) for path in listed() if path.partition("/")[0] in PACKAGES]


@pytest.mark.skipif(not forms.expected(), reason=f"{forms.VARIABLE} is not set")
@pytest.mark.parametrize("name", LISTED)
def test_every_listed_module_has_the_form_of_this_run(name: str) -> None:
    path = importlib.import_module(name).__file__
    assert path is not None
    assert path.endswith(EXTENSION_SUFFIXES[0] if forms.expected() == forms.COMPILED else ".py")


def test_the_broker_knows_which_of_its_modules_are_compiled() -> None:
    for name in LISTED:
        importlib.import_module(name)
    assert set(build.compiled_modules()) in (set(), set(LISTED))
    assert build.form() == (build.COMPILED if build.compiled_modules() else build.PLAIN)


@pytest.mark.parametrize(
    ("modules", "form", "said"),
    [
        (("broker.tick", "protocol.engine"), "compiled", "compiled (2 modules)"),
        ((), "not compiled", "not compiled: install a C compiler"),
    ],
)
def test_it_says_what_it_is_in_words(
    monkeypatch: pytest.MonkeyPatch, modules: tuple[str, ...], form: str, said: str
) -> None:
    monkeypatch.setattr(build, "compiled_modules", lambda: modules)
    assert build.form() == form
    assert build.description().startswith(said)


def test_brokerd_says_at_its_start_what_it_is(tmp_path: Path) -> None:
    with RestartableBroker(tmp_path) as broker:
        broker.launch()
        broker.await_ready()
        assert broker.stop() == 0  # the log has a thread of its own, which stopping waits for
    lines = re.findall(r"(\w+) leveret: this broker is (.*)", broker.log_path.read_text())
    assert [(text.partition(" (")[0].partition(":")[0], level) for level, text in lines] == [
        (build.form(), "info" if build.form() == build.COMPILED else "warning")
    ]
