"""The exchange types of RabbitMQ's plugins: x-consistent-hash, x-random and x-modulus-hash.

A RabbitMQ needs rabbitmq_consistent_hash_exchange, rabbitmq_random_exchange and rabbitmq_sharding for these.
"""

from __future__ import annotations

from typing import Any

import pytest
from pamqp.commands import Basic, Exchange, Queue, Tx

from tests.conformance.conftest import Name
from tests.support.raw_channel import RawChannel
from tests.support.raw_frames import loose

HASH = "x-consistent-hash"
HEADER = {"hash-header": "h"}


class Fan:
    """Three queues bound to an exchange, and what each of them has got."""

    def __init__(self, channel: RawChannel, name: Name, kind: str, arguments: dict[str, Any] | None = None) -> None:
        self.channel = channel
        self.exchange = name("exchange")
        channel.declare_exchange(self.exchange, kind, arguments)
        self.queues = [name(label) for label in "abc"]
        for queue in self.queues:
            channel.declare_queue(queue)

    def bind(self, *keys: str) -> Fan:
        for queue, key in zip(self.queues, keys, strict=False):
            self.channel.bind(queue, self.exchange, key)
        return self

    def publish(self, key: str, body: bytes = b"", **how: Any) -> None:
        self.channel.publish(key, body, self.exchange, **how)

    def confirmed(self, count: int) -> None:
        self.channel.expect_confirms(1, count)

    def taken(self) -> list[list[bytes]]:
        return [self.channel.drain(queue) for queue in self.queues]


def headers(**values: Any) -> Basic.Properties:
    return Basic.Properties(headers=values)


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("0", "PRECONDITION_FAILED - The binding key must be greater than 0"),
        ("-1", "PRECONDITION_FAILED - The binding key must be greater than 0"),
        ("x", 'PRECONDITION_FAILED - The binding key must be an integer: <<"x">>'),
        ("", "PRECONDITION_FAILED - The binding key must be an integer: <<>>"),
        ("1.5", 'PRECONDITION_FAILED - The binding key must be an integer: <<"1.5">>'),
        (" 1", 'PRECONDITION_FAILED - The binding key must be an integer: <<" 1">>'),
        ("1_0", 'PRECONDITION_FAILED - The binding key must be an integer: <<"1_0">>'),
    ],
)
def test_a_binding_key_that_is_no_weight_is_refused(channel: RawChannel, name: Name, key: str, text: str) -> None:
    fan = Fan(channel, name, HASH)
    channel.refuses(Queue.Bind(0, fan.queues[0], fan.exchange, key, False, {}), 406, text)


def test_weights_with_a_sign_or_zeros_are_taken(channel: RawChannel, name: Name) -> None:
    Fan(channel, name, HASH).bind("+1", "01")


