"""The broker does what a naive one does, whatever clients do and in whatever order.

`LEVERET_MODEL=soak` runs many more and longer examples than a test run has time for.
"""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

from tests.model.machine import BrokerMachine

SOAK = os.environ.get("LEVERET_MODEL") == "soak"
_SLOW = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]

TestBrokerModel = BrokerMachine.TestCase
TestBrokerModel.settings = settings(
    max_examples=3000 if SOAK else 200,
    stateful_step_count=120 if SOAK else 60,
    deadline=None,
    derandomize=not SOAK,
    database=None,
    suppress_health_check=_SLOW,
)
if SOAK:
    TestBrokerModel = pytest.mark.timeout(3600)(TestBrokerModel)
