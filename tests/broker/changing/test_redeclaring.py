"""Redeclarations that differ: refused with what to do, or accepted and logged."""

from __future__ import annotations

import logging

import pytest
from pamqp.commands import Channel, Exchange, Queue

from broker.config import Config
from broker.model.argument_checks import Difference
from broker.redeclaring import LINES_MAX, PERIOD_MS, advised, queue_advice
from protocol.errors import REPLY_TEXT_BYTES_MAX
from tests.support.sansio import SansBroker, SansClient

TTL = {"x-message-ttl": 1000}


def started(mode: str, name: str = "orders") -> tuple[SansBroker, SansClient]:
    broker = SansBroker(Config(redeclare=mode))
    client = broker.connect().open()
    client.connection.client_properties["connection_name"] = "shop-7"
    client.channel()
    assert isinstance(client.answer(1, Queue.Declare(queue=name, arguments=TTL)), Queue.DeclareOk)
    return broker, client


def refusal(name: str, arguments: dict[str, object]) -> str:
    _, client = started("strict", name)
    frame = client.answer(1, Queue.Declare(queue=name, arguments=arguments))
    assert isinstance(frame, Channel.Close)
    assert frame.reply_code == 406
    return str(frame.reply_text)


@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        ({"x-message-ttl": 5}, "--argument x-message-ttl=5"),
        ({}, "--remove x-message-ttl"),
        ({**TTL, "x-single-active-consumer": True}, "--argument x-single-active-consumer=true"),
        ({**TTL, "x-dead-letter-exchange": "a b"}, "--argument 'x-dead-letter-exchange=a b'"),
        ({**TTL, "x-queue-type": "quorum"}, "--argument x-queue-type=quorum"),
    ],
)
def test_the_text_ends_with_the_command_that_changes_the_queue(arguments: dict[str, object], option: str) -> None:
    text = refusal("orders", arguments)
    assert text.startswith("PRECONDITION_FAILED - inequivalent arg 'x-")
    assert text.endswith(f"change it in place: brokerctl change_queue orders {option}"), text


def test_advice_gives_way_to_rabbitmqs_text() -> None:
    seen = set()
    for length in range(1, 200):
        text = refusal("q" * length, {})
        literal = (
            f"PRECONDITION_FAILED - inequivalent arg 'x-message-ttl' for queue '{'q' * length}' in vhost '/': "
            "received none but current is the value '1000' of type 'short'"
        )
        assert text.startswith(literal[:REPLY_TEXT_BYTES_MAX])
        assert len(text.encode()) <= REPLY_TEXT_BYTES_MAX
        rest = text[len(literal) :]
        assert rest == "" or rest.startswith((". Declare it as it is, or", ". To change it in place: brokerctl"))
        assert not rest or rest.endswith(("--remove x-message-ttl", "brokerctl change_queue"))
        seen.add(rest.split("brokerctl")[0])
    assert len(seen) == 3, "the long one, the short one, none"


def test_a_stream_and_a_flag_cannot_be_changed_and_the_text_says_so() -> None:
    stream = queue_advice("/", "q", {"x-queue-type": "stream"})(Difference("x-queue-type", "'stream'", "none"))
    flag = queue_advice("/", "q", {})(Difference("durable", "'true'", "'false'"))
    for sentences in (stream, flag):
        assert advised("text", sentences) == "text. This cannot be changed: declare it as it is, or delete it first"


def test_another_vhost_is_named() -> None:
    [longest, *_] = queue_advice("a b", "q", {})(Difference("x-expires", "none", "'5'"))
    assert longest.endswith("brokerctl change_queue -p 'a b' q --remove x-expires")


def test_lenient_keeps_what_is_there_and_logs_each_difference(caplog: pytest.LogCaptureFixture) -> None:
    broker, client = started("lenient")
    with caplog.at_level(logging.WARNING, "leveret.redeclare"):
        frame = client.answer(1, Queue.Declare(queue="orders", auto_delete=True, arguments={"x-expires": 60_000}))
    assert isinstance(frame, Queue.DeclareOk)
    assert dict(broker.vhost.queues["orders"].definition.arguments.values) == TTL
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 3
    assert all("connection shop-7" in line and "queue 'orders' in vhost '/'" in line for line in lines)
    assert "inequivalent arg 'auto_delete'" in lines[0]
    assert "received 'true' but current is 'false'" in lines[0]
    assert "'x-expires'" in lines[1]
    assert "received none but current is the value '1000'" in lines[2]
    assert broker.node.operations.redeclarations.accepted == 1


def test_lenient_is_no_way_round_locks_types_and_checks() -> None:
    _, client = started("lenient")
    client.answer(1, Queue.Declare(queue="own", exclusive=True))
    client.answer(1, Exchange.Declare(exchange="x", exchange_type="direct"))
    cases = (
        (Queue.Declare(queue="own"), 405), (Exchange.Declare(exchange="x", exchange_type="fanout"), 406),
        (Queue.Declare(queue="new", arguments={"x-message-ttl": -1}), 406),
    )  # fmt: skip
    for method, code in cases:
        frame = client.answer(1, method)
        assert isinstance(frame, Channel.Close)
        assert frame.reply_code == code
        client.method(1, Channel.CloseOk())
        client.channel()


def test_an_exchange_is_redeclared_leniently_too() -> None:
    broker, client = started("lenient")
    client.answer(1, Exchange.Declare(exchange="x", exchange_type="direct"))
    frame = client.answer(1, Exchange.Declare(exchange="x", exchange_type="direct", durable=True))
    assert isinstance(frame, Exchange.DeclareOk)
    assert not broker.vhost.table.exchanges["x"].durable


def test_so_many_lines_are_logged_in_a_while(caplog: pytest.LogCaptureFixture) -> None:
    broker, client = started("lenient")
    with caplog.at_level(logging.WARNING, "leveret.redeclare"):
        for _ in range(LINES_MAX + 5):
            client.answer(1, Queue.Declare(queue="orders"))
        assert len(caplog.records) == LINES_MAX
        broker.advance(PERIOD_MS)
        client.answer(1, Queue.Declare(queue="orders"))
    assert [record.getMessage() for record in caplog.records][LINES_MAX] == (
        "5 more differences in redeclarations were not logged"
    )
    assert len(caplog.records) == LINES_MAX + 2
