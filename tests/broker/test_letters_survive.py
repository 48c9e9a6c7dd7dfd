"""Dead letters and delivery counts over crashes: a test disk is cut at every call that the broker makes of it."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from pamqp.commands import Basic, Confirm, Queue

from broker.queues.kept_letters import RETRY_MS
from broker.queues.letters import UNWRITTEN_BYTES_MAX
from storage.commit import Timers
from storage.definitions_disk import MemoryDisk
from storage.journal import Journal
from storage.local import LocalJournal, LogSettings
from storage.status import OK
from storage.worker import InlineWorker, Worker
from tests.broker.letters import Desk, deaths, headers
from tests.broker.test_dead_letter import shut
from tests.broker.test_kept_letters import SURE
from tests.support.faulty_files import FaultyFiles, PowerCut
from tests.support.sansio import SansBroker
from tests.support.workers import HeldWorker

SETTINGS = LogSettings(segment_bytes=4096, index_bytes=1000)
MESSAGES = [f"{number}" for number in range(6)]


class Home:
    """A broker on a test disk, and what comes after its end."""

    def __init__(
        self, files: FaultyFiles | None = None, disk: MemoryDisk | None = None, writer: Worker | None = None
    ) -> None:
        self.files = files or FaultyFiles()
        self.writer = InlineWorker() if writer is None else writer
        self.disk = disk or MemoryDisk()
        self.broker = SansBroker(disk=self.disk, journal=self._open)
        self.desk = Desk(self.broker)

    def _open(self, timers: Timers, clock_ms: Callable[[], int]) -> Journal:
        return LocalJournal(self.files, self.writer, InlineWorker(), timers, clock_ms, SETTINGS, boot=1)

    def killed(self) -> Home:
        """The next life after kill -9."""
        return Home(self.files.after_kill(), self.disk)

    def without_power(self, seed: int) -> Home:
        """The next life after a power cut."""
        return Home(self.files.after_power_cut(seed), self.disk)


def fill(home: Home, **more: Any) -> None:
    """A queue of confirmed messages, and the queue that its dead letters go to."""
    desk = home.desk
    desk.queue("work", durable=True, dead_letter_exchange="", dead_letter_routing_key="dead", **more)
    desk.queue("dead", durable=True)
    desk.client.call(1, Confirm.Select())
    desk.publish("work", *MESSAGES, delivery_mode=2)
    desk.broker.advance(100)
    assert any(isinstance(event.frame, Basic.Ack) for event in desk.client.take(1))


def refuse(home: Home) -> None:
    home.desk.reject("work", 3)
    home.broker.advance(100)
    home.desk.reject("work", 2)
    home.broker.advance(100)


def expire(home: Home) -> None:
    home.broker.advance(2000)


def come_back(home: Home) -> None:
    for _ in range(3):
        home.desk.reject("work", len(MESSAGES), requeue=True)
        home.broker.advance(100)


WAYS: dict[str, tuple[Callable[[Home], None], dict[str, Any]]] = {
    "rejected": (refuse, {}), "expired": (expire, {"message_ttl": 1000}), "limit": (come_back, {"delivery_limit": 2}),
    "at-least-once": (refuse, SURE),
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("has_power", [True, False], ids=["kill", "power cut"])
def test_a_message_is_in_its_queue_or_is_a_letter_whenever_the_end_comes(way: str, has_power: bool) -> None:
    work, settings = WAYS[way]
    whole = Home()
    fill(whole, **settings)
    before = len(whole.files.trace)
    work(whole)
    calls = len(whole.files.trace) - before
    assert calls >= 2
    seen: Counter[str] = Counter()
    for call, written_bytes in [(call, size) for call in range(1, calls + 1) for size in (0, 100, 300)]:
        home = Home()
        fill(home, **settings)
        home.files.cut_at(len(home.files.trace) + call, written_bytes)
        with contextlib.suppress(PowerCut, IndexError):  # without a log nobody is answered
            work(home)
        seen["cut"] += home.broker.node.journal.state != OK
        after = home.killed() if has_power else home.without_power(call + written_bytes)
        queues = after.broker.vhost.queues
        waiting, letters = queues["work"].ready.count, queues["dead"].ready.count
        dead = after.desk.bodies("dead")
        left = after.desk.bodies("work")
        told = f"cut at {call}, {written_bytes}: {left} are left, {dead} are letters"
        assert sorted(left + dead) == MESSAGES, told
        seen["both"] += bool(waiting and letters)
    assert seen["cut"]


def test_hidden_copies_and_deaths_outlive_a_restart() -> None:
    home = Home()
    desk = home.desk
    desk.queue("work", durable=True, dead_letter_exchange="amq.direct")
    desk.queue("hidden", durable=True, dead_letter_exchange="amq.fanout")
    desk.queue("last", durable=True)
    desk.client.call(1, Queue.Bind(queue="hidden", exchange="amq.direct", routing_key="hidden-key"))
    desk.client.call(1, Queue.Bind(queue="last", exchange="amq.fanout"))
    desk.publish("work", "a", headers={"BCC": ["hidden-key"]}, delivery_mode=2)
    desk.broker.advance(100)
    home = home.killed()
    home.desk.reject("work")
    home.broker.advance(100)
    home = home.killed()
    home.desk.reject("hidden")
    home.broker.advance(100)
    home = home.killed()
    letter = home.desk.got("last")
    assert deaths(letter) == [("hidden", "rejected", 1), ("work", "rejected", 1)]
    assert "BCC" not in headers(letter)


@pytest.mark.parametrize(
    "kind", [{}, {"queue_type": "quorum"}, {"max_priority": 2}], ids=["plain", "quorum", "priority"]
)
def test_deliveries_are_counted_over_restarts(kind: dict[str, Any]) -> None:
    home = Home()
    home.desk.queue("work", durable=True, delivery_limit=3, **kind)
    home.desk.queue("other", durable=True)
    home.desk.publish("work", "a", delivery_mode=2)
    for count in range(4):
        held = home.desk.get("work", no_ack=False)
        assert held is not None
        assert headers(held)["x-delivery-count"] == count
        home.broker.advance(100)
        home = home.killed()
    assert home.desk.bodies("work") == [], "four times delivered, and never settled"
    assert home.broker.vhost.counters.left.numbers == {
        (str(kind.get("queue_type", "classic")), "disabled", "delivery_limit"): 1
    }


def test_kept_letters_are_back_in_their_queue_after_a_kill_and_lost_nowhere() -> None:
    home = Home()
    fill(home, **SURE)
    shut(home.desk, "dead")
    home.desk.reject("work", 3)
    home.broker.advance(3 * RETRY_MS)
    assert home.broker.vhost.queues["work"].kept == 3
    home = home.killed()
    assert home.desk.bodies("dead") == []
    assert sorted(home.desk.bodies("work")) == MESSAGES


def test_kept_letters_are_read_back_from_the_log() -> None:
    home = Home()
    fill(home, **SURE)
    gate = shut(home.desk, "dead")
    home.desk.reject("work", len(MESSAGES))
    home.broker.advance(RETRY_MS)
    assert home.broker.vhost.queues["work"].kept == len(MESSAGES)
    gate.is_closed = False
    home.broker.advance(2 * RETRY_MS)
    assert sorted(home.desk.bodies("dead")) == MESSAGES
    home.broker.advance(100)
    home = home.killed()
    assert home.desk.bodies("work") == []
    assert home.broker.vhost.queues["work"].kept == 0


def test_letters_wait_for_a_disk_that_is_far_behind() -> None:
    writer = HeldWorker()
    home = Home(writer=writer)
    desk = home.desk
    desk.queue("work", dead_letter_exchange="", dead_letter_routing_key="dead")
    for name in ("dead", "deep"):
        desk.queue(name, durable=True)
    desk.publish("work", "a", delivery_mode=2)
    desk.publish("deep", "what is being written meanwhile", delivery_mode=2)
    home.broker.advance(100)
    desk.publish("deep", *["x" * (1 << 20)] * (UNWRITTEN_BYTES_MAX // (1 << 20) + 1), delivery_mode=2)
    desk.reject("work")
    home.broker.advance(1000)
    dead = home.broker.vhost.queues["dead"].ready
    assert dead.count == 0
    while writer.waiting:
        writer.close()
        home.broker.advance(10)
    assert dead.count == 1
