"""Channel life: open, flow, close from both sides (specification 1.5, 4.2.5, 4.3)."""

from __future__ import annotations

import pytest
from pamqp.commands import Basic, Channel, Connection, Exchange, Queue

from tests.conformance.conftest import Connect
from tests.support.raw import Ended, RawConnection
from tests.support.raw_channel import RawChannel

MISSING = "no-such-queue"
PASSIVE = Queue.Declare(queue=MISSING, passive=True)


def test_a_closed_channel_may_be_opened_again(connection: RawConnection) -> None:
    for _ in range(3):
        channel = connection.channel(1)
        channel.expect_nothing()
        channel.close()


def test_channels_live_side_by_side(connection: RawConnection) -> None:
    first, second = connection.channel(1), connection.channel(2)
    first.refuses(PASSIVE, 404)
    second.expect_nothing()
    first.expect_nothing()


@pytest.mark.parametrize("number", [2, 255, 256, 2047])
def test_a_channel_may_have_any_number_up_to_the_maximum(connection: RawConnection, number: int) -> None:
    connection.channel(number).expect_nothing()


def test_a_server_close_names_the_method_that_failed(channel: RawChannel) -> None:
    channel.send(PASSIVE)
    close = channel.expect(Channel.Close)
    assert (close.reply_code, close.class_id, close.method_id) == (404, 50, 10)
    assert close.reply_text == f"NOT_FOUND - no queue '{MISSING}' in vhost '/'"


def test_what_follows_a_server_close_is_ignored_until_close_ok(channel: RawChannel, queue: str) -> None:
    channel.send(PASSIVE, PASSIVE, Basic.Get(queue=queue), Queue.Delete(queue=queue))
    channel.publish(queue, b"lost")
    channel.expect_close(404)
    channel.open()
    assert channel.drain(queue) == []


def test_a_channel_close_that_crosses_the_servers_is_answered(channel: RawChannel) -> None:
    channel.send(PASSIVE, Channel.Close(200, "", 0, 0))
    assert channel.expect(Channel.Close).reply_code == 404
    channel.expect(Channel.CloseOk)


def test_a_channel_cannot_be_opened_between_close_and_close_ok(channel: RawChannel) -> None:
    channel.send(PASSIVE, Channel.Open())
    channel.expect(Channel.Close)
    channel.connection.expect_close(504, "second 'channel.open' seen", (20, 10))


def test_a_body_cut_off_by_a_server_close_is_ignored(channel: RawChannel) -> None:
    channel.send(PASSIVE)
    channel.publish("nowhere", b"x" * 10000, sizes=(1000,))
    channel.expect_close(404)
    channel.open().expect_nothing()


def test_flow_true_is_answered(channel: RawChannel) -> None:
    assert channel.call(Channel.Flow(True), Channel.FlowOk).active is True


def test_flow_false_is_not_implemented(channel: RawChannel) -> None:
    channel.connection_refuses(Channel.Flow(False), 540, "NOT_IMPLEMENTED - active=false")


def test_closing_a_channel_requeues_what_it_held_and_ends_its_consumers(connection: RawConnection, queue: str) -> None:
    holder, other = connection.channel(5), connection.channel(6)
    other.publish_all(queue, [b"1", b"2"])
    holder.consume(queue)
    holder.deliveries(2)
    holder.close()
    assert other.declare_queue(queue, passive=True).consumer_count == 0
    first = other.get(queue)
    assert first is not None
    assert (first.body, first.redelivered) == (b"1", True)


def test_a_server_closed_channel_requeues_what_it_held(connection: RawConnection, queue: str) -> None:
    holder, other = connection.channel(5), connection.channel(6)
    other.publish(queue, b"1")
    other.expect_nothing()
    assert holder.get(queue, no_ack=False) is not None
    holder.refuses(PASSIVE, 404)
    assert other.drain(queue) == [b"1"]


def test_delivery_tags_start_at_1_again_after_reopening(channel: RawChannel, queue: str) -> None:
    for _ in range(2):
        channel.publish(queue)
        content = channel.get(queue)
        assert content is not None
        assert content.delivery_tag == 1
        channel.close()
        channel.open()


def test_a_closed_connection_answers_close_ok(connect: Connect) -> None:
    connection = connect()
    connection.channel().send(PASSIVE)
    connection.send(Connection.Close(200, "bye", 0, 0))
    connection.expect(Connection.CloseOk)


def test_frames_after_a_server_side_connection_close_are_ignored(
    channel: RawChannel, queue: str, connect: Connect
) -> None:
    channel.send(Channel.Flow(False), Queue.Delete(queue=queue), Exchange.Declare(exchange="amq.x"))
    channel.connection.expect_close(540)
    connect().channel().declare_queue(queue, passive=True)


def test_a_connection_close_that_crosses_the_servers_does_no_harm(channel: RawChannel) -> None:
    connection = channel.connection
    channel.send(Channel.Flow(False))
    connection.send(Connection.Close(200, "bye", 0, 0))
    assert connection.expect(Connection.Close).reply_code == 540
    connection.send(Connection.CloseOk())
    with pytest.raises(Ended):  # noqa: PT012 - an answer to our own close may come before the end
        while True:
            connection.expect(Connection.CloseOk)


def test_a_connection_that_just_ends_requeues_what_it_held(connect: Connect, channel: RawChannel, queue: str) -> None:
    connection = connect()
    channel.publish(queue, b"1")
    channel.expect_nothing()
    assert connection.channel().get(queue, no_ack=False) is not None
    connection.socket.close()
    channel.consume(queue, no_ack=True)
    assert channel.deliveries(1)[0].redelivered is True


def test_update_secret_is_answered(connection: RawConnection) -> None:
    connection.send(Connection.UpdateSecret("guest", "rotation"))
    connection.expect(Connection.UpdateSecretOk)
