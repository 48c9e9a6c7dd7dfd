"""The exchange type x-message-deduplication, in the words of its plugin; and what outlives a kill."""

from __future__ import annotations

from typing import Any

import pytest
from pamqp.commands import Basic, Channel, Exchange, Queue, Tx

from broker.deduplication.deduplication import clear
from broker.deduplication.gates import ExchangeGate
from broker.deduplication.window import LATE_MS
from broker.model.interfaces import Gate
from broker.model.message import Batch
from broker.model.receipt import Receipt
from tests.broker.deduplication.support import SIZE, TYPE, Stage, identified
from tests.support.faulty_files import Call, FaultyFiles
from tests.support.manual_worker import ManualWorker
from tests.support.sansio import publish_frames

A, B, C = ("a", b"first"), ("a", b"again"), ("b", b"other")


@pytest.fixture
def stage() -> Stage:
    made = Stage()
    made.exchange()
    return made


def gate(stage: Stage, exchange: str = "x") -> ExchangeGate:
    found = stage.broker.vhost.table.exchanges[exchange].gate
    assert isinstance(found, ExchangeGate)
    return found


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({}, "Missing or invalid argument, 'x-cache-size' must be an integer greater than 0"),
        ({"x-cache-size": 0}, "Missing or invalid argument, 'x-cache-size' must be an integer greater than 0"),
        ({"x-cache-size": "many"}, "Missing or invalid argument, 'x-cache-size' must be an integer greater than 0"),
        ({"x-cache-size": 1, "x-cache-ttl": -1}, "Invalid argument, 'x-cache-ttl' must be an integer greater than 0"),
        (
            {"x-cache-size": 1, "x-cache-persistence": "tape"},
            "Invalid argument, 'x-cache-persistence' must be either 'disk' or 'memory'",
        ),
    ],
)
def test_arguments_are_refused_as_the_plugin_refuses_them(arguments: dict[str, Any], text: str) -> None:
    declare = Exchange.Declare(exchange="x", exchange_type=TYPE, arguments=arguments)
    (event,) = Stage().client.call(1, declare)
    assert isinstance(event.frame, Channel.Close)
    assert (event.frame.reply_code, event.frame.reply_text) == (406, f"PRECONDITION_FAILED - {text}")


def test_it_cannot_be_what_a_delayed_exchange_routes_like() -> None:
    arguments = SIZE | {"x-delayed-type": TYPE}
    declare = Exchange.Declare(exchange="x", exchange_type="x-delayed-message", arguments=arguments)
    (event,) = Stage().client.call(1, declare)
    assert isinstance(event.frame, Channel.Close)
    text = "PRECONDITION_FAILED - Invalid argument, 'x-message-deduplication' can't be used for 'x-delayed-type'"
    assert (event.frame.reply_code, event.frame.reply_text) == (406, text)


def test_numbers_may_be_texts() -> None:
    stage = Stage()
    stage.exchange({"x-cache-size": "5", "x-cache-ttl": "100"})
    assert (gate(stage).window.size_max, gate(stage).window.ttl_ms) == (5, 100)


def test_a_repeated_message_is_confirmed_and_goes_nowhere(stage: Stage) -> None:
    assert stage.publish("x", "", A, B, C, B, A) == []
    assert stage.bodies() == [b"first", b"other"]
    assert gate(stage).duplicates == 3


def test_of_a_run_of_alike_messages_the_first_comes_through(stage: Stage) -> None:
    stage.publish("x", "", *[("a", b"%03d" % number) for number in range(50)])
    assert stage.bodies() == [b"000"]
    assert gate(stage).duplicates == 49


def test_messages_without_the_header_are_all_let_in(stage: Stage) -> None:
    stage.client.send(b"".join(publish_frames(1, "x", "", b"same") for _ in range(20)))
    stage.broker.turn()
    stage.broker.advance(20)
    assert stage.ready() == 20


def test_every_binding_gets_it_whatever_the_key(stage: Stage) -> None:
    stage.client.call(1, Queue.Declare(queue="other"))
    stage.client.call(1, Queue.Bind(queue="other", exchange="x", routing_key="key"))
    stage.publish("x", "no such key", A, B)
    assert stage.ready() == stage.broker.vhost.queues["other"].ready.count == 1


def test_what_nobody_takes_may_come_again(stage: Stage) -> None:
    stage.client.call(1, Queue.Unbind(queue="q", exchange="x"))
    stage.publish("x", "", A)
    stage.client.call(1, Queue.Bind(queue="q", exchange="x"))
    stage.publish("x", "", B)
    assert stage.bodies() == [b"again"]


class Full(Gate):
    """Refuses everything while it is closed."""

    def __init__(self) -> None:
        self.is_closed = True

    def passes(self, batch: Batch, now_ms: int) -> bool:  # noqa: ARG002
        return not self.is_closed

    def admit(self, batch: Batch, receipt: Receipt | None, now_ms: int) -> bool:  # noqa: ARG002
        if self.is_closed and receipt is not None:
            receipt.expect()
            receipt.refused()
        return not self.is_closed


