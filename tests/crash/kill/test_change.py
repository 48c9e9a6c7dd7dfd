"""kill -9 while the arguments of a queue are changed: old or new, never a mix, and every message there once."""

from __future__ import annotations

import contextlib
import os
import random
import threading
import time
from itertools import pairwise
from pathlib import Path

import pytest
from pamqp.commands import Basic

from broker.cli.client import Client
from broker.cli.exits import CtlError
from broker.cli.target import SocketTarget
from tests.support.brokers import RestartableBroker
from tests.support.raw import RawConnection

ROUNDS = 20 if os.environ.get("LEVERET_CRASH") == "whole" else 3
MESSAGES = 3000
HELD = 50
KILL_AFTER_SECONDS = 0.12  # at most, of a change that takes about as long
PATH = "/api/queues/%2F/q"
OLD: dict[str, object] = {"x-message-ttl": 3_600_000}
NEW: dict[str, object] = {"x-max-priority": 9, "x-message-ttl": 7_200_000, "x-expires": 3_600_000}

pytestmark = pytest.mark.ours


def fill(broker: RestartableBroker) -> list[bytes]:
    """Publishes into the queue until every message is confirmed, and holds some of them."""
    connection = RawConnection(broker.host, broker.port).log_in()
    channel = connection.channel()
    channel.declare_queue("q", OLD, durable=True)
    channel.confirm_select()
    bodies = [b"%d:%06d" % (number % 10, number) for number in range(MESSAGES)]
    for body in bodies:
        channel.publish("q", body, properties=Basic.Properties(delivery_mode=2, priority=int(body[:1])))
    channel.expect_confirms(1, MESSAGES)
    channel.qos(HELD)
    channel.consume("q")
    channel.deliveries(HELD)
    return bodies


def change(broker: RestartableBroker) -> None:
    """Asks for the change; the broker may die over it."""
    with contextlib.suppress(CtlError, OSError):
        Client(SocketTarget(broker.data_dir)).put(f"{PATH}/arguments", {"arguments": NEW})


def drained(broker: RestartableBroker) -> list[bytes]:
    """Everything in the queue, in the order in which it is delivered."""
    with RawConnection(broker.host, broker.port) as connection:
        channel = connection.log_in().channel()
        found = channel.drain("q")
        connection.close()
    return found


@pytest.mark.timeout(120)
@pytest.mark.parametrize("number", range(ROUNDS))
def test_a_change_is_made_whole_or_not_at_all(number: int, tmp_path: Path) -> None:
    wait_seconds = random.uniform(0, KILL_AFTER_SECONDS) if number else KILL_AFTER_SECONDS * 4
    with RestartableBroker(tmp_path) as broker:
        broker.launch()
        broker.await_ready()
        bodies = fill(broker)
        asking = threading.Thread(target=change, args=(broker,))
        asking.start()
        time.sleep(wait_seconds)
        broker.kill()
        asking.join()
        broker.launch()
        broker.await_ready()
        arguments = Client(SocketTarget(broker.data_dir)).get(PATH)["arguments"]
        assert arguments in (OLD, NEW), (number, wait_seconds)
        found = drained(broker)
        assert sorted(found) == sorted(bodies), (number, wait_seconds)
        for priority in range(10) if arguments == NEW else ():
            own = [body for body in found if body.startswith(b"%d:" % priority)]
            assert all(one < other for one, other in pairwise(own)), (number, wait_seconds, priority)
        assert arguments == NEW or found == bodies