def test_unbinding_a_key_that_was_refused_is_fine(channel: RawChannel, name: Name) -> None:
    fan = Fan(channel, name, HASH)
    channel.call(Queue.Unbind(0, fan.queues[0], fan.exchange, "x", {}), Queue.UnbindOk)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (
            {"hash-header": "a", "hash-property": "message_id"},
            "PRECONDITION_FAILED - hash-header and hash-property are mutually exclusive",
        ),
        ({"hash-property": "nope"}, "PRECONDITION_FAILED - Unsupported property: nope"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(
    channel: RawChannel, name: Name, arguments: dict[str, Any], text: str
) -> None:
    declare = loose(Exchange.Declare, exchange=name("x"), exchange_type=HASH, arguments=arguments)
    channel.refuses(declare, 406, text)


def test_a_redeclare_does_not_look_at_what_is_hashed(channel: RawChannel, name: Name) -> None:
    fan = Fan(channel, name, HASH, HEADER)
    for arguments in ({}, {"hash-header": "other"}, {"hash-property": "message_id"}):
        channel.declare_exchange(fan.exchange, HASH, arguments)


def test_each_message_goes_to_one_queue_and_the_same_key_to_the_same(channel: RawChannel, name: Name) -> None:
    fan = Fan(channel, name, HASH).bind("1", "1", "1")
    channel.confirm_select()
    for _ in range(2):
        for number in range(150):
            fan.publish(f"key {number}", b"%d" % number)
    fan.confirmed(300)
    taken = fan.taken()
    assert sorted(int(body) for bodies in taken for body in bodies) == sorted([*range(150)] * 2)
    assert all(bodies[: len(bodies) // 2] == bodies[len(bodies) // 2 :] for bodies in taken)
    assert all(len(bodies) > 40 for bodies in taken)


def test_weights_share_the_keys(channel: RawChannel, name: Name) -> None:
    fan = Fan(channel, name, HASH).bind("1", "8")
    channel.confirm_select()
    for number in range(900):
        fan.publish(f"key {number}")
    fan.confirmed(900)
    one, other, _ = [len(bodies) for bodies in fan.taken()]
    assert 50 < one < 170
    assert one + other == 900


def test_a_header_decides_and_its_absence_too(channel: RawChannel, name: Name) -> None:
    fan = Fan(channel, name, HASH, HEADER).bind("1", "1", "1")
    channel.confirm_select()
    for number in range(60):
        fan.publish("the same key", b"%d" % (number % 30), properties=headers(h=f"value {number % 30}"))
    for number in range(30):
        fan.publish(f"key {number}", b"without", properties=headers(other=number))
    for number in range(30):
        fan.publish(f"key {number}", b"without")
    fan.confirmed(120)
    taken = fan.taken()
    assert sum(b"without" in bodies for bodies in taken) == 1
    hashed = [[body for body in bodies if body != b"without"] for bodies in taken]
    assert all(bodies and bodies[: len(bodies) // 2] == bodies[len(bodies) // 2 :] for bodies in hashed)


@pytest.mark.parametrize("property_name", ["message_id", "correlation_id"])
def test_a_property_decides(channel: RawChannel, name: Name, property_name: str) -> None:
    fan = Fan(channel, name, HASH, {"hash-property": property_name}).bind("1", "1", "1")
    channel.confirm_select()
    for number in range(60):
        value = f"id {number % 30}"
        fan.publish("k", b"%d" % (number % 30), properties=Basic.Properties(**{property_name: value}))
    fan.confirmed(60)
    taken = fan.taken()
    assert all(bodies and bodies[: len(bodies) // 2] == bodies[len(bodies) // 2 :] for bodies in taken)


def test_copies_do_not_make_it_two(channel: RawChannel, name: Name) -> None:
    fan = Fan(channel, name, HASH).bind("1", "1", "1")
    channel.confirm_select()
    for number in range(30):
        fan.publish(f"key {number}", properties=headers(CC=[f"copy {number}"]))
    fan.confirmed(30)
    assert sum(len(bodies) for bodies in fan.taken()) == 30


def test_nobody_bound_is_unroutable(channel: RawChannel, name: Name) -> None:
    for kind in (HASH, "x-random", "x-modulus-hash"):
        fan = Fan(channel, name, kind)
        fan.publish("k", b"back", mandatory=True)
        assert channel.expect(Basic.Return).body == b"back"


def test_a_run_of_equal_messages_is_spread_at_random(channel: RawChannel, name: Name) -> None:
    fan = Fan(channel, name, "x-random").bind("x", "y", "")
    channel.confirm_select()
    channel.publish_all("the same", [b"%03d" % number for number in range(300)], fan.exchange)
    fan.confirmed(300)
    taken = fan.taken()
    assert sum(map(len, taken)) == 300
    assert all(len(bodies) > 60 for bodies in taken)
    assert all(bodies == sorted(bodies) for bodies in taken)


def test_random_draws_bindings_and_each_message_once(channel: RawChannel, name: Name) -> None:
    fan = Fan(channel, name, "x-random").bind("x", "x")
    channel.bind(fan.queues[0], fan.exchange, "y")
    channel.confirm_select()
    for number in range(600):
        fan.publish("k", properties=headers(CC=[f"copy {number}"]))
    fan.confirmed(600)
    one, other, _ = [len(bodies) for bodies in fan.taken()]
    assert one + other == 600
    assert 320 < one < 480


def test_a_transaction_is_spread_too(channel: RawChannel, name: Name) -> None:
    fan = Fan(channel, name, "x-random").bind("", "", "")
    channel.call(Tx.Select(), Tx.SelectOk)
    channel.publish_all("k", [b""] * 300, fan.exchange)
    channel.call(Tx.Commit(), Tx.CommitOk)
    channel.expect_nothing(fan.queues[0])
    taken = [len(bodies) for bodies in fan.taken()]
    assert sum(taken) == 300
    assert min(taken) > 60


def test_modulus_sends_the_same_key_the_same_way(channel: RawChannel, name: Name) -> None:
    fan = Fan(channel, name, "x-modulus-hash").bind("x", "x", "x")
    channel.confirm_select()
    for number in range(120):
        fan.publish(f"key {number % 60}", b"%d" % (number % 60))
    fan.confirmed(120)
    taken = fan.taken()
    assert all(bodies and bodies[: len(bodies) // 2] == bodies[len(bodies) // 2 :] for bodies in taken)
