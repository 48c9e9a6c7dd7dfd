"""The docs are in step with the code, and every link in them leads somewhere."""

from __future__ import annotations

import re

from broker import config_docs, config_rabbitmq_docs
from broker.cli import docs
from broker.management import openapi
from broker.management.table import ENDPOINTS
from broker.model import arguments_docs
from broker.policies import docs as policies_docs
from tests.tidy import ROOT, tree_files

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def test_configuration_page_is_generated() -> None:
    assert (ROOT / "docs" / "configuration.md").read_text() == config_docs.markdown(), "run: make docs"


def test_rabbitmq_settings_page_is_generated() -> None:
    assert (ROOT / "docs" / "rabbitmq-settings.md").read_text() == config_rabbitmq_docs.markdown(), "run: make docs"


def test_arguments_page_is_generated() -> None:
    assert (ROOT / "docs" / "arguments.md").read_text() == arguments_docs.markdown(), "run: make docs"


def test_commands_page_is_generated() -> None:
    assert (ROOT / "docs" / "brokerctl.md").read_text() == docs.markdown(), "run: make docs"


def test_http_api_page_is_generated() -> None:
    assert (ROOT / "docs" / "http-api.md").read_text() == openapi.markdown(ENDPOINTS), "run: make docs"


def test_policies_page_is_generated() -> None:
    assert (ROOT / "docs" / "policies.md").read_text() == policies_docs.markdown(), "run: make docs"


def test_every_relative_link_resolves() -> None:
    broken = []
    for page in tree_files(".md"):
        for target in LINK.findall(page.read_text()):
            path = target.partition("#")[0]
            if path and "://" not in path and not path.startswith("mailto:") and not (page.parent / path).exists():
                broken.append(f"{page.relative_to(ROOT)}: {target}")
    assert not broken


def test_the_index_leads_to_every_page() -> None:
    index = ROOT / "docs" / "index.md"
    linked = {(index.parent / target).resolve() for target in LINK.findall(index.read_text())}
    pages = set((ROOT / "docs").glob("*.md")) - {index}
    assert not {page.name for page in pages if page.resolve() not in linked}, "name it in docs/index.md"
