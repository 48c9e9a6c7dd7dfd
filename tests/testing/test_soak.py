"""Brokers that come and go leave nothing behind: no thread, no open file, no socket, nothing in memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.tidy import ROOT

ROUNDS = {"memory": int(os.environ.get("LEVERET_TESTING_ROUNDS", "15")), "folder": 5}
OBJECTS_A_ROUND_MAX = 10  # a broker has thousands
SECONDS_MAX = 100


@pytest.mark.parametrize("storage", list(ROUNDS))
def test_nothing_is_left_behind(storage: str) -> None:
    command = [sys.executable, "-m", "tests.testing.soak", storage, str(ROUNDS[storage])]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=SECONDS_MAX)
    before, after = json.loads(done.stdout)
    assert after.pop("objects") - before.pop("objects") <= ROUNDS[storage] * OBJECTS_A_ROUND_MAX
    assert after == before
    assert (after["threads"], after["brokers"]) == (1, 0)
