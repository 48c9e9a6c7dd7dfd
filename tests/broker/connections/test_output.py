"""A turn's output is bounded, and who was refused is asked again, once."""

from __future__ import annotations

import pytest

from broker.connections.output import TURN_BYTES_MAX, Output
from broker.model.interfaces import ConsumerPort


class Hungry(ConsumerPort):
    """A consumer that counts how often it may ask again, and can ask at once."""

    def __init__(self, output: Output, asks_again: bool = False) -> None:
        super().__init__("hungry", False, False, 0)
        self.output = output
        self.asks_again = asks_again
        self.fed_times = 0

    def fed(self) -> None:
        self.fed_times += 1
        assert self.fed_times < 10, "feeding does not end"
        if self.asks_again:
            self.output.room(1, self)


@pytest.fixture
def output() -> Output:
    return Output()


@pytest.mark.parametrize("message_bytes", [1, 100, 1000, TURN_BYTES_MAX - 1, TURN_BYTES_MAX, TURN_BYTES_MAX * 50])
def test_a_turn_holds_its_bound_and_at_most_one_message_more(output: Output, message_bytes: int) -> None:
    consumer = Hungry(output)
    while room := output.room(message_bytes, consumer):
        output.out.write(bytes(room * message_bytes))
    assert TURN_BYTES_MAX <= output.out.size <= TURN_BYTES_MAX + message_bytes


def test_no_room_at_the_bound_and_room_for_one_just_before(output: Output) -> None:
    consumer = Hungry(output)
    output.out.write(bytes(TURN_BYTES_MAX - 1))
    assert output.room(1000, consumer) == 1
    output.out.write(b"x")
    assert output.room(1000, consumer) == 0


def test_no_room_while_the_socket_takes_nothing(output: Output) -> None:
    consumer = Hungry(output)
    output.is_writable = False
    assert output.room(1, consumer) == 0
    output.feed()
    assert consumer.fed_times == 0
    output.is_writable = True
    output.feed()
    assert consumer.fed_times == 1
    assert output.room(1, consumer) > 0


def test_take_joins_everything_and_starts_anew(output: Output) -> None:
    held = output.out
    for piece in (b"ab", b"", b"cde"):
        output.out.write(piece)
    assert output.take() == b"abcde"
    assert (output.out.size, output.total_bytes) == (0, 5)
    assert output.out is held, "whoever holds it goes on with it"
    output.out.write(b"f")
    assert output.take() == b"f"
    assert output.total_bytes == 6


def test_only_the_refused_are_fed_and_only_once(output: Output) -> None:
    refused, served = Hungry(output), Hungry(output)
    assert output.room(1, served)
    output.out.write(bytes(TURN_BYTES_MAX))
    assert output.room(1, refused) == 0
    assert output.room(1, refused) == 0
    output.take()
    output.feed()
    output.feed()
    assert (refused.fed_times, served.fed_times) == (1, 0)


def test_who_is_refused_while_it_is_fed_waits_for_the_next_time(output: Output) -> None:
    consumer = Hungry(output, asks_again=True)
    output.out.write(bytes(TURN_BYTES_MAX))
    output.room(1, consumer)
    output.feed()
    assert consumer.fed_times == 1
    output.feed()
    assert consumer.fed_times == 2


def test_a_forgotten_consumer_is_not_fed(output: Output) -> None:
    gone, stays = Hungry(output), Hungry(output)
    output.out.write(bytes(TURN_BYTES_MAX))
    output.room(1, gone)
    output.room(1, stays)
    output.forget(gone)
    output.forget(gone)
    output.feed()
    assert (gone.fed_times, stays.fed_times) == (0, 1)
