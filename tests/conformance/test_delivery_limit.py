"""x-delivery-limit and x-delivery-count: RabbitMQ's quorum queues; here classic queues have limits too (`ours`)."""

from __future__ import annotations

import time
from typing import Any

import pytest
from pamqp.commands import Basic

from tests.conformance.conftest import Name
from tests.conformance.test_dead_letter import DEADLINE_SECONDS, Pair, headers, without_time
from tests.support.raw_channel import RawChannel
from tests.support.raw_frames import Content

QUORUM = {"x-queue-type": "quorum"}
CASES = [pytest.param(QUORUM, id="quorum"), pytest.param({}, id="classic", marks=pytest.mark.ours)]


def held(channel: RawChannel, queue: str) -> Content:
    """The next message of a queue, waited for and not settled."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while (content := channel.get(queue, no_ack=False)) is None:
        assert time.monotonic() < deadline, f"nothing in {queue}"
    return content


@pytest.mark.parametrize("kind", CASES)
def test_basic_get_tells_the_count_and_the_last_return_is_a_letter(
    channel: RawChannel, name: Name, kind: dict[str, Any]
) -> None:
    pair = Pair(channel, name, kind | {"x-delivery-limit": 2}, durable=True)
    pair.publish(b"1", headers={"k": 1}, delivery_mode=2)
    for count in (0, 1, 2):
        content = held(channel, pair.work)
        assert content.redelivered is (count > 0)
        assert content.properties.headers == {"k": 1, "x-delivery-count": count}
        channel.send(Basic.Nack(content.delivery_tag, False, True))
    found = headers(pair.letter())
    assert [without_time(death) for death in found["x-death"]] == [pair.death("delivery_limit")]
    assert found["x-first-death-reason"] == "delivery_limit"
    assert "x-delivery-count" not in found
    assert channel.get(pair.work) is None


@pytest.mark.parametrize("kind", CASES)
def test_consumers_see_the_count_from_the_second_delivery_on(
    channel: RawChannel, name: Name, kind: dict[str, Any]
) -> None:
    pair = Pair(channel, name, kind | {"x-delivery-limit": 2}, durable=True)
    channel.consume(pair.work)
    pair.publish(b"1", delivery_mode=2)
    seen = []
    for _ in range(3):
        delivery = channel.deliveries(1)[0]
        seen.append((delivery.redelivered, (delivery.properties.headers or {}).get("x-delivery-count")))
        channel.send(Basic.Reject(delivery.delivery_tag, True))
    assert seen == [(False, None), (True, 1), (True, 2)]
    assert pair.letter().body == b"1"


@pytest.mark.parametrize("kind", CASES)
def test_a_closed_channel_gives_back_and_that_counts(
    connection: Any, channel: RawChannel, name: Name, kind: dict[str, Any]
) -> None:
    pair = Pair(channel, name, kind | {"x-delivery-limit": 1}, durable=True)
    pair.publish(b"1", delivery_mode=2)
    for _ in range(2):
        other = connection.channel()
        held(other, pair.work)
        other.close()
    assert pair.letter().body == b"1"


def test_a_quorum_queue_without_a_limit_counts_all_the_same(channel: RawChannel, name: Name) -> None:
    queue = channel.declare_queue(name("q"), QUORUM, durable=True).queue
    channel.publish(queue, b"1", properties=Basic.Properties(delivery_mode=2))
    for count in range(6):
        content = held(channel, queue)
        assert content.properties.headers == {"x-delivery-count": count}
        channel.send(Basic.Reject(content.delivery_tag, True))


def test_a_classic_queue_without_a_limit_tells_nothing(channel: RawChannel, queue: str) -> None:
    channel.publish(queue, b"1")
    for _ in range(3):
        content = held(channel, queue)
        assert not content.properties.headers
        channel.send(Basic.Reject(content.delivery_tag, True))
