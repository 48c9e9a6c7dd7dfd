"""The broker does what a naive one does, whatever clients do and in whatever order.

`LEVERET_MODEL=soak` runs many more and longer examples than a test run has time for.
"""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.model.durable_machine import REACHED, DurableMachine, LateMachine
from tests.model.machine import BrokerMachine

SOAK = os.environ.get("LEVERET_MODEL") == "soak"
ENOUGH = 5  # of each thing that has to happen for a run to say something
_SLOW = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]


def model_settings(examples: int, soak_examples: int) -> settings:
    return settings(
        max_examples=soak_examples if SOAK else examples,
        stateful_step_count=120 if SOAK else 60,
        deadline=None,
        derandomize=not SOAK,
        database=None,
        suppress_health_check=_SLOW,
        phases=(Phase.generate, Phase.shrink),
    )


TestBrokerModel = BrokerMachine.TestCase
TestBrokerModel.settings = model_settings(200, 3000)
if SOAK:
    TestBrokerModel = pytest.mark.timeout(3600)(TestBrokerModel)


@pytest.mark.timeout(3600 if SOAK else 400)
@pytest.mark.parametrize("machine", [DurableMachine, LateMachine])
def test_broker_on_a_disk(machine: type[DurableMachine]) -> None:
    REACHED.clear()
    run_state_machine_as_test(machine, settings=model_settings(250, 3000))
    ends = ("kill", "power cut", "stop", "full", "failed")
    for what in ("cold", "spooled", "loaded", "deleted segments", "compacted segments", *ends):
        assert REACHED[what] >= ENOUGH, f"{what}: {REACHED}"
    assert REACHED["late loads"] >= ENOUGH or not machine.is_late, REACHED
