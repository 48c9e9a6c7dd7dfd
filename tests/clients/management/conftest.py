"""One broker with its HTTP API on TCP for the clients of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.http import Http
from tests.support.managed import Managed, managed_brokerd


@pytest.fixture(scope="package")
def managed() -> Iterator[Managed]:
    with managed_brokerd() as running:
        yield running


@pytest.fixture
def http(managed: Managed) -> Http:
    """Its HTTP API, as guest."""
    return managed.http
