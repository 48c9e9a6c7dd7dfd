"""Queues with a TTL or a length limit, whose broker is killed with SIGKILL: limits and times go on as they were."""

from __future__ import annotations

from pathlib import Path

import pytest
from pamqp.commands import Basic

from tests.support.brokers import RestartableBroker
from tests.support.raw import RawConnection
from tests.support.raw_channel import RawChannel
from tests.support.waiting import wait_until

MESSAGES = 40
LIFE_MS = 1500

pytestmark = pytest.mark.ours


def depth(channel: RawChannel, queue: str) -> int:
    return int(channel.declare_queue(queue, passive=True).message_count)


def test_times_and_limits_outlive_a_kill(tmp_path: Path) -> None:
    with RestartableBroker(tmp_path) as broker:
        broker.launch()
        broker.await_ready()
        with RawConnection(broker.host, broker.port) as connection:
            channel = connection.log_in().channel()
            channel.declare_queue("mixed", durable=True)
            channel.declare_queue("short", {"x-max-length": 3}, durable=True)
            channel.confirm_select()
            for number in range(MESSAGES):
                life = str(LIFE_MS) if number % 2 else None
                lasting = Basic.Properties(delivery_mode=2, expiration=life)
                channel.publish("mixed", b"%d" % number, properties=lasting)
                channel.publish("short", b"%d" % number, properties=Basic.Properties(delivery_mode=2))
            channel.expect_confirms(1, 2 * MESSAGES)
            broker.kill()
        broker.launch()
        broker.await_ready()
        with RawConnection(broker.host, broker.port) as connection:
            channel = connection.log_in().channel()
            wait_until(lambda: depth(channel, "mixed") <= MESSAGES // 2)
            assert channel.drain("mixed") == [b"%d" % number for number in range(0, MESSAGES, 2)]
            wait_until(lambda: depth(channel, "short") <= 3)
            assert channel.drain("short") == [b"%d" % number for number in range(MESSAGES - 3, MESSAGES)]
