"""What a transaction keeps, in which order, and how much of it."""

from __future__ import annotations

import pytest

from broker.connections.transaction import TRANSACTION_BYTES_MAX, TRANSACTION_MESSAGES_MAX, Transaction
from broker.connections.unacked import Delivery
from broker.model.interfaces import ConsumerPort, QueueHandle
from broker.model.message import Batch, Span
from protocol.commands import Address
from protocol.errors import ConnectionException
from protocol.properties import NO_PROPERTIES, Properties

MIB = 1024 * 1024
NAMES_BYTES = 5  # of each message: the address's tail and the property flags
QUEUE = QueueHandle("q", False)  # nothing is asked of either
CONSUMER = ConsumerPort("t", False, False, 0)
ADDRESS = Address("", "q", False, False, b"\x00\x01q")


def batch(count: int, body_bytes: int) -> Batch:
    return Batch(ADDRESS, NO_PROPERTIES, [b"x" * body_bytes] * count, -1)


def delivery(tag: int) -> Delivery:
    return Delivery(tag, tag, Span(batch(1, 1), 0, 1, tag, 0, 0), QUEUE, CONSUMER)


def no_action(_: list[Delivery]) -> None:
    raise AssertionError("a transaction settles nothing itself")


def other_action(_: list[Delivery]) -> None:
    raise AssertionError("a transaction settles nothing itself")


def test_publishes_are_kept_in_order_with_their_copies() -> None:
    kept = Transaction()
    first, second = batch(2, 10), batch(1, 1)
    kept.publish(first, ["cc"])
    kept.publish(second, [])
    assert kept.publishes == [(first, ["cc"]), (second, [])]


def test_each_settlement_keeps_its_own_action() -> None:
    kept = Transaction()
    one, two, three = delivery(1), delivery(2), delivery(3)
    kept.settle([two, one], no_action)
    kept.settle([three], other_action)
    assert kept.settlements == [(two, no_action), (one, no_action), (three, other_action)]


def test_clear_returns_the_deliveries_in_order_of_settling_and_forgets() -> None:
    kept = Transaction()
    one, two, three = delivery(1), delivery(2), delivery(3)
    kept.settle([three, one], no_action)
    kept.publish(batch(1, 1), [])
    kept.settle([two], no_action)
    assert kept.clear() == [three, one, two]
    assert (kept.publishes, kept.settlements) == ([], [])
    assert kept.clear() == []


def assert_too_large(kept: Transaction, one_more: Batch) -> None:
    with pytest.raises(ConnectionException) as raised:
        kept.publish(one_more, [])
    assert (raised.value.code, raised.value.text) == (506, "transaction too large")


def almost_full(left_bytes: int) -> Transaction:
    """A transaction with so much room left; its messages share one body."""
    kept = Transaction()
    count, rest = divmod(TRANSACTION_BYTES_MAX - left_bytes, MIB)
    kept.publish(batch(count - 1, MIB - NAMES_BYTES), [])
    kept.publish(batch(1, MIB + rest - NAMES_BYTES), [])
    return kept


def test_the_bytes_of_every_message_count() -> None:
    kept = almost_full(10 * (100 + NAMES_BYTES))
    kept.publish(batch(9, 100), [])
    kept.publish(batch(1, 100), [])
    assert_too_large(kept, batch(1, 1))


def test_properties_count_too() -> None:
    header = b"\x20\x00" + (992).to_bytes(4, "big") + b"\x01hS" + (985).to_bytes(4, "big") + b"x" * 985
    assert_too_large(almost_full(1000), Batch(ADDRESS, Properties(header), [b""], -1))


def test_the_number_of_messages_counts() -> None:
    kept = Transaction()
    kept.publish(batch(TRANSACTION_MESSAGES_MAX - 1, 0), [])
    kept.publish(batch(1, 0), [])
    assert_too_large(kept, batch(1, 0))


def test_each_transaction_has_all_the_room() -> None:
    kept = Transaction()
    for _ in range(3):
        kept.publish(batch(TRANSACTION_BYTES_MAX // MIB, MIB - NAMES_BYTES), [])
        kept.clear()
    kept.publish(batch(TRANSACTION_BYTES_MAX // MIB, MIB - NAMES_BYTES), [])
    assert_too_large(kept, batch(1, 1))
