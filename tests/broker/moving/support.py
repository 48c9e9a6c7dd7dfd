"""A broker in memory whose queues' messages are moved: durable ones on a test disk, some of them paged out.

Must not: reach into a job to make something happen.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pamqp import commands
from pamqp.commands import Basic

from broker.auth.authorization import OWNER
from broker.moving.jobs import Job
from broker.moving.service import Chosen, Moving, To
from broker.queues.browsing import FRONT, Place, Waiting
from broker.queues.classic import ClassicQueue
from broker.queues.paging import Limits, MemoryBudget
from broker.requests import Actor
from storage.commit import Timers
from storage.journal import Journal
from storage.local import LocalJournal, LogSettings
from storage.worker import InlineWorker, Worker
from tests.support.faulty_files import FaultyFiles
from tests.support.sansio import SansBroker

LIMITS = Limits(
    queue_bytes_max=3000, queue_bytes_min=900, chunk_bytes=300, low_bytes=800, step_bytes=400, transient_bytes_max=3000
)
SMALL = LogSettings(segment_bytes=16 * 1024)
STEPS_MAX = 10_000


def opened(
    files: FaultyFiles, settings: LogSettings = SMALL, reader: Worker | None = None
) -> Callable[[Timers, Callable[[], int]], Journal]:
    """What opens a journal on a test disk."""
    return lambda timers, clock_ms: LocalJournal(
        files, InlineWorker(), InlineWorker() if reader is None else reader, timers, clock_ms, settings, boot=1
    )


class Moved:
    """A broker with a client on channel 1 and durable queues, and what is asked of it."""

    def __init__(
        self,
        *queues: str,
        files: FaultyFiles | None = None,
        disk: Any = None,
        now_ms: int = 1_700_000_000_000,
        settings: LogSettings = SMALL,
        reader: Worker | None = None,
    ) -> None:
        self.settings = settings
        self.files, self.spool_files = files or FaultyFiles(), FaultyFiles()
        self.broker = SansBroker(
            journal=opened(self.files, settings, reader), spool=opened(self.spool_files),
            budget=MemoryBudget(2**20, LIMITS), disk=disk, now_ms=now_ms,
        )  # fmt: skip
        self.client = self.broker.connect().open()
        self.client.channel(1)
        for name in queues:
            self.declare(name)

    def after_kill(self) -> Moved:
        """Another broker on what this one's disk holds, were it killed now."""
        return Moved(
            files=self.files.after_kill(), disk=self.broker.disk, now_ms=self.broker.clock.now_ms(),
            settings=self.settings,
        )  # fmt: skip

    @property
    def moving(self) -> Moving:
        return self.broker.node.moving

    @property
    def actor(self) -> Actor:
        return Actor(OWNER, self.broker.vhost)

    def queue(self, name: str) -> ClassicQueue:
        found = self.broker.vhost.queues[name]
        assert isinstance(found, ClassicQueue)
        return found

    def declare(self, name: str, durable: bool = True, **arguments: Any) -> None:
        """Declares a queue; x_max_length stands for x-max-length."""
        given = {key.replace("_", "-"): value for key, value in arguments.items()}
        answer = self.client.answer(1, commands.Queue.Declare(queue=name, durable=durable, arguments=given))
        assert answer.name == "Queue.DeclareOk", answer

    def publish(
        self, queue: str, *bodies: bytes, exchange: str = "", headers: dict[str, Any] | None = None, mode: int = 2,
        **properties: Any,
    ) -> None:  # fmt: skip
        """Publishes persistent messages, with pauses in which they reach the disk."""
        for at, body in enumerate(bodies):
            if at % 8 == 7:
                self.broker.advance(20)
            given = Basic.Properties(delivery_mode=mode, headers=headers, **properties)
            self.client.publish(1, exchange, queue, body, given)
        self.broker.advance(20)

    def move(self, source: str, to: str | To, chosen: Chosen = Chosen(), copy: bool = False) -> Job:  # noqa: B008
        """A job, not begun yet: `rest` lets it work."""
        return self.moving.move(self.actor, source, to if isinstance(to, To) else To(queue=to), chosen, copy)

    def rest(self) -> None:
        """Everything that is to be done now is done."""
        self.broker.advance(20)

    def moved(self, source: str, to: str | To, chosen: Chosen = Chosen(), copy: bool = False) -> Job:  # noqa: B008
        """A job that is over."""
        job = self.move(source, to, chosen, copy)
        self.rest()
        assert job.is_over, job.state
        return job

    def waiting(self, queue: str) -> list[Waiting]:
        """Everything that waits, in order."""
        found: list[Waiting] = []
        place: Place | None = FRONT
        for _ in range(STEPS_MAX):
            if place is None:
                return found
            some, place = self._step(queue, place)
            found += some
        raise AssertionError("it has no end")

    def _step(self, queue: str, place: Place) -> tuple[list[Waiting], Place | None]:
        answers: list[tuple[list[Waiting], Place | None]] = []
        self.queue(queue).look(place, lambda some, behind: answers.append((list(some), behind)))
        (answer,) = answers
        return answer

    def bodies(self, queue: str) -> list[bytes]:
        return [one.batch.bodies[one.at] for one in self.waiting(queue)]

    def get(self, queue: str, no_ack: bool = False) -> Any:
        """What basic.get brings."""
        self.client.method(1, Basic.Get(queue=queue, no_ack=no_ack))
        self.broker.advance(20)
        (event,) = self.client.take(1)
        return event


def numbered(count: int, first: int = 0) -> list[bytes]:
    """Bodies that tell messages apart."""
    return [b"%06d" % number for number in range(first, first + count)]
