"""Bindings and the exchange types (specification 3.1.3; RabbitMQ: exchange-to-exchange bindings, x-match with x)."""

from __future__ import annotations

from typing import Any

import pytest
from pamqp.commands import Basic, Exchange, Queue

from tests.conformance.conftest import Name
from tests.support.raw_channel import RawChannel


def make(channel: RawChannel, name: Name, kind: str) -> str:
    """A new exchange."""
    exchange = name(kind)
    channel.declare_exchange(exchange, kind)
    return exchange


def test_every_queue_is_bound_to_the_default_exchange_by_its_name(channel: RawChannel, queue: str) -> None:
    channel.publish(queue, b"here")
    assert channel.drain(queue) == [b"here"]


@pytest.mark.parametrize(
    ("pattern", "key", "matches"),
    [
        ("a.b", "a.b", True),
        ("a.b", "a.c", False),
        ("a.*", "a.b", True),
        ("a.*", "a", False),
        ("a.*", "a.b.c", False),
        ("*", "", False),
        ("*", "a", True),
        ("#", "", True),
        ("#", "a.b.c", True),
        ("", "", True),
        ("", "a", False),
        ("a.#", "a", True),
        ("a.#", "a.b.c", True),
        ("#.c", "c", True),
        ("#.c", "a.b.c", True),
        ("#.c", "a.b", False),
        ("a.#.c", "a.c", True),
        ("a.#.c", "a.b.b.c", True),
        ("#.b.#", "a.b.c", True),
        ("#.b.#", "a.c", False),
        ("*.#", "a", True),
        ("*.#", "", False),
        ("#.*", "a.b", True),
        ("a..b", "a..b", True),
        ("a.*.b", "a..b", True),
        ("a.*", "a.", True),
        ("A.b", "a.b", False),
        ("a*", "ab", False),
        ("#.#", "", True),
    ],
)
def test_topic_patterns_match_word_by_word(
    channel: RawChannel, name: Name, queue: str, pattern: str, key: str, matches: bool
) -> None:
    exchange = make(channel, name, "topic")
    channel.bind(queue, exchange, pattern)
    channel.publish(key, b"", exchange)
    assert bool(channel.drain(queue)) is matches


@pytest.mark.parametrize(
    ("arguments", "headers", "matches"),
    [
        ({"x-match": "all", "a": 1, "b": "2"}, {"a": 1, "b": "2", "c": 3}, True),
        ({"x-match": "all", "a": 1, "b": "2"}, {"a": 1}, False),
        ({"a": 1, "b": "2"}, {"a": 1}, False),
        ({"x-match": "any", "a": 1, "b": "2"}, {"a": 1}, True),
        ({"x-match": "any", "a": 1, "b": "2"}, {"a": 2}, False),
        ({"x-match": "all", "a": None}, {"a": "whatever"}, True),
        ({"x-match": "all", "a": None}, {}, False),
        ({"x-match": "all", "x-a": 1}, {}, True),
        ({"x-match": "any", "x-a": 1}, {"x-a": 1}, False),
        ({"x-match": "all-with-x", "x-a": 1}, {}, False),
        ({"x-match": "any-with-x", "x-a": 1}, {"x-a": 1}, True),
        ({"x-match": "all"}, {}, True),
        ({"x-match": "any"}, {"a": 1}, False),
        ({"x-match": "all", "a": 1}, {"a": "1"}, False),
    ],
)
def test_headers_are_matched_as_x_match_says(
    channel: RawChannel, name: Name, queue: str, arguments: dict[str, Any], headers: dict[str, Any], matches: bool
) -> None:
    exchange = make(channel, name, "headers")
    channel.bind(queue, exchange, "", arguments)
    channel.publish("ignored", b"", exchange, properties=Basic.Properties(headers=headers))
    assert bool(channel.drain(queue)) is matches


@pytest.mark.parametrize(
    ("x_match", "text"),
    [
        ("foo", 'Invalid x-match field value <<"foo">>; expected all, any, all-with-x, or any-with-x'),
        (5, "Invalid x-match field type byte (value 5); expected longstr"),
    ],
)
def test_a_binding_with_another_x_match_is_refused(
    channel: RawChannel, name: Name, queue: str, x_match: Any, text: str
) -> None:
    exchange = make(channel, name, "headers")
    channel.refuses(
        Queue.Bind(queue=queue, exchange=exchange, arguments={"x-match": x_match}), 406, f"PRECONDITION_FAILED - {text}"
    )


def test_a_fanout_ignores_the_key(channel: RawChannel, name: Name, queue: str) -> None:
    exchange = make(channel, name, "fanout")
    channel.bind(queue, exchange, "this")
    channel.publish("that", b"1", exchange)
    assert channel.drain(queue) == [b"1"]


