"""Brokers that come and go leave nothing behind: no thread, no open file, no socket, nothing in memory."""

from __future__ import annotations

import gc
import os
import threading

import pika
import pytest

from broker.node import Node
from broker.testing import Broker
from broker.testing.link import Link

WARM_UP = 2
ROUNDS = {"memory": int(os.environ.get("LEVERET_TESTING_ROUNDS", "15")), "folder": 5}
OBJECTS_A_ROUND_MAX = 10  # a broker has thousands


def one_life(storage: str) -> None:
    with Broker(storage=storage) as broker:
        broker.declare("q")
        broker.publish("x", "q")
        pika.BlockingConnection(pika.URLParameters(broker.url)).channel().basic_get("q")  # and leaves it open
        broker.faults.stall()
        broker.clock.freeze()


def left() -> dict[str, int]:
    gc.collect()
    objects = gc.get_objects()
    nodes = [one for one in objects if isinstance(one, (Node, Link))]
    return {
        "threads": threading.active_count(),
        "open files": len(os.listdir("/dev/fd")),
        "brokers": len(nodes),
        "objects": len(objects),
    }


@pytest.mark.parametrize("storage", list(ROUNDS))
def test_nothing_is_left_behind(storage: str) -> None:
    for _ in range(WARM_UP):
        one_life(storage)
    before = left()
    for _ in range(ROUNDS[storage]):
        one_life(storage)
    after = left()
    assert after["objects"] - before["objects"] <= ROUNDS[storage] * OBJECTS_A_ROUND_MAX
    assert {**after, "objects": 0} == {**before, "objects": 0}
