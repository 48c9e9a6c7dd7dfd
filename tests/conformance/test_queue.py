"""queue.declare, bind, purge, delete (specification 1.8; RabbitMQ: exclusive and auto-delete queues)."""

from __future__ import annotations

import pytest
from pamqp.commands import Basic, Channel, Exchange, Queue

from tests.conformance.conftest import Connect, Name
from tests.conformance.literal import refuses_alike
from tests.support.raw_channel import RawChannel
from tests.support.raw_frames import loose, method_id

NO_PREVIOUS = "NOT_FOUND - no previously declared queue"


def locked(queue: str) -> str:
    """The text of 405."""
    return (
        f"RESOURCE_LOCKED - cannot obtain exclusive access to locked queue '{queue}' in vhost '/'. It could be "
        "originally declared on another connection or the exclusive property value does not match that of the "
        "original declaration."
    )


def test_a_declare_counts_ready_messages_and_consumers(channel: RawChannel, queue: str) -> None:
    channel.publish_all(queue, [b"1", b"2", b"3"])
    channel.get(queue, no_ack=False)
    channel.qos(1)
    channel.consume(queue)
    channel.expect(Basic.Deliver)
    declared = channel.declare_queue(queue)
    assert (declared.queue, declared.message_count, declared.consumer_count) == (queue, 1, 1)


def test_the_server_names_a_queue_without_a_name(channel: RawChannel) -> None:
    names = {channel.declare_queue(exclusive=True).queue for _ in range(3)}
    assert len(names) == 3
    assert all(name.startswith("amq.gen-") and len(name) == len("amq.gen-") + 22 for name in names)


def test_the_empty_name_means_the_queue_declared_last(channel: RawChannel, exchange: str, queue: str) -> None:
    channel.bind("", exchange, "k")
    channel.publish("k", b"1", exchange)
    content = channel.get("")
    assert content is not None
    assert content.body == b"1"
    tag = channel.consume("")
    assert channel.declare_queue(queue, passive=True).consumer_count == 1
    channel.call(Basic.Cancel(tag), Basic.CancelOk)
    channel.call(Queue.Purge(), Queue.PurgeOk)
    channel.call(Queue.Delete(), Queue.DeleteOk)
    channel.refuses(Queue.Declare(queue=queue, passive=True), 404)


def test_an_empty_name_and_an_empty_key_bind_by_the_queues_name(channel: RawChannel, exchange: str, queue: str) -> None:
    channel.bind("", exchange, "")
    channel.publish(queue, b"1", exchange)
    assert channel.drain(queue) == [b"1"]


@pytest.mark.parametrize(
    "method",
    [
        Queue.Bind(exchange="amq.direct"),
        Queue.Unbind(exchange="amq.direct"),
        Queue.Purge(),
        Queue.Delete(),
        Basic.Consume(),
        Basic.Get(),
    ],
    ids=lambda method: str(method.name),
)
def test_the_empty_name_means_nothing_before_a_declare(channel: RawChannel, method: Queue.Bind) -> None:
    channel.refuses(method, 404, NO_PREVIOUS)


@pytest.mark.parametrize(
    "make",
    [
        lambda queue: Queue.Declare(queue=queue, passive=True),
        lambda queue: Queue.Purge(queue=queue),
        lambda queue: Queue.Bind(queue=queue, exchange="amq.direct"),
        lambda queue: Basic.Consume(queue=queue),
        lambda queue: Basic.Get(queue=queue),
    ],
    ids=["passive", "purge", "bind", "consume", "get"],
)
def test_a_missing_queue_is_a_404(channel: RawChannel, name: Name, make: type[Queue.Purge]) -> None:
    queue = name("missing")
    channel.refuses(make(queue), 404, f"NOT_FOUND - no queue '{queue}' in vhost '/'")  # type: ignore[arg-type]


def test_deleting_and_unbinding_what_is_missing_is_fine(
    channel: RawChannel, name: Name, queue: str, exchange: str
) -> None:
    missing = name("missing")
    assert channel.call(Queue.Delete(queue=missing), Queue.DeleteOk).message_count == 0
    for unbind in [
        Queue.Unbind(queue=missing, exchange=exchange),
        Queue.Unbind(queue=queue, exchange=missing),
        Queue.Unbind(queue=queue, exchange=exchange, routing_key="never bound"),
    ]:
        channel.call(unbind, Queue.UnbindOk)


def test_a_bind_names_the_missing_exchange_before_the_missing_queue(
    channel: RawChannel, name: Name, queue: str
) -> None:
    missing = name("missing")
    for method in [Queue.Bind(queue=queue, exchange=missing), Queue.Bind(queue=name("other"), exchange=missing)]:
        channel.refuses(method, 404, f"NOT_FOUND - no exchange '{missing}' in vhost '/'")


