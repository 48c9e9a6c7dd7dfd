"""basic.ack, nack, reject, recover (specification 1.8.3.13-1.8.3.17; RabbitMQ: basic.nack, requeue to place)."""

from __future__ import annotations

from typing import Any

import pytest
from pamqp.commands import Basic

from tests.conformance.conftest import Connect
from tests.support.raw_channel import RawChannel
from tests.support.raw_frames import Method, method_id

FIVE = [b"1", b"2", b"3", b"4", b"5"]


def hold(channel: RawChannel, queue: str, bodies: list[bytes]) -> None:
    """Publishes and takes without acknowledging: tags count from 1."""
    channel.publish_all(queue, bodies)
    for _ in bodies:
        assert channel.get(queue, no_ack=False) is not None


def left(channel: RawChannel, queue: str) -> list[tuple[bytes, bool]]:
    """Body and redelivered mark of all that is ready, and of what a closing channel gives back."""
    found = []
    while (content := channel.get(queue)) is not None:
        found.append((content.body, content.redelivered))
    return found


@pytest.mark.parametrize(
    ("settle", "gone"),
    [
        (Basic.Ack(2), {b"2"}),
        (Basic.Ack(3, True), {b"1", b"2", b"3"}),
        (Basic.Ack(0, True), set(FIVE)),
        (Basic.Reject(2, False), {b"2"}),
        (Basic.Nack(2, False, False), {b"2"}),
        (Basic.Nack(3, True, False), {b"1", b"2", b"3"}),
        (Basic.Nack(0, True, False), set(FIVE)),
    ],
    ids=["ack", "ack multiple", "ack all", "reject", "nack", "nack multiple", "nack all"],
)
def test_what_is_settled_is_gone_and_the_rest_comes_back(
    connect: Connect, channel: RawChannel, queue: str, settle: Method, gone: set[bytes]
) -> None:
    holder = connect().channel()
    hold(holder, queue, FIVE)
    holder.send(settle)
    holder.close()
    assert left(channel, queue) == [(body, True) for body in FIVE if body not in gone]


@pytest.mark.parametrize(
    ("requeue", "back"),
    [
        (Basic.Reject(2, True), {b"2"}),
        (Basic.Nack(2, False, True), {b"2"}),
        (Basic.Nack(3, True, True), {b"1", b"2", b"3"}),
        (Basic.Nack(0, True, True), set(FIVE)),
    ],
    ids=["reject", "nack", "nack multiple", "nack all"],
)
def test_what_is_requeued_goes_to_its_old_place(
    channel: RawChannel, queue: str, requeue: Method, back: set[bytes]
) -> None:
    hold(channel, queue, FIVE)
    channel.publish(queue, b"6")
    channel.send(requeue)
    assert left(channel, queue) == [(body, True) for body in FIVE if body in back] + [(b"6", False)]


def test_requeuing_in_any_order_keeps_the_order_of_publishing(channel: RawChannel, queue: str) -> None:
    hold(channel, queue, FIVE)
    for tag in (4, 1, 5, 3, 2):
        channel.send(Basic.Reject(tag, True))
    assert [body for body, _ in left(channel, queue)] == FIVE


@pytest.mark.parametrize(
    "method",
    [
        Basic.Ack(7),
        Basic.Ack(7, True),
        Basic.Ack(0),
        Basic.Nack(7),
        Basic.Nack(7, True),
        Basic.Reject(7),
        Basic.Reject(0),
    ],
    ids=["ack", "ack multiple", "ack 0", "nack", "nack multiple", "reject", "reject 0"],
)
def test_an_unknown_delivery_tag_is_a_406(channel: RawChannel, method: Any) -> None:
    channel.refuses(method, 406, f"PRECONDITION_FAILED - unknown delivery tag {method.delivery_tag}")


@pytest.mark.parametrize("method", [Basic.Ack(0, True), Basic.Nack(0, True, True)])
def test_settling_all_of_nothing_is_fine(channel: RawChannel, method: Method) -> None:
    channel.send(method)
    channel.expect_nothing()


@pytest.mark.parametrize("again", [Basic.Ack(1), Basic.Nack(1), Basic.Reject(1)], ids=lambda method: str(method.name))
def test_settling_twice_is_an_unknown_tag(channel: RawChannel, queue: str, again: Method) -> None:
    hold(channel, queue, [b"1"])
    channel.ack(1)
    channel.send(again)
    channel.expect_close(406, "PRECONDITION_FAILED - unknown delivery tag 1", method_id(again))


def test_multiple_passes_over_what_is_settled_already(channel: RawChannel, queue: str) -> None:
    hold(channel, queue, FIVE)
    channel.ack(2)
    channel.ack(4, multiple=True)
    channel.ack(5)
    channel.expect_nothing()


def test_a_tag_belongs_to_its_channel(channel: RawChannel, queue: str) -> None:
    hold(channel, queue, [b"1"])
    channel.connection.channel().refuses(Basic.Ack(1), 406, "unknown delivery tag 1")


def test_a_requeued_message_goes_to_a_consumer_marked_redelivered(channel: RawChannel, queue: str) -> None:
    channel.qos(1)
    channel.consume(queue)
    channel.publish_all(queue, [b"1", b"2"])
    channel.deliveries(1)
    channel.send(Basic.Nack(1, False, True))
    delivery = channel.deliveries(1)[0]
    assert (delivery.body, delivery.redelivered, delivery.delivery_tag) == (b"1", True, 2)


def test_recover_gives_back_everything_in_order(channel: RawChannel, queue: str) -> None:
    hold(channel, queue, FIVE)
    channel.call(Basic.Recover(True), Basic.RecoverOk)
    assert left(channel, queue) == [(body, True) for body in FIVE]


def test_recover_delivers_to_the_consumer_again(channel: RawChannel, queue: str) -> None:
    channel.consume(queue)
    channel.publish_all(queue, FIVE)
    channel.deliveries(5)
    channel.call(Basic.Recover(True), Basic.RecoverOk)
    again = channel.deliveries(5)
    assert [(item.body, item.redelivered) for item in again] == [(body, True) for body in FIVE]
    assert [item.delivery_tag for item in again] == [6, 7, 8, 9, 10]


def test_recover_async_has_no_answer(channel: RawChannel, queue: str) -> None:
    hold(channel, queue, [b"1"])
    channel.send(Basic.RecoverAsync(True))
    channel.expect_nothing()
    assert left(channel, queue) == [(b"1", True)]


@pytest.mark.parametrize("method", [Basic.Recover(False), Basic.RecoverAsync(False)])
def test_recovering_to_the_same_consumer_is_not_implemented(channel: RawChannel, method: Method) -> None:
    channel.connection_refuses(method, 540, "NOT_IMPLEMENTED - requeue=false")


def test_an_ack_frees_one_place_of_the_prefetch(channel: RawChannel, queue: str) -> None:
    channel.qos(2)
    channel.consume(queue)
    channel.publish_all(queue, FIVE)
    channel.deliveries(2)
    for tag in (1, 2, 3):
        channel.ack(tag)
        assert channel.deliveries(1)[0].delivery_tag == tag + 2
    channel.expect_nothing(queue)
