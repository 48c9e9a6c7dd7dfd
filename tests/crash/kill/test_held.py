"""Held messages of a broker that is killed with SIGKILL while it lets go of them: each comes once, and none is lost."""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from pathlib import Path

import pytest
from pamqp.commands import Basic, Queue

from tests.support.brokers import RestartableBroker
from tests.support.raw import RawConnection
from tests.support.raw_channel import RawChannel
from tests.support.waiting import wait_until

KILLS = 20 if os.environ.get("LEVERET_CRASH") == "whole" else 3
MESSAGES = 240  # in each life
LONGEST_MS = 1500
DELAYED, TARGET, TASKS, RETRIED = "later", "target", "tasks", "retried"
QUEUES = {TARGET: {}, TASKS: {"x-hold-header": "eta"}, RETRIED: {"x-retry-backoff-base": 100}}

pytestmark = pytest.mark.ours


def declare(channel: RawChannel) -> None:
    channel.declare_exchange(DELAYED, "x-delayed-message", arguments={"x-delayed-type": "direct"}, durable=True)
    for queue, arguments in QUEUES.items():
        channel.declare_queue(queue, arguments, durable=True)
    channel.bind(TARGET, DELAYED, TARGET)


def publish(channel: RawChannel, rng: random.Random, life: int) -> list[bytes]:
    """Messages that are due soon, all confirmed; returns their bodies."""
    channel.confirm_select()
    sent = [f"{life}-{at}".encode() for at in range(MESSAGES)]
    for at, body in enumerate(sent):
        delay_ms = rng.randrange(1, LONGEST_MS)
        due_ms = time.time_ns() // 1_000_000 + delay_ms
        exchange, key, headers = [
            (DELAYED, TARGET, {"x-delay": delay_ms}), ("", TARGET, {"x-hold-until": due_ms}),
            ("", TASKS, {"eta": due_ms}), ("", RETRIED, {}),
        ][at % 4]  # fmt: skip
        channel.publish(key, body, exchange, properties=Basic.Properties(headers=headers, delivery_mode=2))
    channel.expect_confirms(1, MESSAGES)
    return sent


def refuse_some(channel: RawChannel) -> None:
    """Refuses what is ready of what is to be tried again, so that it waits."""
    for _ in range(MESSAGES // 8):
        found = channel.get(RETRIED, no_ack=False)
        if found is None:
            return
        channel.send(Basic.Nack(delivery_tag=found.method.delivery_tag, requeue=True))


def depth(channel: RawChannel, queue: str) -> int:
    return channel.call(Queue.Declare(queue=queue, passive=True), Queue.DeclareOk).message_count or 0


def test_held_messages_outlive_the_kills(tmp_path: Path) -> None:
    seed = random.randrange(10**6)
    rng = random.Random(seed)
    sent: list[bytes] = []
    with RestartableBroker(tmp_path) as broker:
        for life in range(KILLS):
            broker.launch()
            broker.await_ready()
            with RawConnection(broker.host, broker.port) as connection:
                connection.log_in()
                channel = connection.channel()
                declare(channel)
                sent += publish(channel, rng, life)
                refuse_some(channel)
                time.sleep(rng.uniform(0, LONGEST_MS / 1000))  # a kill comes at any moment, and nothing depends on it
                broker.kill()
        broker.launch()
        broker.await_ready()
        with RawConnection(broker.host, broker.port) as connection:
            connection.log_in()
            channel = connection.channel()
            wait_until(lambda: sum(depth(channel, queue) for queue in QUEUES) >= len(sent), what=f"all, seed {seed}")
            found = Counter(body for queue in QUEUES for body in channel.drain(queue))
        broker.stop()
    assert found == Counter(sent), f"seed {seed}"
