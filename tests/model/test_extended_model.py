"""Expiry, limits, dead letters, priorities, delivery limits and delays together do what they do in a naive broker.

`LEVERET_MODEL=soak` runs many more and longer examples than a test run has time for.
"""

from __future__ import annotations

import pytest
from hypothesis.stateful import run_state_machine_as_test

from tests.model.extended_machine import REACHED, ExtendedMachine
from tests.model.test_broker_model import ENOUGH, SOAK, model_settings


@pytest.mark.timeout(3600 if SOAK else 400)
def test_what_queues_do_beyond_first_in_first_out() -> None:
    REACHED.clear()
    run_state_machine_as_test(ExtendedMachine, settings=model_settings(150, 3000))
    for what in ("expired", "rejected", "maxlen", "delivery_limit", "cycle", "refused", "held", "kill", "loaded"):
        assert REACHED[what] >= ENOUGH, f"{what}: {REACHED}"
