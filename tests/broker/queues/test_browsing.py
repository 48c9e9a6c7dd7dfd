"""Looking at waiting messages, in memory and on disk, and taking single ones out, against a plain list."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pamqp import commands
from pamqp.commands import Basic

from broker.queues.browsing import FRONT, STEP_MESSAGES, Place, Waiting, look
from broker.queues.classic import ClassicQueue
from broker.queues.paging import Limits, MemoryBudget
from storage.commit import Timers
from storage.journal import Journal
from storage.local import LocalJournal, LogSettings
from storage.worker import InlineWorker
from tests.broker.queues.test_ready import Made, span_of
from tests.support.faulty_files import FaultyFiles
from tests.support.manual_worker import ManualWorker
from tests.support.sansio import SansBroker

LIMITS = Limits(
    queue_bytes_max=3000, queue_bytes_min=900, chunk_bytes=300, low_bytes=800, step_bytes=400, transient_bytes_max=3000
)
STEPS_MAX = 10_000


class Browsed:
    """A queue with some messages in memory and some on disk; `expected` is what it should hold, in order."""

    def __init__(self, is_durable: bool, priority_max: int = 0) -> None:
        self.reader = ManualWorker()
        self.files, self.spool_files = FaultyFiles(), FaultyFiles()
        self.broker = SansBroker(
            journal=self.opened(self.files), spool=self.opened(self.spool_files), budget=MemoryBudget(2**20, LIMITS)
        )
        self.client = self.broker.connect().open()
        self.client.channel(1)
        self.properties = Basic.Properties(delivery_mode=2 if is_durable else 1)
        arguments = {"x-max-priority": priority_max} if priority_max else {}
        self.client.answer(1, commands.Queue.Declare(queue="q", durable=is_durable, arguments=arguments))
        self.expected: list[bytes] = []

    def opened(self, files: FaultyFiles) -> Callable[[Timers, Callable[[], int]], Journal]:
        return lambda timers, clock_ms: LocalJournal(
            files, InlineWorker(), self.reader, timers, clock_ms, LogSettings(), boot=1
        )

    @property
    def queue(self) -> ClassicQueue:
        return self.broker.vhost.queues["q"]

    def publish(self, count: int, priority: int | None = None) -> None:
        for _ in range(count):
            body = b"%06d" % (len(self.expected) + 1_000 * (priority or 0))
            self.properties.priority = priority
            self.client.publish(1, "", "q", body, self.properties)
            self.expected.append(body)
            self.broker.advance(20)
        self.settle()

    def settle(self) -> None:
        self.reader.run_all()
        self.broker.turn()

    def walk(self) -> list[Waiting]:
        """Everything that is seen, step by step."""
        found: list[Waiting] = []
        place: Place | None = FRONT
        for _ in range(STEPS_MAX):
            assert place is not None
            some, place = self.step(place)
            assert len(some) <= STEP_MESSAGES
            found += some
            if place is None:
                return found
        raise AssertionError("it has no end")

    def step(self, place: Place) -> tuple[list[Waiting], Place | None]:
        answers: list[tuple[list[Waiting], Place | None]] = []
        self.queue.look(place, lambda some, behind: answers.append((list(some), behind)))
        self.reader.run_all()
        (answer,) = answers
        return answer

    def seen(self) -> list[bytes]:
        return [waiting.batch.bodies[waiting.at] for waiting in self.walk()]

    def remove(self, place: Place) -> bool:
        answers: list[bool] = []
        self.queue.remove(place, answers.append)
        self.reader.run_all()
        self.broker.turn()
        (answer,) = answers
        return answer


@pytest.mark.parametrize("is_durable", [True, False])
def test_everything_is_seen_in_order_and_nothing_is_changed(is_durable: bool) -> None:
    browsed = Browsed(is_durable)
    browsed.publish(60)
    assert browsed.queue.ready.paged_out()[0] > 0, "some of it has to be on disk only"
    assert browsed.seen() == browsed.expected
    assert browsed.seen() == browsed.expected
    queue = browsed.queue
    assert (queue.ready.count, queue.unacked, queue.counters.delivered, queue.counters.got) == (60, 0, 0, 0)
    assert not any(waiting.deliveries for waiting in browsed.walk())


def test_runs_are_seen_message_by_message_across_steps() -> None:
    browsed = Browsed(is_durable=False)
    for number in range(2 * STEP_MESSAGES + 10):
        browsed.client.publish(1, "", "q", b"%03d" % number)
    browsed.broker.turn()
    assert browsed.seen() == [b"%03d" % number for number in range(2 * STEP_MESSAGES + 10)]


def test_the_highest_priority_is_seen_first() -> None:
    browsed = Browsed(is_durable=True, priority_max=3)
    for priority in (0, 3, 1, 3):
        browsed.publish(12, priority)
    in_order = sorted(browsed.expected, key=lambda body: (-(int(body) // 1000), int(body)))
    assert browsed.seen() == in_order
    middle = browsed.walk()[30]
    assert browsed.remove(middle.place)
    assert not browsed.remove(middle.place)
    in_order.remove(middle.batch.bodies[middle.at])
    assert browsed.seen() == in_order
    assert browsed.queue.ready.count == 47


def test_what_was_returned_is_seen_in_front_and_marked() -> None:
    browsed = Browsed(is_durable=True)
    browsed.publish(5)
    for _ in range(2):
        browsed.client.call(1, Basic.Get(queue="q"))
    browsed.client.call(1, Basic.Nack(delivery_tag=2, multiple=True, requeue=True))
    assert browsed.seen() == browsed.expected
    assert [waiting.deliveries for waiting in browsed.walk()] == [1, 1, 0, 0, 0]
    assert browsed.remove(browsed.walk()[1].place)
    del browsed.expected[1]
    assert browsed.seen() == browsed.expected


def test_a_message_that_is_being_taken_out_is_not_taken_out_twice() -> None:
    browsed = Browsed(is_durable=True)
    browsed.publish(60)
    place = browsed.walk()[40].place
    answers: list[bool] = []
    browsed.queue.remove(place, answers.append)
    browsed.queue.remove(place, answers.append)
    browsed.reader.run_all()
    assert answers == [False, True]
    assert browsed.queue.ready.count == 59


@settings(max_examples=25, deadline=None)
@given(is_durable=st.booleans(), choices=st.lists(st.integers(0, 10_000), max_size=25), run=st.booleans())
def test_taking_out_leaves_the_rest_as_it_was(is_durable: bool, choices: list[int], run: bool) -> None:
    browsed = Browsed(is_durable)
    browsed.publish(20)
    if run:
        for number in range(10):
            browsed.client.publish(1, "", "q", b"r%05d" % number, browsed.properties)
            browsed.expected.append(b"r%05d" % number)
        browsed.broker.turn()
    browsed.publish(15)
    for choice in choices:
        waiting = browsed.walk()
        if not waiting:  # each choice may take two
            break
        chosen = waiting[choice % len(waiting)]
        assert browsed.remove(chosen.place)
        browsed.expected.remove(chosen.batch.bodies[chosen.at])
        if choice % 3 == 0:
            assert browsed.client.call(1, Basic.Get(queue="q", no_ack=True)) or browsed.settle() is None
            browsed.settle()
            browsed.client.take(1)
            browsed.expected = browsed.expected[len(browsed.expected) - browsed.queue.ready.count :]
    assert browsed.seen() == browsed.expected
    assert browsed.queue.ready.count == len(browsed.expected)
    assert browsed.queue.ready.body_bytes == sum(map(len, browsed.expected))


def test_what_was_taken_out_does_not_come_back_after_a_crash() -> None:
    browsed = Browsed(is_durable=True)
    browsed.publish(60)
    for index in (50, 30, 2):
        assert browsed.remove(browsed.walk()[index].place)
        del browsed.expected[index]
    browsed.broker.advance(1000)
    again = SansBroker(
        journal=browsed.opened(browsed.files), disk=browsed.broker.disk, budget=MemoryBudget(2**20, LIMITS)
    )
    browsed.broker = again
    browsed.settle()
    assert browsed.seen() == browsed.expected


def test_a_position_counts_in_its_level_only() -> None:
    """A look that goes on behind the last message of a level begins at the front of the next one."""
    ready = Made(3, False, False, 10**9).ready
    ready.append(span_of(1, 2, 0, 0))
    told: list[int] = []
    look(ready, Place(3, 50), lambda waiting, _: told.extend(each.place.position for each in waiting))
    assert told == [1, 2]
