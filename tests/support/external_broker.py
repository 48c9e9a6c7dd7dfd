"""A pytest plugin with only the `broker` fixture, for environments that have none of the broker's own packages."""

from __future__ import annotations

import pytest

from tests.support.brokers import RunningBroker, external_broker


@pytest.fixture(scope="session")
def broker() -> RunningBroker:
    """The running broker named by the environment."""
    running = external_broker()
    assert running is not None, "this plugin needs LEVERET_TEST_BROKER"
    return running
