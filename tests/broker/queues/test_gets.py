"""basic.get of messages that are on disk: each is answered, and so is the next one."""

from __future__ import annotations

from collections import Counter

from pamqp.commands import Basic, Queue

from tests.model.home import KILL, DurableHome
from tests.support.sansio import SansClient

COUNT = 3


def start(home: DurableHome) -> SansClient:
    client = home.broker.connect().open()
    client.channel()
    return client


def cold() -> tuple[DurableHome, SansClient]:
    """A broker with messages that were not read since its start, on a disk that does nothing until it is told to."""
    home = DurableHome(True, 1, Counter())
    client = start(home)
    client.call(1, Queue.Declare(queue="q", durable=True))
    for number in range(COUNT):
        client.publish(1, "", "q", b"%d" % number, Basic.Properties(delivery_mode=2))
    home.broker.advance(1000)
    home.finish()
    home.crash(KILL, 1)
    home.restart()
    return home, start(home)


def test_one_that_had_to_wait_keeps_nobody_else_waiting() -> None:
    home, client = cold()
    assert client.call(1, Basic.Get(queue="q", no_ack=True)) == [], "it is being read"
    home.finish()
    assert [event.body for event in client.take(1)] == [b"0"]
    for number in range(1, COUNT):
        assert [event.body for event in client.call(1, Basic.Get(queue="q", no_ack=True))] == [b"%d" % number]
    assert client.answer(1, Basic.Get(queue="q")).name == "Basic.GetEmpty"
