"""The page's files: what is served and how, and what must never stand in them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from broker.management.ui.files import FOLDER, HEADERS, create_page
from tests.page.asgi import fetch

LINES_MAX = 400
CODE = sorted(path for path in FOLDER.rglob("*.js") if path.parent.name != "vendor")
STYLES = sorted(FOLDER.rglob("*.css"))
WAYS_TO_MARKUP = ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "DOMParser", "srcdoc", "eval(")
IMPORT = re.compile(r"(?:from|import) \"(\.[^\"]+)\"")


def test_there_are_files() -> None:
    assert len(CODE) > 20
    assert STYLES


@pytest.mark.parametrize("path", CODE, ids=lambda path: str(path.relative_to(FOLDER)))
def test_data_never_becomes_markup(path: Path) -> None:
    text = path.read_text()
    assert not [way for way in WAYS_TO_MARKUP if way in text]


@pytest.mark.parametrize("path", [*CODE, *STYLES], ids=lambda path: str(path.relative_to(FOLDER)))
def test_files_are_short_and_need_nothing_from_elsewhere(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) < LINES_MAX
    assert text.startswith(("//", "/*")), "the first line says what the file is for"
    assert "://" not in text.replace("http://www.w3.org/2000/svg", "")


@pytest.mark.parametrize("path", CODE, ids=lambda path: str(path.relative_to(FOLDER)))
def test_imports_lead_to_files(path: Path) -> None:
    assert not [found for found in IMPORT.findall(path.read_text()) if not (path.parent / found).resolve().is_file()]


def test_every_module_is_used() -> None:
    imported = {(path.parent / found).resolve() for path in CODE for found in IMPORT.findall(path.read_text())}
    assert set(CODE) - imported == {FOLDER / "app.js"}


def test_markup_has_no_inline_code() -> None:
    text = (FOLDER / "index.html").read_text()
    assert "style=" not in text
    assert not re.search(r"<script(?![^>]* src=)|<style|\son\w+=", text)


async def test_the_page_is_served_with_its_policy() -> None:
    status, headers, body = await fetch(create_page(), "/")
    assert status == 200
    assert body == (FOLDER / "index.html").read_bytes()
    assert {name.lower(): value for name, value in HEADERS.items()}.items() <= headers.items()
    assert "unsafe" not in headers["content-security-policy"]


@pytest.mark.parametrize(
    ("path", "kind"), [("/app.js", "javascript"), ("/css/base.css", "text/css"), ("/icon.svg", "svg")]
)
async def test_kinds_of_files(path: str, kind: str) -> None:
    status, headers, _ = await fetch(create_page(), path)
    assert status == 200
    assert kind in headers["content-type"]


@pytest.mark.parametrize("path", ["/../files.py", "/%2e%2e/files.py", "/nothing.js"])
async def test_nothing_else_is_served(path: str) -> None:
    status, _, _ = await fetch(create_page(), path)
    assert status == 404
