"""Fixtures that every test may use."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.support.brokers import RunningBroker, external_broker, running_brokerd


def pytest_configure(config: pytest.Config) -> None:
    os.environ["BROKER_MANAGEMENT_PORT"] = "0"  # of brokers that tests start: many run at a time
    config.addinivalue_line("markers", "ours: needs a Leveret, not just any AMQP broker")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if external_broker() is None:
        return
    for item in items:
        if item.get_closest_marker("ours"):
            item.add_marker(pytest.mark.skip(reason="runs only against a Leveret of its own"))


@pytest.fixture(scope="session")
def broker() -> Iterator[RunningBroker]:
    """One broker process for all tests of this worker; tests use names of their own and leave nothing behind."""
    running = external_broker()
    if running is not None:
        yield running
        return
    with running_brokerd() as started:
        yield started
