"""Messages that expire behind longer-lived ones, mostly on disk only: at their time, and after every kind of end."""

from __future__ import annotations

from collections import Counter

import pytest
from pamqp.commands import Basic, Confirm, Queue

from tests.model.home import KILL, POWER_CUT, STOP, DurableHome
from tests.support.sansio import SansClient

COUNT = 60  # messages: far more than the tiny limits keep in memory
LIVES_MS = (None, 5000, 1000, 3000)  # one after the other, so that nothing expires in order


class Disk:
    """A broker on a small disk, a client and one durable queue."""

    def __init__(self, is_late: bool = False, **arguments: object) -> None:
        self.home = DurableHome(is_late, 1, Counter())
        self.client = self._client()
        self.call(Queue.Declare(queue="q", durable=True, arguments=arguments))

    def _client(self) -> SansClient:
        client = self.home.broker.connect().open()
        client.channel(1)
        client.answer(1, Confirm.Select())  # so that each publish is written in its turn
        return client

    def call(self, frame: Queue.Declare) -> Queue.DeclareOk:
        self.client.method(1, frame)
        self.home.finish()
        self.home.broker.turn()
        self.home.finish()
        (event,) = self.client.take()
        assert isinstance(event.frame, Queue.DeclareOk)
        return event.frame

    def publish(self, number: int, life_ms: int | None, **properties: int) -> None:
        expiration = None if life_ms is None else str(life_ms)
        one = Basic.Properties(expiration=expiration, **({"delivery_mode": 2} | properties))
        self.client.publish(1, "", "q", b"%040d" % number, one)
        self.home.broker.turn()
        self.home.finish()
        assert {event.name for event in self.client.take()} <= {"Basic.Ack"}

    def fill(self, **properties: int) -> None:
        for number in range(COUNT):
            self.publish(number, LIVES_MS[number % len(LIVES_MS)], **properties)
        self.advance(100)

    def advance(self, by_ms: int) -> None:
        self.home.broker.advance(by_ms)
        self.home.finish()

    def count(self) -> int:
        self.home.finish()
        return int(self.home.broker.vhost.queues["q"].ready.count)

    def restart(self, how: str) -> None:
        self.home.finish()
        self.home.crash(how, 1)
        self.home.restart()
        self.client = self._client()
        self.home.finish()

    def bodies(self) -> list[int]:
        found: list[int] = []
        while True:
            self.client.method(1, Basic.Get(queue="q", no_ack=True))
            self.home.broker.turn()
            self.home.finish()
            (event,) = self.client.take()
            if event.name == "Basic.GetEmpty":
                return found
            found.append(int(event.body))


def left(*lives_ms: int | None) -> list[int]:
    return [number for number in range(COUNT) if LIVES_MS[number % len(LIVES_MS)] in lives_ms]


@pytest.mark.parametrize("is_late", [False, True])
@pytest.mark.parametrize("mode", [1, 2])
def test_everything_leaves_at_its_time_though_it_is_cold(is_late: bool, mode: int) -> None:
    disk = Disk(is_late)
    disk.fill(delivery_mode=mode)
    queue = disk.home.broker.vhost.queues["q"]
    assert queue.ready.paged_out()[0] > COUNT // 2
    disk.advance(899)
    assert disk.count() == COUNT
    disk.advance(1)
    assert disk.count() == len(left(None, 3000, 5000))
    disk.advance(2000)
    assert disk.count() == len(left(None, 5000))
    assert queue.counters.expired == len(left(1000, 3000))
    disk.advance(2000)
    assert disk.bodies() == left(None)


@pytest.mark.parametrize("how", [STOP, KILL, POWER_CUT])
def test_a_start_finds_what_expires_out_of_order(how: str) -> None:
    disk = Disk()
    disk.fill()
    disk.restart(how)
    assert disk.count() == COUNT
    disk.advance(899)
    assert disk.count() == COUNT
    disk.advance(1)
    assert disk.count() == len(left(None, 3000, 5000))
    disk.advance(4000)
    assert disk.bodies() == left(None)


def test_what_was_due_while_nobody_was_there_leaves_at_the_start() -> None:
    disk = Disk()
    disk.fill()
    disk.home.finish()
    disk.home.crash(STOP, 1)
    disk.home.broker.clock.advance(3000)
    disk.home.restart()
    disk.advance(0)
    assert disk.count() == len(left(None, 5000))


@pytest.mark.parametrize("how", [STOP, KILL])
def test_priorities_too(how: str) -> None:
    disk = Disk(**{"x-max-priority": 3})
    for number in range(COUNT):
        disk.publish(number, LIVES_MS[number % len(LIVES_MS)], priority=number % 3)
    disk.advance(100)
    disk.restart(how)
    disk.advance(900)
    assert disk.count() == len(left(None, 3000, 5000))
    disk.advance(4000)
    assert sorted(disk.bodies()) == left(None)


@pytest.mark.parametrize("how", [STOP, KILL])
def test_a_queue_whose_messages_expire_in_order_is_trusted_after_a_start(how: str) -> None:
    disk = Disk(**{"x-message-ttl": 1000})
    for number in range(COUNT):
        disk.publish(number, None)
    disk.advance(100)
    loaded = disk.home.journal.keeping.counters.loaded
    assert loaded == 0
    disk.restart(how)
    queue = disk.home.broker.vhost.queues["q"]
    assert all(stream.in_order for stream in queue.ready.streams())
    loads = disk.home.journal.keeping.counters.loaded
    assert (loads < COUNT) == (how == STOP), "after a kill it is read once, since nobody knows"
    disk.advance(900)
    assert disk.count() == 0


def test_a_ttl_that_was_lowered_before_a_stop_is_doubted() -> None:
    disk = Disk()
    rules = disk.home.broker.node.rules
    rules.policies.set("/", "ttl", "q", {"message-ttl": 5000})
    disk.home.broker.turn()
    disk.publish(1, None)
    rules.policies.set("/", "ttl", "q", {"message-ttl": 500})
    disk.home.broker.turn()
    disk.advance(100)
    disk.restart(STOP)
    disk.publish(2, None)
    disk.advance(600)
    assert disk.count() == 1


def test_the_time_of_an_unused_queue_starts_anew_at_a_start() -> None:
    disk = Disk(**{"x-expires": 1000})
    disk.advance(900)
    disk.restart(STOP)
    disk.advance(999)
    assert "q" in disk.home.broker.vhost.queues
    disk.advance(1)
    assert "q" not in disk.home.broker.vhost.queues
    disk.restart(STOP)
    assert "q" not in disk.home.broker.vhost.queues