@pytest.mark.parametrize("kind", [Queue.Bind, Queue.Unbind])
def test_the_binding_to_the_default_exchange_is_not_to_be_touched(
    channel: RawChannel, queue: str, kind: type[Queue.Bind]
) -> None:
    channel.refuses(
        kind(queue=queue, routing_key=queue), 403, "ACCESS_REFUSED - operation not permitted on the default exchange"
    )


def test_a_reserved_name_cannot_be_declared(channel: RawChannel) -> None:
    channel.refuses(
        Queue.Declare(queue="amq.mine"), 403, "ACCESS_REFUSED - queue name 'amq.mine' contains reserved prefix 'amq.*'"
    )
    channel.refuses(Queue.Declare(queue="amq.mine", passive=True), 404, "no queue 'amq.mine' in vhost '/'")


def test_a_name_the_server_gave_cannot_be_declared_again_but_asked_for(channel: RawChannel) -> None:
    queue = channel.declare_queue(exclusive=True).queue
    channel.refuses(
        Queue.Declare(queue=queue, exclusive=True),
        403,
        f"ACCESS_REFUSED - queue name '{queue}' contains reserved prefix 'amq.*'",
    )
    assert channel.declare_queue(queue, passive=True).queue == queue


def test_line_ends_are_stripped_from_names(channel: RawChannel, name: Name) -> None:
    queue = name("q")
    reply = channel.call(loose(Queue.Declare, queue=f"\r\n{queue[:5]}\n{queue[5:]}\r"), Queue.DeclareOk)
    assert reply.queue == queue


def test_a_name_may_have_255_bytes_of_any_characters(channel: RawChannel) -> None:
    queue = "ü€ " + "q" * 249
    channel.send(loose(Queue.Declare, queue=queue, exclusive=True))
    assert channel.expect(Queue.DeclareOk).queue == queue


@pytest.mark.parametrize("flag", ["durable", "auto_delete"])
@pytest.mark.parametrize("first", [True, False])
def test_another_property_on_redeclare_is_a_406(channel: RawChannel, name: Name, flag: str, first: bool) -> None:
    queue, words = name("q"), {True: "true", False: "false"}
    channel.declare_queue(queue, **{flag: first})
    refuses_alike(
        channel,
        Queue.Declare(queue=queue, **{flag: not first}),
        f"inequivalent arg '{flag}' for queue '{queue}' in vhost '/': "
        f"received '{words[not first]}' but current is '{words[first]}'",
    )


@pytest.mark.parametrize("first", [True, False])
def test_the_exclusive_flag_on_redeclare_is_a_405_even_for_the_owner(
    channel: RawChannel, name: Name, first: bool
) -> None:
    queue = name("q")
    channel.declare_queue(queue, exclusive=first)
    channel.refuses(Queue.Declare(queue=queue, exclusive=not first), 405, locked(queue))


def test_an_exclusive_queue_does_not_care_about_durable(channel: RawChannel, name: Name) -> None:
    queue = name("q")
    channel.declare_queue(queue, exclusive=True, durable=True)
    channel.declare_queue(queue, exclusive=True)


@pytest.mark.parametrize(
    "make",
    [
        lambda queue: Queue.Declare(queue=queue),
        lambda queue: Queue.Declare(queue=queue, exclusive=True),
        lambda queue: Queue.Declare(queue=queue, passive=True),
        lambda queue: Queue.Delete(queue=queue),
        lambda queue: Queue.Purge(queue=queue),
        lambda queue: Queue.Bind(queue=queue, exchange="amq.direct"),
        lambda queue: Basic.Consume(queue=queue),
        lambda queue: Basic.Get(queue=queue),
    ],
    ids=["declare", "exclusive", "passive", "delete", "purge", "bind", "consume", "get"],
)
def test_an_exclusive_queue_is_locked_for_other_connections(
    channel: RawChannel, name: Name, connect: Connect, make: type[Queue.Purge]
) -> None:
    queue = name("q")
    channel.declare_queue(queue, exclusive=True)
    other, method = connect().channel(), make(queue)  # type: ignore[arg-type]
    other.send(method)
    other.expect_close(405, locked(queue), method_id(method))


def test_a_binding_of_an_exclusive_queue_is_locked_too(
    channel: RawChannel, exchange: str, name: Name, connect: Connect
) -> None:
    queue, other = name("q"), connect().channel()
    channel.declare_queue(queue, exclusive=True)
    channel.bind(queue, exchange, "k")
    other.refuses(Queue.Unbind(queue=queue, exchange=exchange, routing_key="k"), 405, locked(queue))


