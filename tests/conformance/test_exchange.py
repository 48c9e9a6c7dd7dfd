"""exchange.declare and exchange.delete (specification 1.7.2.1-1.7.2.4; RabbitMQ: internal, auto-delete, alternate)."""

from __future__ import annotations

import itertools

import pytest
from pamqp.commands import Basic, Exchange, Queue

from tests.conformance.conftest import Name
from tests.conformance.literal import refuses_alike
from tests.support.raw_channel import RawChannel
from tests.support.raw_frames import loose

DEFAULT_REFUSED = "ACCESS_REFUSED - operation not permitted on the default exchange"
PREDECLARED = {
    "amq.direct": "direct",
    "amq.fanout": "fanout",
    "amq.topic": "topic",
    "amq.headers": "headers",
    "amq.match": "headers",
}


@pytest.mark.parametrize("kind", ["direct", "fanout", "topic", "headers"])
def test_an_exchange_of_each_type_can_be_declared_again_and_deleted(channel: RawChannel, name: Name, kind: str) -> None:
    exchange = name("x")
    for _ in range(2):
        channel.declare_exchange(exchange, kind, durable=True)
    channel.declare_exchange(exchange, kind, passive=True)
    channel.call(Exchange.Delete(exchange=exchange), Exchange.DeleteOk)
    channel.refuses(
        Exchange.Declare(exchange=exchange, passive=True), 404, f"NOT_FOUND - no exchange '{exchange}' in vhost '/'"
    )


def test_a_passive_declare_compares_nothing(channel: RawChannel, exchange: str) -> None:
    channel.declare_exchange(exchange, "no-such-type", passive=True, durable=True)


@pytest.mark.parametrize(("exchange", "kind"), PREDECLARED.items())
def test_the_predeclared_exchanges_exist_and_are_durable(channel: RawChannel, exchange: str, kind: str) -> None:
    channel.declare_exchange(exchange, kind, durable=True)


@pytest.mark.parametrize("exchange", [*PREDECLARED, "amq.rabbitmq.trace", "amq.no-such-exchange"])
def test_a_system_exchange_cannot_be_deleted(channel: RawChannel, exchange: str) -> None:
    text = f"ACCESS_REFUSED - deletion of system exchange '{exchange}' in vhost '/' not allowed"
    channel.refuses(Exchange.Delete(exchange=exchange), 403, text)


def test_a_reserved_name_cannot_be_declared(channel: RawChannel) -> None:
    text = "ACCESS_REFUSED - exchange name 'amq.mine' contains reserved prefix 'amq.*'"
    channel.refuses(Exchange.Declare(exchange="amq.mine"), 403, text)


def test_a_reserved_name_may_be_asked_for(channel: RawChannel) -> None:
    channel.refuses(Exchange.Declare(exchange="amq.mine", passive=True), 404, "no exchange 'amq.mine' in vhost '/'")


@pytest.mark.parametrize(
    "method",
    [
        Exchange.Declare(),
        Exchange.Declare(passive=True),
        Exchange.Delete(),
        Exchange.Bind(destination="amq.direct"),
        Exchange.Bind(source="amq.direct"),
        Exchange.Unbind(destination="amq.direct"),
        Exchange.Unbind(source="amq.direct"),
    ],
    ids=["declare", "passive", "delete", "bind from", "bind to", "unbind from", "unbind to"],
)
def test_the_default_exchange_takes_no_operation(channel: RawChannel, method: Exchange.Declare) -> None:
    channel.refuses(method, 403, DEFAULT_REFUSED)


@pytest.mark.parametrize(("kind", "text"), [("nope", "unknown exchange type 'nope'"), ("", "invalid exchange type ''")])
def test_an_unknown_type_closes_the_connection_with_503(channel: RawChannel, name: Name, kind: str, text: str) -> None:
    channel.connection_refuses(
        loose(Exchange.Declare, exchange=name("x"), exchange_type=kind), 503, f"COMMAND_INVALID - {text}"
    )


@pytest.mark.parametrize(
    ("other", "argument", "received", "current"),
    [
        ({"exchange_type": "fanout"}, "type", "fanout", "direct"),
        ({"durable": True}, "durable", "true", "false"),
        ({"auto_delete": True}, "auto_delete", "true", "false"),
        ({"internal": True}, "internal", "true", "false"),
    ],
)
def test_another_property_on_redeclare_is_a_406(
    channel: RawChannel, exchange: str, other: dict[str, object], argument: str, received: str, current: str
) -> None:
    text = (
        f"inequivalent arg '{argument}' for exchange '{exchange}' in vhost '/': "
        f"received '{received}' but current is '{current}'"
    )
    refuses_alike(channel, loose(Exchange.Declare, exchange=exchange, **{"exchange_type": "direct"} | other), text)


@pytest.mark.parametrize(
    ("first", "then", "text"),
    [
        ({}, {"alternate-exchange": "a"}, "received the value 'a' of type 'longstr' but current is none"),
        ({"alternate-exchange": "b"}, {"alternate-exchange": "a"}, "received 'a' but current is 'b'"),
        ({"alternate-exchange": "b"}, {}, "received none but current is the value 'b' of type 'longstr'"),
    ],
)
def test_another_alternate_exchange_on_redeclare_is_a_406(
    channel: RawChannel, name: Name, first: dict[str, str], then: dict[str, str], text: str
) -> None:
    exchange = name("x")
    channel.declare_exchange(exchange, arguments=first)
    refuses_alike(
        channel,
        Exchange.Declare(exchange=exchange, arguments=then),
        f"inequivalent arg 'alternate-exchange' for exchange '{exchange}' in vhost '/': {text}",
    )


