"""A pytest plugin with only the `broker` fixture, for environments that have none of the broker's own packages."""

from __future__ import annotations

import pytest

from tests.support.brokers import RunningBroker, external_broker


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "xdist_group(name): of pytest-xdist, which is not here")


@pytest.fixture(scope="session")
def broker() -> RunningBroker:
    """The running broker named by the environment."""
    running = external_broker()
    assert running is not None, "this plugin needs LEVERET_TEST_BROKER"
    return running