@pytest.mark.parametrize("is_alone", [True, False])
def test_what_a_queue_refuses_may_come_again(stage: Stage, is_alone: bool) -> None:
    """Its publisher was told that it was not taken, and must not be told the opposite when it tries again."""
    if not is_alone:
        stage.client.call(1, Queue.Declare(queue="other", durable=True))
        stage.client.call(1, Queue.Bind(queue="other", exchange="x"))
    full = Full()
    stage.broker.vhost.queues["q"].gate = full
    stage.broker.vhost.table.version += 1
    stage.client.publish(1, "x", "", b"first", identified("a"))
    stage.broker.turn()
    stage.broker.advance(20)
    (event,) = stage.client.take(1)
    assert isinstance(event.frame, Basic.Nack)
    full.is_closed = False
    stage.published = 1
    stage.publish("x", "", B)
    assert stage.bodies() == [b"again"]


def test_a_repeated_mandatory_message_is_not_returned(stage: Stage) -> None:
    stage.publish("x", "", A)
    stage.client.send(publish_frames(1, "x", "", b"", None, True))
    frames = publish_frames(1, "x", "", b"again", Basic.Properties(headers={"x-deduplication-header": "a"}), True)
    stage.client.send(frames)
    stage.broker.turn()
    assert "Basic.Return" not in [event.name for event in stage.client.take(1)]


def test_time_forgets() -> None:
    stage = Stage()
    stage.exchange({"x-cache-size": 10, "x-cache-ttl": 5000})
    stage.publish("x", "", A)
    stage.publish("x", "", ("own", b"1"), **{"x-cache-ttl": 60_000})
    stage.broker.advance(4900)
    stage.publish("x", "", B)
    stage.broker.advance(200)
    stage.publish("x", "", ("a", b"later"), ("own", b"2"))
    assert stage.bodies() == [b"first", b"1", b"later"]


def test_size_forgets_what_came_first() -> None:
    stage = Stage()
    stage.exchange({"x-cache-size": 2})
    stage.publish("x", "", A, C, ("c", b"third"), ("b", b"known"), ("a", b"anew"))
    assert stage.bodies() == [b"first", b"other", b"third", b"anew"]


def test_a_transaction_is_deduplicated_too() -> None:
    stage = Stage()
    stage.exchange()
    client = stage.client
    client.channel(2)
    client.call(2, Tx.Select())
    properties = Basic.Properties(headers={"x-deduplication-header": "a"}, delivery_mode=2)
    client.send(b"".join(publish_frames(2, "x", "", body, properties) for body in (b"first", b"again")))
    client.method(2, Tx.Commit())
    stage.broker.turn()
    stage.broker.advance(20)
    assert [event.name for event in client.take(2)] == ["Tx.CommitOk"]
    assert stage.restarted().ready() == 1
    again = stage.restarted()
    again.publish("x", "", B)
    assert again.bodies() == [b"first"]


def behind(stage: Stage, source: str = "amq.topic") -> None:
    """Binds the exchange behind another one, which has a queue of its own."""
    stage.client.call(1, Queue.Declare(queue="own", durable=True))
    stage.client.call(1, Queue.Bind(queue="own", exchange=source, routing_key="#"))
    stage.client.call(1, Exchange.Bind(destination="x", source=source, routing_key="#"))


def test_behind_another_exchange_what_is_repeated_goes_no_further(stage: Stage) -> None:
    behind(stage)
    assert stage.publish("amq.topic", "key", A, B, C, *[("c", b"%d" % number) for number in range(5)]) == []
    assert stage.bodies() == [b"first", b"other", b"0"]
    assert stage.broker.vhost.queues["own"].ready.count == 8
    assert gate(stage).duplicates == 5
    stage.publish("x", "", ("c", b"directly"))
    assert stage.bodies() == []


def test_behind_another_exchange_it_outlives_a_kill_too(stage: Stage) -> None:
    behind(stage)
    stage.publish("amq.topic", "key", A, C)
    stage.bodies()
    after = stage.restarted()
    after.publish("amq.topic", "key", B, ("c", b"new"))
    assert after.bodies() == [b"new"]
    assert after.broker.vhost.queues["own"].ready.count == 4


def test_two_behind_each_other_are_both_asked(stage: Stage) -> None:
    stage.client.call(1, Exchange.Declare(exchange="y", exchange_type=TYPE, durable=True, arguments=SIZE))
    stage.client.call(1, Exchange.Bind(destination="x", source="y"))
    stage.client.call(1, Exchange.Bind(destination="y", source="x"))
    stage.publish("y", "", A, B)
    stage.publish("x", "", C)
    stage.publish("y", "", ("b", b"again"))
    assert stage.bodies() == [b"first", b"other"]


def test_what_is_repeated_behind_another_exchange_is_not_unroutable(stage: Stage) -> None:
    stage.client.call(1, Exchange.Bind(destination="x", source="amq.fanout"))
    stage.publish("amq.fanout", "", A)
    frames = publish_frames(1, "amq.fanout", "", b"", identified("a"), True)
    stage.client.send(frames)
    stage.broker.turn()
    stage.broker.advance(20)
    assert [event.name for event in stage.client.take(1)] == ["Basic.Ack"]


