"""Which kind of queue takes which argument, and compares it: every argument of the table with every kind of queue.

As RabbitMQ 3.10.8 answers, of what it knows. Ours also takes a delivery limit on classic queues.
"""

from __future__ import annotations

from typing import Any

import pytest
from pamqp.commands import Queue

from broker.model.arguments import ALL_TYPES, ARGUMENTS, BY_NAME, QUEUE, Argument
from tests.conformance.conftest import Name
from tests.conformance.literal import refuses_alike
from tests.support.brokers import external_broker
from tests.support.raw_channel import RawChannel
from tests.support.raw_frames import loose

IS_OURS = external_broker() is None
OF_RABBITMQ = (  # 3.10
    "x-expires x-message-ttl x-dead-letter-exchange x-dead-letter-routing-key x-dead-letter-strategy x-max-length "
    "x-max-length-bytes x-max-in-memory-length x-max-in-memory-bytes x-max-priority x-overflow x-queue-mode "
    "x-queue-version x-single-active-consumer x-quorum-initial-group-size x-delivery-limit x-consumer-timeout "
    "x-queue-master-locator x-max-age x-stream-max-segment-size-bytes x-initial-cluster-size "
    "x-queue-leader-locator"
)
ROWS = [row for row in ARGUMENTS if row.on == QUEUE and row.name != "x-queue-type"]
ROWS = ROWS if IS_OURS else [row for row in ROWS if row.name in OF_RABBITMQ.split()]
KINDS = BY_NAME[QUEUE, "x-queue-type"].choices if IS_OURS else ALL_TYPES
PAIRS = {"integer": (60_000, 70_000), "boolean": (True, False), "string": ("a", "b"), "age": ("1h", "2h")}
SMALL = (20, 30)
QUORUM = "the value 'quorum' of type 'longstr'"
VERSION = "invalid arg 'x-queue-version' for queue '{{}}' in vhost '/': \"unsupported queue version '{}'\""


def values(row: Argument) -> tuple[Any, Any]:
    """Two values that the row allows."""
    if row.name == "x-queue-master-locator":  # RabbitMQ knows these only
        return "client-local", "min-masters"
    if row.choices:
        return row.choices[0], row.choices[1]
    if row.kind == "integer" and row.maximum <= 255:
        return (1, 2) if row.maximum == 2 else SMALL
    return PAIRS[row.kind]


def takes(kind: str, row: Argument) -> bool:
    """Whether a queue of that kind takes the argument."""
    return kind in row.types and (IS_OURS or (row.name, kind) != ("x-delivery-limit", "classic"))


CASES = [pytest.param(kind, row, id=f"{kind}-{row.name}") for kind in KINDS for row in ROWS]


def declared(queue: str, kind: str, row: Argument | None = None, value: Any = None) -> Any:
    arguments = {"x-queue-type": kind} | ({} if row is None else {row.name: value})
    if row is not None and row.requires:
        arguments[row.requires] = "a"
    return loose(Queue.Declare, queue=queue, durable=True, arguments=arguments)


@pytest.mark.parametrize(("kind", "row"), CASES)
def test_a_queue_takes_what_belongs_to_its_kind_and_compares_it(
    channel: RawChannel, name: Name, kind: str, row: Argument
) -> None:
    queue, (value, other) = name("q"), values(row)
    if not takes(kind, row):
        text = f"PRECONDITION_FAILED - invalid arg '{row.name}' for queue '{queue}' in vhost '/' of queue type "
        if not row.requires:
            channel.refuses(declared(queue, kind, row, value), 406, f"{text}rabbit_{kind}_queue")
        return
    channel.call(declared(queue, kind, row, value), Queue.DeclareOk)
    channel.call(declared(queue, kind, row, value), Queue.DeclareOk)
    if not row.equivalent:
        channel.call(declared(queue, kind, row, other), Queue.DeclareOk)
        return
    shown, others = (str(one).lower() if isinstance(one, bool) else one for one in (value, other))
    start = f"inequivalent arg '{row.name}' for queue '{queue}' in vhost '/': received "
    refuses_alike(channel, declared(queue, kind, row, other), f"{start}'{others}' but current is '{shown}'")


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "classic"])
@pytest.mark.parametrize(
    ("flags", "refused"),
    [
        ({"durable": False}, "non-durable"),
        ({"durable": True, "exclusive": True}, "exclusive-owner"),
        ({"durable": True, "auto_delete": True}, "auto-delete"),
        ({"durable": False, "exclusive": True}, "exclusive-owner"),
        ({"durable": False, "exclusive": True, "auto_delete": True}, "auto-delete"),
    ],
    ids=str,
)
def test_a_replicated_queue_is_durable_and_everybodys(
    channel: RawChannel, name: Name, kind: str, flags: dict[str, bool], refused: str
) -> None:
    queue = name("q")
    method = loose(Queue.Declare, queue=queue, arguments={"x-queue-type": kind}, **flags)
    channel.refuses(method, 406, f"PRECONDITION_FAILED - invalid property '{refused}' for queue '{queue}' in vhost '/'")


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "classic"])
def test_a_replicated_queue_is_named_by_its_client(channel: RawChannel, kind: str) -> None:
    method = loose(Queue.Declare, queue="", durable=True, arguments={"x-queue-type": kind})
    text = f"PRECONDITION_FAILED - Cannot declare a server-named queue for type rabbit_{kind}_queue"
    channel.refuses(method, 406, text)


