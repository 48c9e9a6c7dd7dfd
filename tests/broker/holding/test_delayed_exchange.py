"""Exchanges of type `x-delayed-message`, as RabbitMQ's plugin has them."""

from __future__ import annotations

from pathlib import Path

import pytest
from pamqp import commands
from pamqp.commands import Basic, Confirm

from broker.tick import COMMIT_WITHIN_MS
from protocol.properties import Properties
from tests.broker.holding.support import DELAYED, Home, declare, got, headers_of, send
from tests.support.sansio import SansClient

LONGEST = 2**32 - 1


@pytest.fixture
def client() -> SansClient:
    made = Home().client()
    declare(made)
    return made


def test_a_message_comes_when_it_is_due_and_not_before(client: SansClient) -> None:
    send(client, "late", x_delay=1500)
    client.broker.advance(1499)
    assert got(client) == []
    client.broker.advance(1)
    assert got(client) == ["late"]


def test_what_is_due_first_comes_first(client: SansClient) -> None:
    for body, delay in (("c", 3000), ("a", 1000), ("b", 2000), ("b2", 2000)):
        send(client, body, x_delay=delay)
    client.broker.advance(3000)
    assert got(client) == ["a", "b", "b2", "c"]


@pytest.mark.parametrize("headers", [{}, {"x_delay": 0}, {"x_delay": -5}, {"x_delay": LONGEST + 1}, {"x_delay": True},
                                     {"x_delay": "soon"}, {"other": 5000}])  # fmt: skip
def test_what_asks_for_no_delay_comes_at_once(client: SansClient, headers: dict[str, object]) -> None:
    send(client, "now", **headers)
    assert got(client) == ["now"]


@pytest.mark.parametrize("delay", [LONGEST, 2**31, 40_000, 200, 1.5e3, "300"])
def test_every_type_of_number_is_a_delay(client: SansClient, delay: object) -> None:
    send(client, "later", x_delay=delay)
    assert got(client) == []
    client.broker.advance(int(delay))  # type: ignore[call-overload]
    assert got(client) == ["later"]


def test_the_delay_is_negated_and_nothing_else_changes(client: SansClient) -> None:
    properties = Basic.Properties(
        content_type="text/plain", headers={"a": 1, "x-delay": 70, "b": [1, {"c": "d"}]}, delivery_mode=2, priority=3,
        correlation_id="c", message_id="m",
    )  # fmt: skip
    client.publish(1, DELAYED, "q", b"x", properties)
    client.broker.advance(70)
    answer = client.call(1, Basic.Get(queue="q", no_ack=True))[-1]
    assert headers_of(answer) == {"a": 1, "x-delay": -70, "b": [1, {"c": "d"}]}
    before, after = Properties(properties_bytes(properties)), Properties(answer.properties)
    assert after.raw[after.headers_end :] == before.raw[before.headers_end :]
    assert after.raw[: after.headers_start] == before.raw[: before.headers_start]


def properties_bytes(properties: Basic.Properties) -> bytes:
    return bytes(properties.marshal())


def test_routing_is_decided_when_it_is_due(client: SansClient) -> None:
    send(client, "moved", key="new", x_delay=1000)
    client.call(1, commands.Queue.Bind(queue="q", exchange=DELAYED, routing_key="new"))
    send(client, "unbound", key="q", x_delay=1000)
    client.call(1, commands.Queue.Unbind(queue="q", exchange=DELAYED, routing_key="q"))
    client.broker.advance(1000)
    assert got(client) == ["moved"]
    assert client.broker.vhost.counters.unroutable == 1
    assert client.broker.vhost.holding.store.counters.dropped == 1


@pytest.mark.parametrize("type", ["fanout", "topic", "headers"])
def test_every_underlying_type_routes(type: str) -> None:
    client = Home().client()
    declare(client, type=type)
    arguments = {"x-match": "all", "kind": "red"} if type == "headers" else {}
    client.call(1, commands.Queue.Bind(queue="q", exchange=DELAYED, routing_key="#", arguments=arguments))
    send(client, "x", key="a.b", x_delay=10, kind="red")
    client.broker.advance(10)
    assert got(client) == ["x"]