# ---- what lasts


def test_the_window_outlives_a_kill(stage: Stage) -> None:
    stage.publish("x", "", A, C)
    assert stage.bodies() == [b"first", b"other"]
    after = stage.restarted()
    assert after.broker.vhost.deduplication.learning == 0
    after.publish("x", "", B, ("b", b"again"), ("c", b"new"))
    assert after.bodies() == [b"new"]
    once_more = after.restarted()
    once_more.publish("x", "", A, ("c", b"again"))
    assert once_more.bodies() == []


def test_times_go_on_over_a_kill() -> None:
    stage = Stage()
    stage.exchange({"x-cache-size": 10, "x-cache-ttl": 5000})
    stage.publish("x", "", A)
    stage.publish("x", "", ("own", b"1"), **{"x-cache-ttl": 60_000})
    stage.broker.advance(3000)
    after = stage.restarted()
    after.broker.advance(1000)
    after.publish("x", "", B)
    after.broker.advance(1000)
    after.publish("x", "", ("a", b"later"), ("own", b"2"))
    assert after.bodies() == [b"first", b"1", b"later"]


@pytest.mark.parametrize("how", ["told to stay in memory", "the exchange is transient", "the message is transient"])
def test_what_does_not_last_is_forgotten_by_a_kill(how: str) -> None:
    stage = Stage()
    memory = {"x-cache-size": 10, "x-cache-persistence": "memory"}
    is_durable = how != "the exchange is transient"
    stage.exchange(memory if "told" in how else None, durable=is_durable)
    stage.publish("x", "", A, persistent=how != "the message is transient")
    after = stage.restarted()
    if not is_durable:
        after.exchange(durable=False)
    before = after.ready()
    after.publish("x", "", B)
    assert after.ready() == before + 1


def test_cleared_pushed_out_or_over_it_takes_no_room_on_the_disk() -> None:
    stage = Stage()
    stage.exchange({"x-cache-size": 50, "x-cache-ttl": 10_000})
    for _ in range(3):
        stage.publish("x", "", *[(number, b"%d" % number) for number in range(60)])
        stage.bodies()
        clear(stage.broker.vhost.table.exchanges["x"])
    stage.publish("x", "", *[(number, b"%d" % number) for number in range(50)])
    stage.bodies()
    stage.broker.advance(10_000 + 2 * LATE_MS)
    assert len(gate(stage).window) == 0
    stage.publish("x", "", A)
    stage.bodies()
    stage.broker.advance(1000)
    streams = stage.broker.node.journal
    assert sum(streams.stream(number).waiting()[0] for number in streams.stream_ids()) == 1
    after = stage.restarted()
    assert len(gate(after).window) == 1


def test_a_deleted_exchange_leaves_nothing(stage: Stage) -> None:
    stage.publish("x", "", A)
    stage.client.call(1, Exchange.Delete(exchange="x"))
    stage.broker.advance(1000)
    assert not [key for key in stage.disk.entries if key.startswith("window/")]
    after = stage.restarted()
    after.exchange()
    after.publish("x", "", B)
    assert after.bodies() == [b"first", b"again"]


def test_a_deleted_vhost_leaves_nothing(stage: Stage) -> None:
    stage.publish("x", "", A)
    stage.broker.node.administration.delete_vhost("/")
    stage.broker.advance(1000)
    assert not [key for key in stage.disk.entries if key.startswith("window/")]
    assert stage.broker.node.journal.stream_ids() == []


def test_a_kill_at_any_write_has_the_message_and_its_identity_or_neither(stage: Stage) -> None:
    """Else a publisher that sends again after a crash would lose its message, or have it twice."""
    crashes: list[FaultyFiles] = []

    def called(_: Call) -> None:
        crashes.append(stage.files.after_kill())

    stage.files.on_call = called
    for number in range(12):
        stage.publish("x", "", (number, b"%d" % number))
    stage.files.on_call = None
    seen = set()
    for files in crashes:
        after = stage.after(files)
        there = after.ready()
        assert len(gate(after).window) == there
        after.publish("x", "", *[(number, b"%d" % number) for number in range(12)])
        assert after.bodies() == [b"%d" % number for number in range(12)]
        seen.add(there)
    assert seen >= set(range(12))


def test_a_repeated_message_is_confirmed_when_the_first_is_on_the_disk() -> None:
    """Else a crash could lose what somebody was told was taken."""
    writer = ManualWorker()
    stage = Stage(writer=writer)
    stage.exchange()
    writer.run_all()
    for _ in range(2):
        stage.client.publish(1, "x", "", b"first", identified("a"))
        stage.broker.turn()
        stage.broker.advance(20)
    assert gate(stage).duplicates == 1
    assert stage.client.take(1) == []
    writer.run_all()
    stage.broker.turn()
    (event,) = stage.client.take(1)
    assert isinstance(event.frame, Basic.Ack)
    assert (event.frame.delivery_tag, event.frame.multiple) == (2, True)
