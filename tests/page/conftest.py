"""One broker and one Chromium for all tests of the page; each test opens pages of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.page.browsing import Looker, Managed, chromium, managed_broker


@pytest.fixture(scope="session")
def managed() -> Iterator[Managed]:
    with managed_broker() as running:
        yield running


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture
def look(browser: Browser, managed: Managed) -> Iterator[Looker]:
    looker = Looker(browser, managed)
    yield looker
    looker.close()
