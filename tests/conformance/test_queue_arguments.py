"""Arguments of queue.declare: checks and equivalence (specification 1.8.2.1; RabbitMQ's optional arguments)."""

from __future__ import annotations

from typing import Any

import pytest
from pamqp.commands import Queue

from tests.conformance.conftest import Name
from tests.conformance.literal import refuses_alike
from tests.support.raw_channel import RawChannel
from tests.support.raw_frames import loose, raw_method_bytes, table_bytes

NOT_INTEGER = '"expected integer, got {}"'


@pytest.mark.parametrize(
    ("argument", "value", "reason"),
    [
        *[
            (argument, "abc", NOT_INTEGER.format("longstr"))
            for argument in ("x-message-ttl", "x-expires", "x-max-priority", "x-max-length", "x-max-length-bytes")
        ],
        *[
            (argument, -1, "{value_negative,-1}")
            for argument in ("x-message-ttl", "x-expires", "x-max-priority", "x-max-length", "x-max-length-bytes")
        ],
        ("x-message-ttl", True, NOT_INTEGER.format("bool")),
        ("x-message-ttl", 1.5, NOT_INTEGER.format("float")),
        ("x-message-ttl", None, NOT_INTEGER.format("void")),
        ("x-message-ttl", {}, NOT_INTEGER.format("table")),
        ("x-expires", 0, "{value_zero,0}"),
        ("x-max-priority", 256, "{max_value_exceeded,256}"),
        ("x-dead-letter-routing-key", "k", "routing_key_but_no_dlx_defined"),
        ("x-dead-letter-routing-key", 1, "{unacceptable_type,byte}"),
        ("x-overflow", "foo", "invalid_overflow"),
        ("x-overflow", 1, "{unacceptable_type,byte}"),
        ("x-queue-type", "foo", "\"unsupported queue type 'foo'\""),
        ("x-queue-type", 1, "{unacceptable_type,byte}"),
        ("x-queue-mode", "foo", "\"unsupported queue mode 'foo'\""),
        ("x-queue-mode", 1, "{unacceptable_type,byte}"),
        ("x-single-active-consumer", "true", "{unacceptable_type,longstr}"),
        ("x-single-active-consumer", 1, "{unacceptable_type,byte}"),
    ],
)
def test_an_argument_out_of_range_is_a_406_with_the_reason(
    channel: RawChannel, name: Name, argument: str, value: Any, reason: str
) -> None:
    queue = name("q")
    channel.refuses(
        Queue.Declare(queue=queue, arguments={argument: value}),
        406,
        f"PRECONDITION_FAILED - invalid arg '{argument}' for queue '{queue}' in vhost '/': {reason}",
    )


def test_a_dead_letter_exchange_must_be_a_string(channel: RawChannel, name: Name) -> None:
    queue = name("q")
    channel.refuses(
        Queue.Declare(queue=queue, arguments={"x-dead-letter-exchange": 1}),
        406,
        f"invalid type 'byte' for arg 'x-dead-letter-exchange' in queue '{queue}' in vhost '/'",
    )


@pytest.mark.parametrize(
    "arguments",
    [
        {"x-message-ttl": 0},
        {"x-message-ttl": 4294967296},
        {"x-expires": 4294967295},
        {"x-max-priority": 0},
        {"x-max-priority": 255},
        {"x-max-length": 0},
        {"x-max-length-bytes": 0},
        {"x-overflow": "drop-head"},
        {"x-overflow": "reject-publish"},
        {"x-overflow": "reject-publish-dlx"},
        {"x-queue-type": "classic"},
        {"x-queue-mode": "lazy"},
        {"x-single-active-consumer": False},
        {"x-dead-letter-exchange": ""},
        {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "k"},
        {"x-unknown": [1, {"a": None}]},
        {"plain": 1},
    ],
    ids=str,
)
def test_an_argument_in_range_is_taken_twice(channel: RawChannel, name: Name, arguments: dict[str, Any]) -> None:
    queue = name("q")
    for _ in range(2):
        channel.declare_queue(queue, arguments)


