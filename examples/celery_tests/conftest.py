"""Celery's own fixtures, on the broker of the test: `celery_app` has a vhost to itself, `worker` is a real worker."""

from collections.abc import Iterator

import pytest
import shop
from celery.contrib.testing.worker import TestWorkController

from broker.testing import Broker

pytest_plugins = ("celery.contrib.pytest",)


@pytest.fixture
def celery_config(amqp_url: str) -> dict[str, object]:
    return {
        "broker_url": amqp_url,
        "broker_transport_options": {"confirm_publish": True},
        "result_backend": "cache+memory://",
    }


@pytest.fixture
def celery_worker_parameters() -> dict[str, object]:
    return {"queues": ["orders", "offers"], "perform_ping_check": False}


@pytest.fixture
def worker(celery_worker: TestWorkController, broker: Broker) -> TestWorkController:
    """A worker in a thread, which consumes. Left alone it looks only every ten seconds whether the test has ended."""
    celery_worker.hub.call_repeatedly(0.05, lambda: None)
    broker.wait_for_consumers("orders")
    return celery_worker


@pytest.fixture(autouse=True)
def _shop(depends_on_current_app: None, broker: Broker) -> Iterator[None]:  # noqa: ARG001 - tasks go by the test's app
    broker.declare("orders")
    broker.declare("offers")
    yield
    shop.PAID.clear()
    shop.OUTBOX.clear()
