"""Whose turn it is: the pickers of a queue."""

from __future__ import annotations

from broker.model.interfaces import ConsumerPort
from broker.queues.consumers import RoundRobin, SingleActive


class FakeConsumer(ConsumerPort):
    """A consumer with as much room as it is told."""

    def __init__(self, tag: str, room: int = 100, priority: int = 0) -> None:
        super().__init__(tag, False, False, priority)
        self.free = room
        self.asked = 0

    def room(self, message_bytes: int) -> int:
        assert message_bytes > 0
        self.asked += 1
        return self.free

    def deliver(self, span: object) -> None:  # noqa: ARG002
        raise AssertionError("a picker delivers nothing")

    def cancelled(self) -> None:
        raise AssertionError("a picker cancels nobody")


def picked(picker: RoundRobin | SingleActive, times: int) -> list[str]:
    found = [picker.pick(10) for _ in range(times)]
    return [each[0].tag if each else "-" for each in found]


def test_consumers_take_turns() -> None:
    picker = RoundRobin()
    for tag in "abc":
        picker.add(FakeConsumer(tag))
    assert picked(picker, 7) == ["a", "b", "c", "a", "b", "c", "a"]


def test_who_has_no_room_is_not_asked_again_before_it_reports_credit() -> None:
    picker = RoundRobin()
    full, free = FakeConsumer("full", room=0), FakeConsumer("free")
    picker.add(full)
    picker.add(free)
    assert picked(picker, 3) == ["free"] * 3
    assert full.asked == 1
    assert picker.offered == 1
    full.free = 5
    assert picked(picker, 1) == ["free"]
    picker.offer(full)
    picker.offer(full)
    assert picker.offered == 2
    assert sorted(picked(picker, 2)) == ["free", "full"]


def test_higher_priorities_come_first_while_they_have_room() -> None:
    picker = RoundRobin()
    low, high = FakeConsumer("low", priority=-1), FakeConsumer("high", priority=10)
    picker.add(low)
    picker.add(high)
    assert picked(picker, 3) == ["high"] * 3
    high.free = 0
    assert picked(picker, 2) == ["low", "low"]
    high.free = 1
    picker.offer(high)
    assert picked(picker, 1) == ["high"]


def test_who_ended_is_not_picked() -> None:
    picker = RoundRobin()
    one, two, last = FakeConsumer("one"), FakeConsumer("two", room=0), FakeConsumer("last", priority=5)
    for consumer in (one, two, last):
        picker.add(consumer)
    picker.remove(last)
    assert picked(picker, 2) == ["one", "one"]
    picker.remove(one)
    picker.offer(one)
    assert picked(picker, 1) == ["-"]
    picker.remove(two)
    assert picker.everyone() == []
    assert picker.offered == 0


def test_a_single_active_consumer_has_a_successor() -> None:
    picker = SingleActive()
    first, second = FakeConsumer("first"), FakeConsumer("second")
    picker.add(first)
    picker.add(second)
    assert picked(picker, 2) == ["first", "first"]
    first.free = 0
    assert picked(picker, 1) == ["-"], "the other one waits for its turn, not for room"
    picker.remove(first)
    assert picked(picker, 1) == ["second"]
    assert [consumer.tag for consumer in picker.everyone()] == ["second"]
