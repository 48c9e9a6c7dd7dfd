"""A broker that is killed with SIGKILL in the middle of moves: every message is in one queue, in its order."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pika
import pytest

from tests.support.brokers import RestartableBroker
from tests.support.http import ask
from tests.support.waiting import wait_until

pytestmark = pytest.mark.ours
COUNT = 800
KILLS = 3
SEED = random.randrange(10**6)


def started(broker: RestartableBroker) -> None:
    broker.launch()
    broker.await_ready()
    wait_until((broker.data_dir / "brokerd.sock").exists, what="the socket")
    wait_until(lambda: _answers(broker), what="the HTTP API")


def _answers(broker: RestartableBroker) -> bool:
    try:
        return ask(broker.data_dir, "GET", "/api/whoami")[0] == 200
    except OSError:
        return False


def connect(broker: RestartableBroker) -> pika.BlockingConnection:
    return pika.BlockingConnection(pika.ConnectionParameters(broker.host, broker.port))


def job(broker: RestartableBroker, number: str) -> dict[str, Any]:
    found: dict[str, Any] = ask(broker.data_dir, "GET", f"/api/leveret/jobs/{number}")[1]
    return found


def begin(broker: RestartableBroker, source: str, to: str) -> str:
    body = b'{"destination": "%s", "rate": 800}' % to.encode()
    status, answer = ask(broker.data_dir, "POST", f"/api/queues/%2F/{source}/move", body)
    assert status == 202, answer
    return str(answer["id"])


@pytest.mark.timeout(240)
def test_a_kill_in_the_middle_of_a_move_neither_loses_nor_doubles(tmp_path: Path) -> None:
    rng = random.Random(SEED)
    with RestartableBroker(tmp_path) as broker:
        started(broker)
        with connect(broker) as connection:
            channel = connection.channel()
            channel.confirm_delivery()
            for name in ("a", "b"):
                channel.queue_declare(name, durable=True)
            for number in range(COUNT):
                channel.basic_publish("", "a", b"%05d" % number, pika.BasicProperties(delivery_mode=2))
        for _ in range(KILLS):
            number, enough = begin(broker, "a", "b"), rng.randrange(1, COUNT // KILLS)
            wait_until(lambda: job(broker, number)["done"] >= enough, what="some messages")  # noqa: B023
            broker.kill()
            started(broker)
        with connect(broker) as connection:
            channel = connection.channel()
            moved, left = drain(channel, "b"), drain(channel, "a")
    assert moved + left == list(range(COUNT)), f"seed {SEED}"
    assert moved


def drain(channel: pika.adapters.blocking_connection.BlockingChannel, queue: str) -> list[int]:
    found = []
    while (body := channel.basic_get(queue, auto_ack=True)[2]) is not None:
        found.append(int(body))
    return found