def test_an_alternate_exchange_must_be_a_string(channel: RawChannel, name: Name) -> None:
    exchange = name("x")
    channel.refuses(
        Exchange.Declare(exchange=exchange, arguments={"alternate-exchange": 5}),
        406,
        f"invalid type 'byte' for arg 'alternate-exchange' in exchange '{exchange}' in vhost '/'",
    )


def test_deleting_a_missing_exchange_is_fine(channel: RawChannel, name: Name) -> None:
    channel.call(Exchange.Delete(exchange=name("x")), Exchange.DeleteOk)


def test_delete_if_unused_spares_the_source_of_a_binding(channel: RawChannel, exchange: str, queue: str) -> None:
    channel.bind(queue, exchange, "k")
    channel.refuses(
        Exchange.Delete(exchange=exchange, if_unused=True),
        406,
        f"PRECONDITION_FAILED - exchange '{exchange}' in vhost '/' in use",
    )
    channel.call(Exchange.Delete(exchange=exchange), Exchange.DeleteOk)


def test_delete_if_unused_does_not_spare_the_destination_of_one(channel: RawChannel, exchange: str, name: Name) -> None:
    source = name("source")
    channel.declare_exchange(source)
    channel.call(Exchange.Bind(destination=exchange, source=source), Exchange.BindOk)
    channel.call(Exchange.Delete(exchange=exchange, if_unused=True), Exchange.DeleteOk)


def test_nowait_leaves_every_exchange_method_without_an_answer(channel: RawChannel, name: Name, exchange: str) -> None:
    other = name("other")
    channel.send(
        Exchange.Declare(exchange=other, nowait=True),
        Exchange.Bind(destination=other, source=exchange, nowait=True),
        Exchange.Unbind(destination=other, source=exchange, nowait=True),
    )
    channel.expect_nothing()
    channel.declare_exchange(other, passive=True)
    channel.send(Exchange.Delete(exchange=other, nowait=True))
    channel.expect_nothing()
    channel.refuses(Exchange.Declare(exchange=other, passive=True), 404)


def test_nowait_does_not_silence_a_refusal(channel: RawChannel) -> None:
    channel.refuses(Exchange.Declare(exchange="amq.mine", nowait=True), 403)


def test_publishing_to_an_internal_exchange_is_refused(channel: RawChannel, name: Name) -> None:
    exchange = name("x")
    channel.declare_exchange(exchange, internal=True)
    channel.publish(exchange=exchange)
    channel.expect_close(
        403, f"ACCESS_REFUSED - cannot publish to internal exchange '{exchange}' in vhost '/'", (60, 40)
    )


def test_an_auto_delete_exchange_goes_with_its_last_binding(channel: RawChannel, name: Name, queue: str) -> None:
    exchange = name("x")
    channel.declare_exchange(exchange, auto_delete=True)
    channel.bind(queue, exchange, "a")
    channel.bind(queue, exchange, "b")
    channel.call(Queue.Unbind(queue=queue, exchange=exchange, routing_key="a"), Queue.UnbindOk)
    channel.declare_exchange(exchange, passive=True)
    channel.call(Queue.Unbind(queue=queue, exchange=exchange, routing_key="b"), Queue.UnbindOk)
    channel.refuses(Exchange.Declare(exchange=exchange, passive=True), 404)


def test_deleting_a_queue_takes_a_chain_of_auto_delete_exchanges_with_it(
    channel: RawChannel, name: Name, queue: str
) -> None:
    chain = [name("first"), name("second"), name("third")]
    for exchange in chain:
        channel.declare_exchange(exchange, "fanout", auto_delete=True)
    for source, destination in itertools.pairwise(chain):
        channel.call(Exchange.Bind(destination=destination, source=source), Exchange.BindOk)
    channel.bind(queue, chain[-1])
    channel.call(Queue.Delete(queue=queue), Queue.DeleteOk)
    for exchange in chain:
        channel.refuses(Exchange.Declare(exchange=exchange, passive=True), 404)


def test_an_alternate_exchange_gets_what_finds_no_queue(channel: RawChannel, name: Name, queue: str) -> None:
    exchange, alternate = name("x"), name("alternate")
    channel.declare_exchange(alternate, "fanout")
    channel.declare_exchange(exchange, arguments={"alternate-exchange": alternate})
    channel.bind(queue, alternate)
    channel.publish("nowhere", b"saved", exchange, mandatory=True)
    channel.expect_nothing()
    content = channel.get(queue)
    assert content is not None
    assert (content.exchange, content.routing_key, content.body) == (exchange, "nowhere", b"saved")


def test_alternate_exchanges_in_a_circle_end_in_a_return(channel: RawChannel, name: Name) -> None:
    first, second = name("first"), name("second")
    channel.declare_exchange(first, arguments={"alternate-exchange": second})
    channel.declare_exchange(second, arguments={"alternate-exchange": first})
    channel.publish("nowhere", b"", first, mandatory=True)
    assert channel.expect(Basic.Return).exchange == first


def test_an_alternate_exchange_that_is_missing_is_no_error(channel: RawChannel, name: Name) -> None:
    exchange = name("x")
    channel.declare_exchange(exchange, arguments={"alternate-exchange": name("missing")})
    channel.publish("nowhere", b"", exchange, mandatory=True)
    channel.expect(Basic.Return)
