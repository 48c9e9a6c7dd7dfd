"""One broker with its HTTP API on TCP for all tests of a worker."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.http import Http
from tests.support.managed import Managed, managed_brokerd


@pytest.fixture(scope="session")
def managed() -> Iterator[Managed]:
    """Tests use names of their own and leave nothing behind."""
    with managed_brokerd("--auth-failure-delay-s", "0.1") as running:
        yield running


@pytest.fixture
def http(managed: Managed) -> Http:
    """Its HTTP API, as guest."""
    return managed.http
