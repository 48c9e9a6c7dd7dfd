"""One broker for all tests of the page, one Chromium for each module; each test opens pages of its own.

Playwright keeps an event loop running in this thread, where no other test could then have one; so it ends with its
module.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.page.browsing import Looker, Managed, chromium, managed_broker


@pytest.fixture(scope="session")
def managed() -> Iterator[Managed]:
    with managed_broker() as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture
def look(browser: Browser, managed: Managed) -> Iterator[Looker]:
    looker = Looker(browser, managed)
    yield looker
    looker.close()