@pytest.mark.parametrize("kind", ["direct", "fanout", "topic", "headers"])
def test_a_queue_bound_twice_gets_one_copy(channel: RawChannel, name: Name, queue: str, kind: str) -> None:
    exchange = make(channel, name, kind)
    channel.bind(queue, exchange, "k", {"a": 1})
    channel.bind(queue, exchange, "k", {"b": 1})
    channel.bind(queue, exchange, "k" if kind != "topic" else "#", {"b": 1})
    channel.publish("k", b"once", exchange, properties=Basic.Properties(headers={"a": 1, "b": 1}))
    assert channel.drain(queue) == [b"once"]


def test_an_unbound_queue_gets_nothing_more(channel: RawChannel, exchange: str, queue: str) -> None:
    channel.bind(queue, exchange, "k")
    channel.call(Queue.Unbind(queue=queue, exchange=exchange, routing_key="k"), Queue.UnbindOk)
    channel.publish("k", b"", exchange, mandatory=True)
    assert channel.expect(Basic.Return).exchange == exchange


def test_a_binding_made_twice_is_gone_after_one_unbind(channel: RawChannel, exchange: str, queue: str) -> None:
    channel.bind(queue, exchange, "k")
    channel.bind(queue, exchange, "k")
    channel.call(Queue.Unbind(queue=queue, exchange=exchange, routing_key="k"), Queue.UnbindOk)
    channel.publish("k", b"", exchange)
    assert channel.drain(queue) == []


def test_bindings_differ_by_their_arguments(channel: RawChannel, exchange: str, queue: str) -> None:
    channel.bind(queue, exchange, "k", {"n": 1})
    channel.bind(queue, exchange, "k", {"n": 2})
    unbind = Queue.Unbind(queue=queue, exchange=exchange, routing_key="k", arguments={"n": 1})
    channel.call(unbind, Queue.UnbindOk)
    channel.publish("k", b"", exchange)
    assert len(channel.drain(queue)) == 1


def test_an_exchange_bound_to_an_exchange_passes_on(channel: RawChannel, name: Name, queue: str) -> None:
    source, destination = make(channel, name, "topic"), make(channel, name, "fanout")
    channel.bind(queue, destination)
    channel.call(Exchange.Bind(destination=destination, source=source, routing_key="a.#"), Exchange.BindOk)
    channel.publish("a.b", b"1", source)
    channel.publish("b.a", b"2", source)
    content = channel.get(queue)
    assert content is not None
    assert (content.exchange, content.routing_key, content.body) == (source, "a.b", b"1")
    assert channel.drain(queue) == []
    unbind = Exchange.Unbind(destination=destination, source=source, routing_key="a.#")
    channel.call(unbind, Exchange.UnbindOk)
    channel.publish("a.b", b"3", source)
    assert channel.drain(queue) == []


def test_exchanges_bound_in_a_circle_deliver_once(channel: RawChannel, name: Name, queue: str) -> None:
    first, second = make(channel, name, "fanout"), make(channel, name, "fanout")
    channel.call(Exchange.Bind(destination=first, source=second), Exchange.BindOk)
    channel.call(Exchange.Bind(destination=second, source=first), Exchange.BindOk)
    channel.bind(queue, first)
    channel.bind(queue, second)
    channel.publish("", b"once", first)
    assert channel.drain(queue) == [b"once"]


def test_binding_exchanges_that_are_missing_is_a_404_that_names_the_source_first(
    channel: RawChannel, exchange: str, name: Name
) -> None:
    source, destination = name("source"), name("destination")
    for method, missing in [
        (Exchange.Bind(destination=exchange, source=source), source),
        (Exchange.Bind(destination=destination, source=exchange), destination),
        (Exchange.Bind(destination=destination, source=source), source),
    ]:
        channel.refuses(method, 404, f"NOT_FOUND - no exchange '{missing}' in vhost '/'")


def test_unbinding_what_is_missing_is_fine(channel: RawChannel, exchange: str, name: Name) -> None:
    channel.call(Exchange.Unbind(destination=exchange, source=name("missing")), Exchange.UnbindOk)


def test_deleting_an_exchange_deletes_its_bindings(channel: RawChannel, exchange: str, queue: str) -> None:
    channel.bind(queue, exchange, "k")
    channel.call(Exchange.Delete(exchange=exchange), Exchange.DeleteOk)
    channel.declare_exchange(exchange)
    channel.publish("k", b"", exchange)
    assert channel.drain(queue) == []


def test_a_255_byte_key_is_routed(channel: RawChannel, exchange: str, queue: str) -> None:
    channel.bind(queue, exchange, "k" * 255)
    channel.publish("k" * 255, b"1", exchange)
    assert channel.drain(queue) == [b"1"]