def test_other_channels_of_its_connection_may_use_an_exclusive_queue(channel: RawChannel, name: Name) -> None:
    queue = name("q")
    channel.declare_queue(queue, exclusive=True)
    channel.connection.channel().consume(queue)


def test_anyone_may_publish_to_an_exclusive_queue(channel: RawChannel, name: Name, connect: Connect) -> None:
    queue, other = name("q"), connect().channel()
    channel.declare_queue(queue, exclusive=True)
    channel.consume(queue, no_ack=True)
    other.publish(queue, b"hello")
    assert channel.bodies(1) == [b"hello"]


def test_an_exclusive_queue_is_gone_before_close_ok(connect: Connect, channel: RawChannel, name: Name) -> None:
    queue, owner = name("q"), connect()
    owner.channel().declare_queue(queue, exclusive=True)
    owner.close()
    channel.refuses(Queue.Declare(queue=queue, passive=True), 404)


def test_an_exclusive_queue_outlives_its_channel(channel: RawChannel, name: Name) -> None:
    queue, first = name("q"), channel.connection.channel()
    first.declare_queue(queue, exclusive=True)
    first.close()
    channel.declare_queue(queue, passive=True)


def test_an_auto_delete_queue_waits_for_a_first_consumer_and_goes_with_the_last(
    channel: RawChannel, name: Name
) -> None:
    queue = name("q")
    channel.declare_queue(queue, auto_delete=True)
    tags = [channel.consume(queue), channel.consume(queue)]
    channel.call(Basic.Cancel(tags[0]), Basic.CancelOk)
    channel.declare_queue(queue, passive=True)
    channel.call(Basic.Cancel(tags[1]), Basic.CancelOk)
    channel.refuses(Queue.Declare(queue=queue, passive=True), 404)


def test_an_auto_delete_queue_goes_when_its_consumers_channel_closes(channel: RawChannel, name: Name) -> None:
    queue, consumer = name("q"), channel.connection.channel()
    channel.declare_queue(queue, auto_delete=True)
    consumer.consume(queue)
    consumer.close()
    channel.refuses(Queue.Declare(queue=queue, passive=True), 404)


def test_purge_counts_and_takes_only_what_is_ready(channel: RawChannel, queue: str) -> None:
    channel.publish_all(queue, [b"1", b"2", b"3"])
    held = channel.get(queue, no_ack=False)
    assert held is not None
    assert channel.call(Queue.Purge(queue=queue), Queue.PurgeOk).message_count == 2
    channel.send(Basic.Reject(held.delivery_tag, True))
    assert channel.drain(queue) == [b"1"]


def test_delete_counts_what_was_ready(channel: RawChannel, queue: str) -> None:
    channel.publish_all(queue, [b"1", b"2"])
    assert channel.call(Queue.Delete(queue=queue), Queue.DeleteOk).message_count == 2


def test_delete_if_empty_and_if_unused_refuse_with_406(channel: RawChannel, queue: str) -> None:
    channel.publish(queue)
    channel.refuses(
        Queue.Delete(queue=queue, if_empty=True), 406, f"PRECONDITION_FAILED - queue '{queue}' in vhost '/' not empty"
    )
    channel.connection.channel().consume(queue)
    channel.refuses(
        Queue.Delete(queue=queue, if_unused=True), 406, f"PRECONDITION_FAILED - queue '{queue}' in vhost '/' in use"
    )


def test_nowait_leaves_every_queue_method_without_an_answer(channel: RawChannel, name: Name) -> None:
    queue = name("q")
    channel.send(
        Queue.Declare(queue=queue, nowait=True),
        Queue.Bind(queue=queue, exchange="amq.direct", nowait=True),
        Queue.Purge(queue=queue, nowait=True),
    )
    channel.expect_nothing(queue)
    channel.send(Queue.Delete(queue=queue, nowait=True))
    channel.call(Channel.Flow(True), Channel.FlowOk)
    channel.refuses(Queue.Declare(queue=queue, passive=True), 404)


def test_deleting_a_queue_deletes_its_bindings(channel: RawChannel, exchange: str, queue: str) -> None:
    channel.bind(queue, exchange, "k")
    channel.call(Queue.Delete(queue=queue), Queue.DeleteOk)
    channel.call(Exchange.Delete(exchange=exchange, if_unused=True), Exchange.DeleteOk)


def test_who_deletes_a_queue_hears_of_that_before_its_own_consumer_is_cancelled(
    channel: RawChannel, name: Name
) -> None:
    queue = channel.declare_queue(name("q")).queue
    channel.consume(queue)
    channel.send(Queue.Delete(queue=queue))
    channel.expect(Queue.DeleteOk)
