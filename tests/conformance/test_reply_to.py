"""Direct reply-to, RabbitMQ's extension: the pseudo-queue amq.rabbitmq.reply-to."""

from __future__ import annotations

import pytest
from pamqp.commands import Basic, Queue

from tests.conformance.conftest import Connect
from tests.support.raw_channel import RawChannel
from tests.support.raw_frames import loose

REPLY_TO = "amq.rabbitmq.reply-to"
ASK = Basic.Properties(reply_to=REPLY_TO)


def test_a_reply_finds_its_way_back(channel: RawChannel, queue: str, connect: Connect) -> None:
    server = connect().channel()
    channel.consume(REPLY_TO, "replies", no_ack=True)
    channel.publish(queue, b"question", properties=ASK)
    channel.expect_nothing()
    question = server.get(queue)
    assert question is not None
    address = question.properties.reply_to
    assert address is not None
    assert address.startswith(f"{REPLY_TO}.")
    server.publish(address, b"answer")
    answer = channel.deliveries(1)[0]
    assert (answer.consumer_tag, answer.body, answer.exchange, answer.routing_key, answer.redelivered) == (
        "replies",
        b"answer",
        "",
        address,
        False,
    )
    server.expect_nothing()


def test_a_server_may_ask_whether_the_requester_is_still_there(
    channel: RawChannel, queue: str, connect: Connect
) -> None:
    server, requester = connect().channel(), connect()
    asking = requester.channel()
    asking.consume(REPLY_TO, no_ack=True)
    asking.publish(queue, b"question", properties=ASK)
    asking.expect_nothing()
    question = channel.get(queue)
    assert question is not None
    address = str(question.properties.reply_to)
    assert server.declare_queue(address, passive=True).consumer_count == 1
    requester.close()
    server.refuses(loose(Queue.Declare, queue=address, passive=True), 404, "no queue '")
    server.publish(address, b"late", mandatory=True)
    assert server.expect(Basic.Return).reply_code == 312


def test_a_question_without_a_reply_consumer_is_a_406(channel: RawChannel, queue: str) -> None:
    channel.publish(queue, b"question", properties=ASK)
    channel.expect_close(406, "PRECONDITION_FAILED - fast reply consumer does not exist", (60, 40))


def test_a_reply_consumer_cannot_acknowledge(channel: RawChannel) -> None:
    channel.refuses(Basic.Consume(queue=REPLY_TO), 406, "PRECONDITION_FAILED - reply consumer cannot acknowledge")


def test_a_channel_has_one_reply_consumer(channel: RawChannel) -> None:
    channel.consume(REPLY_TO, no_ack=True)
    channel.refuses(Basic.Consume(queue=REPLY_TO, no_ack=True), 406, "PRECONDITION_FAILED - reply consumer already set")


def test_a_cancelled_reply_consumer_may_be_set_again(channel: RawChannel) -> None:
    tag = channel.consume(REPLY_TO, no_ack=True)
    channel.call(Basic.Cancel(tag), Basic.CancelOk)
    channel.consume(REPLY_TO, no_ack=True)


@pytest.mark.parametrize("passive", [True, False])
def test_declaring_the_pseudo_queue_is_fine(channel: RawChannel, passive: bool) -> None:
    declared = channel.declare_queue(REPLY_TO, passive=passive)
    assert (declared.queue, declared.message_count, declared.consumer_count) == (REPLY_TO, 0, 1)


@pytest.mark.parametrize(
    "method",
    [Queue.Purge(queue=REPLY_TO), Basic.Get(queue=REPLY_TO), Queue.Bind(queue=REPLY_TO, exchange="amq.direct")],
    ids=lambda method: str(method.name),
)
def test_the_pseudo_queue_is_no_queue(channel: RawChannel, method: Queue.Purge) -> None:
    channel.refuses(method, 404, f"NOT_FOUND - no queue '{REPLY_TO}' in vhost '/'")


@pytest.mark.parametrize("key", [REPLY_TO, f"{REPLY_TO}.nonsense"])
def test_a_reply_to_nobody_is_unroutable(channel: RawChannel, key: str) -> None:
    channel.publish(key, b"x", mandatory=True)
    assert channel.expect(Basic.Return).routing_key == key


def test_replies_are_confirmed(channel: RawChannel, queue: str, connect: Connect) -> None:
    server = connect().channel()
    server.confirm_select()
    channel.consume(REPLY_TO, no_ack=True)
    channel.publish(queue, b"question", properties=ASK)
    question = channel.get(queue)
    assert question is not None
    server.publish(str(question.properties.reply_to), b"answer")
    server.expect_confirms(1, 1)
    assert channel.bodies(1) == [b"answer"]