def test_copies_go_along(client: SansClient) -> None:
    client.call(1, commands.Queue.Declare(queue="copy", durable=True))
    client.call(1, commands.Queue.Bind(queue="copy", exchange=DELAYED, routing_key="copy"))
    for name in ("CC", "BCC"):
        send(client, "x", x_delay=10, **{name: ["copy"]})
        client.broker.advance(10)
        assert (got(client), got(client, "copy")) == (["x"], ["x"])


def test_a_mandatory_message_is_returned_and_comes_all_the_same(client: SansClient) -> None:
    """As with the plugin, which says that it does not support the flag: nothing is routed when it is published."""
    client.call(1, Confirm.Select())
    received = send(client, "x", mandatory=True, x_delay=10)
    assert [one.name for one in received] == ["Basic.Return", "Basic.Ack"]
    assert isinstance(received[0].frame, Basic.Return)
    assert (received[0].frame.reply_code, received[0].frame.reply_text) == (312, "NO_ROUTE")
    client.broker.advance(10)
    assert got(client) == ["x"]
    assert send(client, "now", mandatory=True)[0].name == "Basic.Ack"


def test_a_run_is_confirmed_whole_and_comes_in_order(client: SansClient) -> None:
    client.call(1, Confirm.Select())
    properties = Basic.Properties(headers={"x-delay": 500}, delivery_mode=2)
    for at in range(300):
        client.publish(1, DELAYED, "q", b"%03d" % at, properties)
    client.broker.turn()
    last = client.take(1)[-1].frame
    assert isinstance(last, Basic.Ack)
    assert last.delivery_tag == 300
    client.broker.advance(500)
    assert got(client) == [f"{at:03}" for at in range(300)]


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        ({}, 406, "PRECONDITION_FAILED - Invalid argument, 'x-delayed-type' must be an existing exchange type"),
        ({"x-delayed-type": 5}, 406,
         "PRECONDITION_FAILED - Invalid argument, 'x-delayed-type' must be an existing exchange type"),
        ({"x-delayed-type": "x-delayed-message"}, 406,
         "PRECONDITION_FAILED - Invalid argument, 'x-delayed-message' can't be used for 'x-delayed-type'"),
        ({"x-delayed-type": "odd"}, 503, "COMMAND_INVALID - unknown exchange type 'odd'"),
    ],
)  # fmt: skip
def test_what_it_is_to_route_like_is_checked(arguments: dict[str, object], code: int, text: str) -> None:
    client = Home().client()
    client.method(1, commands.Exchange.Declare(exchange="e", exchange_type="x-delayed-message", arguments=arguments))
    client.broker.turn()
    close = client.take()[-1].frame
    assert isinstance(close, commands.Channel.Close | commands.Connection.Close)
    assert (close.reply_code, close.reply_text) == (code, text)


def test_a_restart_changes_nothing(tmp_path: Path) -> None:
    home = Home(tmp_path)
    client = home.client()
    declare(client)
    client.call(1, Confirm.Select())
    for body, delay in (("c", 70_000), ("overdue b", 2000), ("overdue a", 1500), ("transient", 3000)):
        assert send(client, body, x_delay=delay, mode=1 if body == "transient" else 2)[-1].name == "Basic.Ack"
    home.restart(after_ms=5000)
    client = home.client()
    client.broker.advance(0)
    assert got(client) == ["overdue a", "overdue b"]
    assert client.broker.vhost.holding.store.of_reasons[1] == 1
    client.broker.advance(64_999)
    assert got(client) == []
    client.broker.advance(1)
    assert got(client) == ["c"]
    client.broker.advance(COMMIT_WITHIN_MS)
    home.restart()
    home.broker.advance(100_000)
    assert got(home.client()) == [], "what was let go is settled"


def test_an_exchange_that_is_gone_has_nobody_for_its_messages(client: SansClient) -> None:
    send(client, "x", x_delay=1000)
    client.call(1, commands.Exchange.Delete(exchange=DELAYED))
    client.broker.advance(1000)
    assert client.broker.vhost.holding.store.counters.dropped == 1
    assert len(client.broker.vhost.holding.store.index) == 0
