"""Lets brokers come and go, and prints what they leave behind: `python -m tests.testing.soak memory 200`."""

from __future__ import annotations

import gc
import json
import os
import sys
import threading

import pika

from broker.node import Node
from broker.testing import Broker
from broker.testing.link import Link

WARM_UP = 2


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


def main(storage: str, rounds: int) -> None:
    for _ in range(WARM_UP):
        one_life(storage)
    before = left()
    for _ in range(rounds):
        one_life(storage)
    print(json.dumps([before, left()]))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
