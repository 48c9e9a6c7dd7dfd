"""Connections that are not read, and how much of one is handled or written in a turn."""

from __future__ import annotations

import pytest
from pamqp import commands
from pamqp.commands import Basic
from pamqp.frame import marshal

from broker.connections.connection import CLOSE_WAIT_MS, COMMANDS_PER_TURN
from broker.connections.output import TURN_BYTES_MAX
from tests.support.sansio import SansBroker, SansClient, publish_frames

HEADER_BYTES = 100 * 1024
HEADERS = {"filler": "h" * HEADER_BYTES}
MESSAGES = 300
MESSAGE_BYTES = HEADER_BYTES + 200  # of one delivery on the wire, at most


@pytest.fixture
def broker() -> SansBroker:
    """A broker without sockets; hides the process the other tests share."""
    return SansBroker()


@pytest.fixture
def client(broker: SansBroker) -> SansClient:
    client = broker.connect().open()
    client.channel(1)
    client.answer(1, commands.Queue.Declare(queue="q"))
    return client


@pytest.fixture
def blocked(broker: SansBroker, client: SansClient) -> SansClient:
    """A publisher that an alarm has stopped."""
    client.publish(1, "", "q", b"first")
    broker.node.alarms.set("memory", True)
    broker.turn()
    assert [event.name for event in client.take()] == ["Connection.Blocked"]
    assert not client.transport.is_reading
    return client


def count(broker: SansBroker) -> int:
    """Messages in the queue, as another client sees it."""
    other = broker.connect().open()
    other.channel(1)
    frame = other.answer(1, commands.Queue.Declare(queue="q", passive=True))
    other.lose()
    assert isinstance(frame, commands.Queue.DeclareOk)
    return int(frame.message_count)


def force_close(client: SansClient) -> None:
    """An administrator closes the connection, and the client is told."""
    client.connection.force_close("enough")
    client.broker.turn()
    (event,) = client.take()
    assert isinstance(event.frame, commands.Connection.Close)
    assert (event.frame.reply_code, event.frame.reply_text) == (320, "CONNECTION_FORCED - enough")


def assert_gone(broker: SansBroker, client: SansClient) -> None:
    assert client.connection not in broker.node.connections.open
    assert len(broker.node.deadlines) == 0, "a timer outlives its connection"


# ---- a blocked publisher


def test_a_forced_close_of_a_blocked_publisher_reads_its_close_ok(broker: SansBroker, blocked: SansClient) -> None:
    force_close(blocked)
    assert blocked.transport.is_reading
    assert len(broker.node.deadlines) == 1, "for the answer that may never come"
    blocked.method(0, commands.Connection.CloseOk())
    broker.turn()
    assert blocked.transport.is_closed
    assert not blocked.transport.is_aborted
    assert_gone(broker, blocked)


def test_what_waited_before_the_close_ok_is_dropped(broker: SansBroker, blocked: SansClient) -> None:
    blocked.publish(1, "", "q", b"late")
    broker.turn()
    force_close(blocked)
    blocked.method(0, commands.Connection.CloseOk())
    broker.turn()
    assert blocked.transport.is_closed
    assert not blocked.transport.is_aborted
    assert count(broker) == 1
    assert_gone(broker, blocked)


def test_the_end_of_the_alarm_says_nothing_to_who_is_closing(broker: SansBroker, blocked: SansClient) -> None:
    force_close(blocked)
    broker.node.alarms.set("memory", False)
    broker.turn()
    assert blocked.take() == []


def test_an_alarm_that_comes_while_closing_does_not_keep_the_close_ok_out(
    broker: SansBroker, client: SansClient
) -> None:
    client.publish(1, "", "q", b"first")
    broker.turn()
    force_close(client)
    broker.node.alarms.set("memory", True)
    broker.turn()
    assert client.transport.is_reading
    assert client.take() == []
    client.method(0, commands.Connection.CloseOk())
    broker.turn()
    assert client.transport.is_closed
    assert not client.transport.is_aborted


def test_a_blocked_publisher_that_never_answers_is_dropped(broker: SansBroker, blocked: SansClient) -> None:
    force_close(blocked)
    broker.advance(CLOSE_WAIT_MS - 1)
    assert not blocked.transport.is_closed
    broker.advance(1)
    assert blocked.transport.is_aborted
    assert_gone(broker, blocked)


def test_who_waits_for_an_answer_is_not_read_when_the_alarm_ends(broker: SansBroker, blocked: SansClient) -> None:
    blocked.connection.suspend()
    broker.node.alarms.set("memory", False)
    broker.turn()
    assert not blocked.transport.is_reading
    blocked.connection.resume()
    assert blocked.transport.is_reading


def test_a_blocked_publisher_is_not_read_when_its_answer_has_come(broker: SansBroker, blocked: SansClient) -> None:
    blocked.connection.suspend()
    blocked.connection.resume()
    assert not blocked.transport.is_reading
    broker.node.alarms.set("memory", False)
    broker.turn()
    assert blocked.transport.is_reading


