"""Gives aiormq's tests the two fixtures that its source distribution leaves out; must not start anything."""

from __future__ import annotations

import os
from types import SimpleNamespace

import pytest
from yarl import URL

PORT_OF_NO_LISTENER = 1


@pytest.fixture(scope="session")
def rabbitmq_container() -> SimpleNamespace:
    """The broker under test; it has no TLS port, so the TLS port named is one where nothing listens."""
    amqp_port = int(os.environ["RABBITMQ_5672_TCP"])
    return SimpleNamespace(
        host=os.environ["RABBITMQ_HOST"], ports={"5672/tcp": amqp_port, "5671/tcp": PORT_OF_NO_LISTENER}
    )


@pytest.fixture(scope="session")
def amqp_direct_url() -> URL:
    """The address of the broker under test, vhost `/`."""
    return URL(os.environ["RABBITMQ_URL"])