@pytest.mark.parametrize(
    ("argument", "value", "kind"),
    [
        ("x-message-ttl", 100000, "signedint"),
        ("x-message-ttl", 4294967295, "unsignedint"),
        ("x-max-priority", 10, "byte"),
        ("x-max-length", 300, "short"),
        ("x-dead-letter-exchange", "a", "longstr"),
        ("x-overflow", "drop-head", "longstr"),
        ("x-queue-mode", "lazy", "longstr"),
    ],
)
def test_an_argument_there_once_and_not_again_is_a_406(
    channel: RawChannel, name: Name, argument: str, value: Any, kind: str
) -> None:
    start = "inequivalent arg '{}' for queue '{}' in vhost '/': "
    first, second = name("first"), name("second")
    channel.declare_queue(first, {argument: value})
    close_text = f"{start.format(argument, first)}received none but current is the value '{value}' of type '{kind}'"
    refuses_alike(channel, Queue.Declare(queue=first), close_text)
    channel.declare_queue(second)
    close_text = f"{start.format(argument, second)}received the value '{value}' of type '{kind}' but current is none"
    refuses_alike(channel, Queue.Declare(queue=second, arguments={argument: value}), close_text)


@pytest.mark.parametrize(
    ("argument", "first", "then"),
    [
        ("x-message-ttl", 1000, 9),
        ("x-expires", 100000, 200000),
        ("x-max-priority", 10, 9),
        ("x-max-length", 1, 2),
        ("x-dead-letter-exchange", "a", "b"),
    ],
)
def test_another_value_on_redeclare_is_a_406_that_names_both(
    channel: RawChannel, name: Name, argument: str, first: Any, then: Any
) -> None:
    queue = name("q")
    channel.declare_queue(queue, {argument: first})
    refuses_alike(
        channel,
        Queue.Declare(queue=queue, arguments={argument: then}),
        f"inequivalent arg '{argument}' for queue '{queue}' in vhost '/': received '{then}' but current is '{first}'",
    )


def test_a_boolean_argument_is_spelled_in_lower_case(channel: RawChannel, name: Name) -> None:
    queue = name("q")
    channel.declare_queue(queue, {"x-single-active-consumer": True})
    start = f"inequivalent arg 'x-single-active-consumer' for queue '{queue}' in vhost '/': "
    text = f"{start}received none but current is the value 'true' of type 'bool'"
    refuses_alike(channel, Queue.Declare(queue=queue), text)


def test_integers_of_different_types_are_the_same_value(channel: RawChannel, name: Name) -> None:
    queue = name("q")
    for value in (
        b"b\x0a",
        b"B\x0a",
        b"s\x00\x0a",
        b"u\x00\x0a",
        b"I\x00\x00\x00\x0a",
        b"i\x00\x00\x00\x0a",
        b"l\x00\x00\x00\x00\x00\x00\x00\x0a",
    ):
        arguments = b"\x00\x00" + bytes([len(queue)]) + queue.encode() + b"\x00" + table_bytes(("x-message-ttl", value))
        channel.connection.send_raw(raw_method_bytes(1, 50, 10, arguments))
        channel.expect(Queue.DeclareOk)


def test_arguments_without_a_meaning_do_not_matter_on_redeclare(channel: RawChannel, name: Name) -> None:
    queue = name("q")
    for arguments in ({}, {"x-unknown": 1}, {"plain": 2}, {"x-queue-type": "classic"}):
        channel.declare_queue(queue, arguments)


def test_properties_are_compared_before_arguments(channel: RawChannel, name: Name) -> None:
    queue = name("q")
    channel.declare_queue(queue, {"x-message-ttl": 1})
    channel.refuses(loose(Queue.Declare, queue=queue, durable=True), 406, "inequivalent arg 'durable'")


def test_a_passive_declare_compares_nothing(channel: RawChannel, queue: str) -> None:
    channel.declare_queue(queue, {"x-message-ttl": "nonsense"}, passive=True, durable=True, auto_delete=True)
