"""Transactions (specification 1.9)."""

from __future__ import annotations

import pytest
from pamqp.commands import Basic, Tx

from tests.conformance.conftest import Name
from tests.support.raw_channel import RawChannel


@pytest.fixture
def tx(channel: RawChannel) -> RawChannel:
    """A channel of its own in tx mode, on the connection of `channel`."""
    opened = channel.connection.channel()
    opened.call(Tx.Select(), Tx.SelectOk)
    return opened


@pytest.mark.parametrize("method", [Tx.Commit(), Tx.Rollback()])
def test_commit_and_rollback_need_a_select(channel: RawChannel, method: Tx.Commit) -> None:
    channel.refuses(method, 406, "PRECONDITION_FAILED - channel is not transactional")


def test_selecting_twice_is_fine(tx: RawChannel) -> None:
    tx.call(Tx.Select(), Tx.SelectOk)


def test_nothing_is_seen_before_commit(tx: RawChannel, channel: RawChannel, queue: str) -> None:
    tx.publish_all(queue, [b"1", b"2"])
    tx.expect_nothing()
    assert channel.drain(queue) == []
    tx.call(Tx.Commit(), Tx.CommitOk)
    assert channel.drain(queue) == [b"1", b"2"]


def test_a_rollback_forgets_the_publishes(tx: RawChannel, channel: RawChannel, queue: str) -> None:
    tx.publish(queue, b"1")
    tx.call(Tx.Rollback(), Tx.RollbackOk)
    tx.publish(queue, b"2")
    tx.call(Tx.Commit(), Tx.CommitOk)
    assert channel.drain(queue) == [b"2"]


def test_an_empty_commit_and_an_empty_rollback_are_fine(tx: RawChannel) -> None:
    tx.call(Tx.Commit(), Tx.CommitOk)
    tx.call(Tx.Rollback(), Tx.RollbackOk)


def test_returns_come_before_commit_ok_and_not_before_commit(tx: RawChannel) -> None:
    tx.publish("nowhere", b"x", mandatory=True)
    tx.expect_nothing()
    tx.send(Tx.Commit())
    assert tx.expect(Basic.Return).body == b"x"
    tx.expect(Tx.CommitOk)


def test_a_missing_exchange_is_told_before_commit(tx: RawChannel, name: Name) -> None:
    missing = name("missing")
    tx.publish("k", b"", missing)
    tx.expect_close(404, f"no exchange '{missing}' in vhost '/'", (60, 40))


def test_acks_count_from_commit_on(tx: RawChannel, channel: RawChannel, queue: str) -> None:
    channel.publish_all(queue, [b"1", b"2"])
    channel.expect_nothing()
    for tag in (1, 2):
        assert tx.get(queue, no_ack=False) is not None
        tx.ack(tag)
        if tag == 1:
            tx.call(Tx.Commit(), Tx.CommitOk)
    tx.close()
    assert channel.drain(queue) == [b"2"]


def test_a_rollback_takes_acks_back_without_redelivering(tx: RawChannel, channel: RawChannel, queue: str) -> None:
    channel.publish(queue, b"1")
    channel.expect_nothing()
    assert tx.get(queue, no_ack=False) is not None
    tx.ack(1)
    tx.call(Tx.Rollback(), Tx.RollbackOk)
    tx.expect_nothing()
    assert channel.drain(queue) == []
    tx.ack(1)
    tx.call(Tx.Commit(), Tx.CommitOk)
    tx.close()
    assert channel.drain(queue) == []


def test_a_reject_waits_for_commit(tx: RawChannel, channel: RawChannel, queue: str) -> None:
    channel.publish(queue, b"1")
    channel.expect_nothing()
    assert tx.get(queue, no_ack=False) is not None
    tx.send(Basic.Reject(1, True))
    tx.expect_nothing()
    assert channel.drain(queue) == []
    tx.call(Tx.Commit(), Tx.CommitOk)
    assert channel.drain(queue) == [b"1"]


def test_an_unknown_tag_is_told_before_commit(tx: RawChannel) -> None:
    tx.send(Basic.Ack(5))
    tx.expect_close(406, "PRECONDITION_FAILED - unknown delivery tag 5", (60, 80))


def test_closing_the_channel_forgets_what_was_not_committed(tx: RawChannel, channel: RawChannel, queue: str) -> None:
    tx.publish(queue, b"1")
    tx.close()
    assert channel.drain(queue) == []
