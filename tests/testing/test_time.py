"""The broker's clock, moved by a test; what it moves and what it does not."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from broker.testing import Broker
from broker.testing.clock import MovableClock
from broker.testing.host import Host
from broker.testing.in_process import InProcessServer
from tests.testing.conftest import Connect


def test_messages_expire_when_the_clock_says_so(broker: Broker) -> None:
    broker.declare("q", arguments={"x-message-ttl": 60_000})
    broker.publish("a minute", "q")
    broker.publish("a second", "q", expiration="1000")
    broker.clock.advance(59)
    assert broker.depth("q") == 1, "the shorter one goes at its time, though it stands behind the longer"
    broker.clock.advance(1.5)
    assert broker.depth("q") == 0


def test_what_falls_due_on_the_way_happens_in_its_order(broker: Broker) -> None:
    broker.declare("unused", arguments={"x-expires": 1000})
    broker.declare("used", arguments={"x-expires": 3_600_000, "x-message-ttl": 600_000})
    broker.publish("x", "used")
    broker.clock.advance(700)
    assert broker.queues() == ["used"]
    assert broker.depth("used") == 0
    broker.clock.advance(3600)
    assert broker.queues() == []


def test_a_jump_ends_no_connection(broker: Broker, connect: Connect) -> None:
    connection = connect(heartbeat=1)
    broker.clock.advance(30 * 86_400)
    broker.clock.freeze()
    broker.clock.advance(86_400)
    connection.process_data_events(0.5)
    connection.channel()
    broker.clock.reset()
    connection.process_data_events(0.5)
    connection.channel()


def test_a_frozen_clock_stands_still_until_it_is_moved(broker: Broker) -> None:
    broker.clock.freeze()
    before = broker.clock.now()
    broker.declare("q", arguments={"x-message-ttl": 1})
    broker.publish("x", "q")
    assert broker.clock.now() == before
    assert broker.depth("q") == 1
    broker.clock.advance(0.001)
    assert broker.depth("q") == 0
    assert broker.clock.now() == pytest.approx(before + 0.001, abs=1e-4)


def test_a_resumed_clock_runs(broker: Broker) -> None:
    broker.clock.freeze()
    broker.declare("q", arguments={"x-message-ttl": 1})
    broker.publish("x", "q")
    broker.clock.resume()
    broker.wait_until_empty("q")


def test_set_goes_to_a_time_and_never_back(broker: Broker) -> None:
    to = datetime(2040, 1, 1, tzinfo=UTC)
    broker.clock.freeze()
    broker.clock.set(to)
    assert broker.clock.now() == to.timestamp()
    for ask in (lambda: broker.clock.set(0.0), lambda: broker.clock.advance(-1)):
        with pytest.raises(ValueError, match="the broker's clock only goes forward"):
            ask()
    broker.clock.reset()
    assert broker.clock.now() < to.timestamp()


def test_a_queue_that_was_moved_past_its_end_can_be_declared_anew(broker: Broker) -> None:
    broker.clock.advance(1e6)
    broker.declare("q", arguments={"x-message-ttl": 60_000})
    broker.publish("x", "q")
    broker.clock.reset()
    assert broker.depth("q") == 1


def test_what_falls_due_all_the_time_does_not_hold_up_a_jump(broker: Broker) -> None:
    def every_second(host: Host) -> None:
        host.node.deadlines.add(host.clock.now_ms() + 1000, lambda: every_second(host))

    assert isinstance(broker.server, InProcessServer)
    broker.server.call(every_second)
    broker.declare("q", arguments={"x-message-ttl": 365 * 86_400_000})
    broker.publish("x", "q")
    broker.clock.advance(364 * 86_400)
    assert broker.depth("q") == 1
    broker.clock.advance(2 * 86_400)
    assert broker.depth("q") == 0


def test_the_clock_by_itself() -> None:
    clock = MovableClock()
    clock.move_to(clock.now_ms() + 5000)
    assert clock.now_ms() - clock.real_ms() >= 4990
    clock.freeze()
    frozen = clock.now_ms()
    clock.move_to(frozen + 10)
    assert clock.now_ms() == frozen + 10
    with pytest.raises(ValueError, match="only goes forward"):
        clock.move_to(frozen)
    clock.resume()
    assert clock.now_ms() >= frozen + 10


def test_held_messages_come_when_the_clock_says_so(broker: Broker) -> None:
    broker.declare("q", arguments={"x-hold-header": "eta"})
    now = broker.clock.now()
    broker.publish("in an hour", "q", headers={"eta": int((now + 3600) * 1000)})
    broker.publish("in a minute", "q", headers={"x-hold-until": int((now + 60) * 1000)})
    broker.clock.advance(59)
    assert broker.depth("q") == 0
    broker.clock.advance(2)
    assert broker.depth("q") == 1
    broker.clock.advance(3600)
    assert broker.depth("q") == 2
