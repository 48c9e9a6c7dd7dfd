"""A whole connection on spoiled streams: no internal error, and nothing of it left behind."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st
from pamqp import commands

from broker.connections.connection import CLOSE_WAIT_MS
from tests.fuzz.streams import spoiled, valid
from tests.support.sansio import SansBroker, SansClient

INTERNAL_ERROR = 541
quick = settings(max_examples=150, deadline=None, derandomize=True, database=None)


def run(data: bytes, places: list[int]) -> tuple[SansBroker, SansClient]:
    """A broker with two queues in use by another client, and a client that sends these bytes in pieces."""
    broker = SansBroker()
    other = broker.connect().open()
    other.channel(1)
    for name in ("q", "keep"):
        other.answer(1, commands.Queue.Declare(queue=name))
        other.publish(1, "", name, b"kept")
    broker.turn()
    client = broker.connect()
    marks = [0, *sorted({place % (len(data) + 1) for place in places}), len(data)]
    for start, end in pairwise(marks):
        client.send(data[start:end])
        broker.turn()
    return broker, client


def assert_no_internal_error(client: SansClient) -> None:
    for event in client.take():
        if isinstance(event.frame, commands.Connection.Close | commands.Channel.Close):
            assert event.frame.reply_code != INTERNAL_ERROR, event.frame.reply_text


def assert_nothing_left(broker: SansBroker, client: SansClient) -> None:
    connection = client.connection
    assert connection not in broker.node.connections.open
    assert not connection.channels
    assert "own" not in broker.vhost.queues
    for queue in broker.vhost.queues.values():
        assert not queue.consumers.everyone()
        assert queue.unacked == 0
        assert queue.unacked_bytes == 0
    assert not broker.vhost.replies
    broker.clients[0].lose()
    assert len(broker.node.deadlines) == 0, "a timer outlives its connection"


@quick
@given(data=st.one_of(valid, spoiled()), places=st.lists(st.integers(0, 100_000), max_size=4))
def test_nothing_is_left_of_a_lost_connection(data: bytes, places: list[int]) -> None:
    broker, client = run(data, places)
    assert_no_internal_error(client)
    client.lose()
    broker.turn()
    broker.advance(200)  # whatever expires
    assert_nothing_left(broker, client)


@settings(quick, max_examples=60)
@given(data=spoiled())
def test_a_client_in_error_that_never_answers_is_dropped(data: bytes) -> None:
    broker, client = run(data, [])
    was_closed = any(event.name == "Connection.Close" for event in client.take())
    broker.advance(CLOSE_WAIT_MS)
    if was_closed:
        assert client.transport.is_closed
        assert_nothing_left(broker, client)


@quick
@given(data=spoiled())
def test_the_broker_goes_on_for_others(data: bytes) -> None:
    broker, _ = run(data, [])
    frame = broker.clients[0].answer(1, commands.Queue.Declare(queue="keep", passive=True))
    assert frame.message_count == 1