# ---- large headers


def header_publishes() -> bytes:
    return publish_frames(1, "", "q", b"x", Basic.Properties(headers=HEADERS)) * MESSAGES


def assert_writes_bounded(client: SansClient, first_write: int) -> None:
    """Every message has come, and no write held more than a turn's worth and one message."""
    sizes = [len(data) for data in client.transport.writes[first_write:]]
    assert max(sizes) <= TURN_BYTES_MAX + MESSAGE_BYTES
    assert sum(sizes) >= MESSAGES * HEADER_BYTES
    delivered = [event for event in client.take() if event.name == "Basic.Deliver"]
    assert [event.frame.delivery_tag for event in delivered] == list(range(1, MESSAGES + 1))


def test_large_headers_do_not_make_a_large_write_to_who_waits(broker: SansBroker, client: SansClient) -> None:
    reader = broker.connect().open()
    reader.channel(1)
    reader.answer(1, Basic.Consume(queue="q", consumer_tag="c", no_ack=True))
    first_write = len(reader.transport.writes)
    client.send(header_publishes())
    broker.turn()
    assert_writes_bounded(reader, first_write)


def test_large_headers_do_not_make_a_large_write_to_who_comes_later(broker: SansBroker, client: SansClient) -> None:
    client.send(header_publishes())
    broker.turn()
    reader = broker.connect().open()
    reader.channel(1)
    first_write = len(reader.transport.writes)
    reader.method(1, Basic.Consume(queue="q", consumer_tag="c", no_ack=True))
    broker.turn()
    assert_writes_bounded(reader, first_write)


# ---- commands of a turn


def test_a_turn_handles_so_many_commands_and_loses_none(broker: SansBroker, client: SansClient) -> None:
    connection = client.connection
    total = 2 * COMMANDS_PER_TURN + 10
    data = b"".join(marshal(commands.Queue.Declare(queue=f"n{number}"), 1) for number in range(total))
    before = len(broker.vhost.queues)
    connection.data_received(data)
    for handled in (COMMANDS_PER_TURN, 2 * COMMANDS_PER_TURN):
        assert len(broker.vhost.queues) - before == handled
        assert connection.has_more
        connection.go_on()
    assert len(broker.vhost.queues) - before == total
    assert not connection.has_more
    broker.turn()
    assert [event.frame.queue for event in client.take()] == [f"n{number}" for number in range(total)]


def test_exactly_a_turns_worth_leaves_nothing_for_the_next(broker: SansBroker, client: SansClient) -> None:
    client.connection.data_received(marshal(Basic.Qos(), 1) * COMMANDS_PER_TURN)
    client.connection.go_on()
    assert not client.connection.has_more
    broker.turn()
    assert [event.name for event in client.take()] == ["Basic.QosOk"] * COMMANDS_PER_TURN


def test_a_run_of_publishes_is_one_command(broker: SansBroker, client: SansClient) -> None:
    client.connection.data_received(publish_frames(1, "", "q", b"x") * (COMMANDS_PER_TURN * 3))
    assert not client.connection.has_more
    broker.turn()
    assert count(broker) == COMMANDS_PER_TURN * 3


def test_publishes_that_are_no_run_go_on_in_order(broker: SansBroker, client: SansClient) -> None:
    connection = client.connection
    bodies = [b"%d" % number * (1 + number % 2) for number in range(300)]
    connection.data_received(b"".join(publish_frames(1, "", "q", body) for body in bodies))
    turns = 1
    while connection.has_more:
        connection.go_on()
        turns += 1
    assert turns == 1 + len(bodies) // COMMANDS_PER_TURN
    client.method(1, Basic.Consume(queue="q", no_ack=True))
    broker.turn()
    assert [event.body for event in client.take() if event.name == "Basic.Deliver"] == bodies


def test_what_comes_while_some_is_left_is_handled_after_it(broker: SansBroker, client: SansClient) -> None:
    connection = client.connection
    names = [f"n{number}" for number in range(COMMANDS_PER_TURN + 5)]
    connection.data_received(b"".join(marshal(commands.Queue.Declare(queue=name), 1) for name in names))
    assert connection.has_more
    connection.data_received(marshal(commands.Queue.Declare(queue="last"), 1))
    assert not connection.has_more
    broker.turn()
    assert [event.frame.queue for event in client.take()] == [*names, "last"]


def test_what_is_left_over_of_a_closed_connection_is_not_handled(broker: SansBroker, client: SansClient) -> None:
    connection = client.connection
    connection.data_received(marshal(Basic.Qos(), 1) * COMMANDS_PER_TURN + publish_frames(1, "", "q", b"late"))
    assert connection.has_more
    connection.force_close("enough")
    connection.go_on()
    broker.turn()
    assert client.take()[-1].name == "Connection.Close"
    assert count(broker) == 0
