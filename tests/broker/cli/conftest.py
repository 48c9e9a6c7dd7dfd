"""A broker with both doors open, for brokerctl's tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.broker.cli.doors import Managed, managed_brokerd


@pytest.fixture(scope="session")
def managed() -> Iterator[Managed]:
    """One broker for all tests of this worker; tests use names of their own."""
    with managed_brokerd() as started:
        yield started