@pytest.mark.parametrize(
    ("first", "then", "text"),
    [
        ({}, {"x-queue-type": "quorum"}, f"x-queue-type: received {QUORUM} but current is none"),
        ({"x-queue-type": "quorum"}, {}, f"x-queue-type: received none but current is {QUORUM}"),
        (
            {"x-queue-type": "quorum"}, {"x-queue-type": "classic"},
            "x-queue-type: received 'classic' but current is 'quorum'",
        ),
        (
            {"x-max-priority": 3}, {"x-queue-type": "quorum"},
            "x-max-priority: received none but current is the value '3' of type 'byte'",
        ),
        (
            {"x-max-priority": 3, "x-message-ttl": 5}, {},
            "x-message-ttl: received none but current is the value '5' of type 'byte'",
        ),
        (
            {"x-message-ttl": 5}, {"x-message-ttl": "abc"},
            "x-message-ttl: received 'abc' but current is '5'",
        ),
    ],
)  # fmt: skip
def test_the_first_difference_is_named(
    channel: RawChannel, name: Name, first: dict[str, Any], then: dict[str, Any], text: str
) -> None:
    queue = name("q")
    channel.declare_queue(queue, first, durable=True)
    argument, _, difference = text.partition(": ")
    whole = f"inequivalent arg '{argument}' for queue '{queue}' in vhost '/': {difference}"
    refuses_alike(channel, loose(Queue.Declare, queue=queue, durable=True, arguments=then), whole)


def test_what_a_queue_of_that_kind_does_not_know_is_not_compared(channel: RawChannel, name: Name) -> None:
    queue = name("q")
    channel.declare_queue(queue, {"x-queue-type": "quorum"}, durable=True)
    channel.declare_queue(queue, {"x-queue-type": "quorum", "x-max-priority": 3}, durable=True)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"x-queue-version": 3}, VERSION.format(3)),
        ({"x-queue-version": 0}, VERSION.format(0)),
        (
            {"x-queue-type": "quorum", "x-quorum-initial-group-size": 0},
            "invalid arg 'x-quorum-initial-group-size' for queue '{}' in vhost '/': {{value_zero,0}}",
        ),
        (
            {"x-queue-type": "quorum", "x-queue-leader-locator": "foo"},
            "invalid arg 'x-queue-leader-locator' for queue '{}' in vhost '/': invalid_queue_locator_arg",
        ),
        (
            {"x-queue-type": "quorum", "x-dead-letter-strategy": "foo"},
            "invalid arg 'x-dead-letter-strategy' for queue '{}' in vhost '/': invalid_dlx_strategy",
        ),
        (
            {"x-queue-type": "quorum", "x-message-ttl": -1, "x-max-priority": 5},
            "invalid arg 'x-message-ttl' for queue '{}' in vhost '/': {{value_negative,-1}}",
        ),
        (
            {"x-queue-type": "quorum", "x-max-priority": 999},
            "invalid arg 'x-max-priority' for queue '{}' in vhost '/' of queue type rabbit_quorum_queue",
        ),
        (
            {"x-queue-type": "quorum", "x-queue-mode": "lazy"},
            "invalid arg 'x-queue-mode' for queue '{}' in vhost '/' of queue type rabbit_quorum_queue",
        ),
    ],
    ids=str,
)  # fmt: skip
def test_an_argument_of_a_kind_is_checked(
    channel: RawChannel, name: Name, arguments: dict[str, Any], text: str
) -> None:
    queue = name("q")
    method = loose(Queue.Declare, queue=queue, durable=True, arguments=arguments)
    channel.refuses(method, 406, f"PRECONDITION_FAILED - {text.format(queue)}")


def test_what_a_kind_does_not_know_is_refused_before_what_it_cannot_be(channel: RawChannel, name: Name) -> None:
    queue = name("q")
    arguments = {"x-queue-type": "quorum", "x-max-priority": 5}
    text = f"invalid arg 'x-max-priority' for queue '{queue}' in vhost '/' of queue type rabbit_quorum_queue"
    channel.refuses(loose(Queue.Declare, queue=queue, durable=False, arguments=arguments), 406, text)
