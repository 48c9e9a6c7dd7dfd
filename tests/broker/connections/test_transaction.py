"""What a transaction keeps, in which order, and how much of it."""

from __future__ import annotations

import pytest

from broker.connections import transaction
from broker.connections.transaction import Transaction
from broker.connections.unacked import Delivery
from broker.model.message import Batch, Span
from protocol.commands import Address
from protocol.errors import ConnectionException
from protocol.properties import NO_PROPERTIES, Properties

NAMES_BYTES = 5  # of each message: the address's tail and the property flags
ADDRESS = Address("", "q", False, False, b"\x00\x01q")


def batch(count: int, body_bytes: int) -> Batch:
    return Batch(ADDRESS, NO_PROPERTIES, [b"x" * body_bytes] * count, -1)


def delivery(tag: int) -> Delivery:
    return Delivery(tag, tag, Span(batch(1, 1), 0, 1, tag, 0, 0), None, None)  # type: ignore[arg-type]


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


def test_the_bytes_of_every_message_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transaction, "TRANSACTION_BYTES_MAX", 1000 + 10 * NAMES_BYTES)
    kept = Transaction()
    kept.publish(batch(9, 100), [])
    kept.publish(batch(1, 100), [])
    assert_too_large(kept, batch(1, 1))


def test_properties_count_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transaction, "TRANSACTION_BYTES_MAX", 1000)
    header = b"\x20\x00" + (992).to_bytes(4, "big") + b"\x01hS" + (985).to_bytes(4, "big") + b"x" * 985
    kept = Transaction()
    assert_too_large(kept, Batch(ADDRESS, Properties(header), [b""], -1))


def test_the_number_of_messages_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transaction, "TRANSACTION_MESSAGES_MAX", 3)
    kept = Transaction()
    kept.publish(batch(2, 0), [])
    kept.publish(batch(1, 0), [])
    assert_too_large(kept, batch(1, 0))


def test_each_transaction_has_all_the_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transaction, "TRANSACTION_BYTES_MAX", 1000 + NAMES_BYTES)
    kept = Transaction()
    for _ in range(3):
        kept.publish(batch(1, 1000), [])
        kept.clear()
    kept.publish(batch(1, 1000), [])
    assert_too_large(kept, batch(1, 1))
