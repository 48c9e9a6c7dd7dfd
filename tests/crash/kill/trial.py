"""One data folder's trial: lives that end in SIGKILL, one that ends in SIGTERM, and a last one that drains the queues.

Must not: judge the history that it writes.
"""

from __future__ import annotations

import random
import threading
import time
from typing import Protocol

from pamqp.commands import Basic, Queue

from tests.crash.kill.declarer import Declarer
from tests.crash.kill.events import Complaint, Delivered, Event, Reading, Started
from tests.crash.kill.layout import FAN, QUEUES, check_everything, declare_everything
from tests.crash.kill.messages import anywhere, content_received, directly, spread, with_priority
from tests.crash.kill.peer import ANSWER_SECONDS_MAX, Peer
from tests.crash.kill.publishers import ConfirmingPublisher, TransactionalPublisher
from tests.crash.kill.readers import AutoAcker, AutoGetter, Consumer, Getter, Holder, MultipleAcker, Requeuer
from tests.support.raw import Ended, RawConnection

WORK_SECONDS = (0.3, 1.0)
FIRST_MOMENT_SECONDS = (0.0, 0.03)
START_UP_SHARE = (0.3, 1.1)
START_SECONDS_GUESSED = 0.4
WORKING, START_UP, FIRST_MOMENTS = KILLS = "at work", "starting up", "in its first moments"


class Broker(Protocol):
    """What a trial needs of a broker that it may kill."""

    host: str
    port: int

    def launch(self) -> None:
        """Starts it and does not wait."""

    def await_ready(self) -> None:
        """Waits until it accepts connections."""

    def kill(self) -> None:
        """SIGKILL."""

    def stop(self) -> int:
        """SIGTERM; the exit status."""


def peers(seed: str) -> list[Peer]:
    """Everybody who works at the broker."""
    return [
        ConfirmingPublisher("window1", seed, 1, directly("single", "get", "held", "taken")),
        ConfirmingPublisher("window20", seed, 20, directly("multiple", "expiring", "auto", "taken", "get")),
        ConfirmingPublisher("window200", seed, 200, directly("single", "requeue", "held", "auto")),
        ConfirmingPublisher("spreader", seed, 20, spread),
        ConfirmingPublisher("chooser", seed, 20, with_priority),
        TransactionalPublisher("trader", seed, anywhere(("single", "multiple", "requeue", "held"))),
        Consumer("single", seed),
        MultipleAcker("multiple", seed),
        Requeuer("requeue", seed),
        Getter("get", seed),
        Holder("held", seed),
        AutoAcker("auto", seed),
        AutoGetter("taken", seed),
        Consumer("levels", seed),
        Requeuer("expiring", seed),
        Consumer(FAN[0], seed),
        MultipleAcker(FAN[1], seed),
        Holder(FAN[2], seed),
    ]


class Trial:
    """Writes the history of one broker."""

    def __init__(self, broker: Broker, seed: str) -> None:
        self.history: list[Event] = []
        self.steps: list[str] = []
        self._broker = broker
        self._rng = random.Random(seed)
        self._declarer = Declarer(seed)
        self._peers = [*peers(seed), self._declarer]
        self._start_seconds = START_SECONDS_GUESSED
        self._life = 0

    def run(self, kills: int) -> list[Event]:
        """The whole trial, with this many kills; the first life ends at work, so that there is something to lose."""
        self._life_at_work(self._seconds(WORK_SECONDS))
        kinds = [KILLS[number % len(KILLS)] for number in range(kills - 1)]
        self._rng.shuffle(kinds)
        for kind in kinds:
            if kind == START_UP:
                self._life_at_start(self._start_seconds * self._seconds(START_UP_SHARE))
            else:
                self._life_at_work(self._seconds(WORK_SECONDS if kind == WORKING else FIRST_MOMENT_SECONDS))
        self._life_at_work(self._seconds(WORK_SECONDS), is_killed=False)
        self._last_life()
        return self.history

    def _seconds(self, limits: tuple[float, float]) -> float:
        return self._rng.uniform(*limits)

    def _begin(self) -> None:
        self.history.append(Started())
        self._life += 1
        self._broker.launch()

    def _await_ready(self) -> None:
        launched = time.monotonic()
        self._broker.await_ready()
        self._start_seconds = time.monotonic() - launched

    def _end(self, when: str, is_killed: bool = True) -> None:
        self.steps.append(f"life {self._life}: {'SIGKILL' if is_killed else 'SIGTERM'} {when}")
        if is_killed:
            self._broker.kill()
        elif (status := self._broker.stop()) != 0:
            self.history.append(Complaint(f"life {self._life}: exit status {status} after SIGTERM"))

    def _life_at_start(self, seconds: float) -> None:
        """Killed some time after the process began, perhaps before it listened."""
        self._begin()
        _pass(seconds)
        self._end(f"{seconds:.3f} s after the process began")

    def _life_at_work(self, seconds: float, is_killed: bool = True) -> None:
        """Killed, or stopped, some time after everybody was sent to work."""
        self._begin()
        self._await_ready()
        self._look_after_definitions()
        ending = threading.Event()
        for peer in self._peers:
            peer.start(self._broker.port, self._life, self.history, ending)
        try:
            _pass(seconds)
        finally:
            ending.set()
            self._end(f"after {seconds:.3f} s of work", is_killed)
        for peer in self._peers:
            peer.join(self.history)

    def _look_after_definitions(self) -> None:
        with RawConnection(self._broker.host, self._broker.port, ANSWER_SECONDS_MAX) as connection:
            connection.log_in()
            if self._life == 1:
                declare_everything(connection)
            else:
                self._check_definitions(connection)

    def _check_definitions(self, connection: RawConnection) -> None:
        check_everything(connection, self.history)
        self._declarer.check(connection, self.history)

    def _last_life(self) -> None:
        self._begin()
        self._await_ready()
        with RawConnection(self._broker.host, self._broker.port, ANSWER_SECONDS_MAX) as connection:
            connection.log_in()
            self._check_definitions(connection)
            for queue in [queue.name for queue in QUEUES] + self._declarer.kept:
                self._drain(connection, queue)
        self._end("after the queues were drained", is_killed=False)

    def _drain(self, connection: RawConnection, queue: str) -> None:
        """Takes out all that the queue says it has, and asks whether it is empty then."""
        name = f"drain-{queue}@{self._life}"
        channel = connection.channel()
        self.history.append(Reading(name, queue, None))
        depth = channel.call(Queue.Declare(queue=queue, passive=True), Queue.DeclareOk).message_count
        channel.consume(queue, no_ack=True)
        try:
            for _ in range(depth or 0):
                received = channel.expect(Basic.Deliver)
                message_id = str(received.properties.message_id)
                content = content_received(received)
                self.history.append(Delivered(name, queue, message_id, received.redelivered, content))
            channel.expect_nothing(queue)
            channel.close()
        except (AssertionError, Ended, OSError) as error:
            self.history.append(Complaint(f"draining {queue}, {depth} messages deep: {error!r}"))


def _pass(seconds: float) -> None:
    """Lets some time pass: the moment of a kill is random, and nothing depends on what has been done by then."""
    time.sleep(seconds)
