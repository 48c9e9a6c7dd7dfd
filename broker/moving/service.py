"""Starts jobs for whoever may: checks rights on source and destination, and that the job can begin at all.

Must not: know HTTP or JSON, or do a job's work.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from broker.model.arguments import Arguments
from broker.model.names import exchange_rs, queue_rs
from broker.moving.destination import Destination, RefusedError, ToExchange, ToQueue
from broker.moving.filters import EVERYTHING, Filter, Matcher
from broker.moving.jobs import COPY, MOVE, REPLAY, REWIND, Job, Jobs
from broker.moving.mover import Mover, Plan, Wanted
from broker.moving.pace import RATE_MAX, Pace
from broker.moving.plans import Edit, MovePlan, ReplayPlan
from broker.moving.rewind import Preparing, Reach, Rewinder
from broker.moving.steps import Surroundings
from broker.operations import Operations
from broker.queues.browsing import FRONT, Place
from broker.queues.classic import ClassicQueue
from broker.requests import CONFIGURE, READ, WRITE, Actor, QueueRequest
from protocol.constants import ACCESS_REFUSED, PRECONDITION_FAILED
from protocol.errors import ChannelException
from storage.journal import Journal

COUNT_MAX: Final = 2**53
NOT_REWOUND: Final = (  # arguments that a rewound queue does not get: by them it would lose what was got back
    "x-message-ttl", "x-expires", "x-max-length", "x-max-length-bytes", "x-overflow",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which messages, and how fast: at most `count` (0: all) of those that match, `rate` in a second (0: no limit)."""

    count: int = 0
    rate: int = 0
    filter: Filter = EVERYTHING

    def check(self) -> None:
        """Raises: ValueError."""
        if not 0 <= self.count <= COUNT_MAX:
            raise ValueError("count is a number of messages, 1 or more")
        if not 0 <= self.rate <= RATE_MAX:
            raise ValueError(f"rate is a number of messages a second from 1 to {RATE_MAX}")


@dataclass(frozen=True, slots=True)
class To:
    """Where to: a queue, or an exchange with a routing key (None: each message's own)."""

    queue: str | None = None
    exchange: str = ""
    routing_key: str | None = None

    @property
    def shown(self) -> str:
        """For people."""
        if self.queue is not None:
            return f"queue {self.queue}"
        key = "" if self.routing_key is None else f" with routing key {self.routing_key}"
        return f"exchange {self.exchange}{key}"


@dataclass(frozen=True, slots=True)
class Replay:
    """How dead letters are replayed; `one` is a single one that may be edited."""

    by_exchange: bool = False
    keeps_deaths: bool = False
    one: Place | None = None
    edit: Edit | None = None


def _kept_arguments(arguments: Arguments) -> Arguments:
    """What a rewound queue has of a queue's arguments."""
    kept = {name: value for name, value in arguments.values.items() if name not in NOT_REWOUND}
    return Arguments(kept, arguments.types)


class Moving:
    """What jobs on messages there are, and what begins them."""

    def __init__(self, operations: Operations, jobs: Jobs, around: Surroundings, journal: Journal) -> None:
        self._operations = operations
        self._journal = journal
        self.jobs = jobs
        self.around = around

    def source(self, actor: Actor, name: str) -> ClassicQueue:
        """A queue whose messages the actor may take. Raises: ChannelException 403, 404, 405, 406."""
        self._operations.authorize(actor, READ, "queue", name)
        queue = self._operations.queue(actor, name)
        if not isinstance(queue, ClassicQueue):
            text = f"{queue_rs(name, actor.vhost.name)} is a stream: nothing can be taken out of it"
            raise ChannelException(PRECONDITION_FAILED, text)
        return queue

    def move(self, actor: Actor, source: str, to: To, chosen: Chosen, is_copied: bool) -> Job:
        """Begins to move or copy messages.

        Raises: ChannelException 403, 404, 405, 406; TooManyJobsError; ValueError.
        """
        chosen.check()
        queue = self.source(actor, source)
        destination = self._destination(actor, to)
        if to.queue == source:
            text = f"{queue_rs(source, actor.vhost.name)} is where the messages are already"
            raise ChannelException(PRECONDITION_FAILED, text)
        job = Job(COPY if is_copied else MOVE, actor.vhost.name, source, to.shown, actor.user)
        wanted = Wanted(FRONT, chosen.count, Matcher(chosen.filter), is_copied)
        return self._begin(job, actor, queue, MovePlan(destination), wanted, chosen)

    def replay(self, actor: Actor, source: str, how: Replay, chosen: Chosen) -> Job:
        """Begins to replay dead letters to where they died.

        Raises: as `move`.
        """
        chosen.check()
        queue = self.source(actor, source)

        def check(to: Destination, key: str) -> None:
            self._check_replayed(actor, to, key)

        plan = ReplayPlan(actor.vhost, how.by_exchange, how.keeps_deaths, how.edit, check)
        shown = "the exchanges they came through" if how.by_exchange else "the queues they died in"
        job = Job(REPLAY, actor.vhost.name, source, shown, actor.user)
        is_single = how.one is not None
        count = 1 if is_single else chosen.count
        wanted = Wanted(how.one or FRONT, count, Matcher(chosen.filter), is_single=is_single)
        return self._begin(job, actor, queue, plan, wanted, chosen)

    def _begin(
        self, job: Job, actor: Actor, queue: ClassicQueue, plan: Plan, wanted: Wanted, chosen: Chosen
    ) -> Job:  # fmt: skip
        self.jobs.add(job)
        pace = Pace(chosen.rate, self.around.now_ms())
        Mover(job, self.jobs, actor.vhost, queue, plan, wanted, pace, self.around).start()
        return job

    def _destination(self, actor: Actor, to: To) -> Destination:
        """Where messages go, if the actor may publish there and it is there."""
        operations, vhost = self._operations, actor.vhost
        if to.queue is not None:
            operations.authorize(actor, WRITE, "queue", to.queue)
            operations.queue(actor, to.queue)
            return ToQueue(vhost, to.queue)
        self._check_exchange(actor, to.exchange, to.routing_key)
        return ToExchange(vhost, to.exchange, to.routing_key)

    def _check_exchange(self, actor: Actor, name: str, key: str | None) -> None:
        """Raises: ChannelException 403, 404."""
        self._operations.authorize(actor, WRITE, "exchange", name)
        exchange = self._operations.exchange(actor, name)
        if exchange.internal:
            raise ChannelException(ACCESS_REFUSED, f"cannot publish to internal {exchange_rs(name, actor.vhost.name)}")
        if key is not None:
            self._operations.authorize_topic(actor, WRITE, exchange, key)
        elif exchange.type == "topic":
            raise ValueError("name a routing key: which ones may be used in a topic exchange depends on the key")

    def _check_replayed(self, actor: Actor, to: Destination, key: str) -> None:
        """Raises: RefusedError where dead letters may not go there, or it is not there any more."""
        try:
            if isinstance(to, ToQueue):
                self._operations.authorize(actor, WRITE, "queue", to.name)
                self._operations.queue(actor, to.name)
            elif isinstance(to, ToExchange):
                self._check_exchange(actor, to.name, key)
        except ChannelException as error:
            raise RefusedError(error.text) from None

    def rewind(self, actor: Actor, source: str, since_ms: int, into: str, is_partial: bool) -> Job:
        """Begins to get back into a new queue what was published to a durable one since a time.

        Args: is_partial, whether to begin although some of it is not in the log any more.
        Raises: as `move`.
        """
        queue, vhost = self._durable(actor, source), actor.vhost
        request = QueueRequest(into, True, False, False, _kept_arguments(queue.definition.arguments))
        self._operations.authorize(actor, CONFIGURE, "queue", into)
        self._operations.authorize(actor, WRITE, "queue", into)
        if into in vhost.queues:
            text = f"{queue_rs(into, vhost.name)} is there already: what is got back goes into a new queue"
            raise ChannelException(PRECONDITION_FAILED, text)
        job = Job(REWIND, vhost.name, source, into, actor.user)
        self.jobs.add(job)
        around = self.around
        Rewinder(
            job, self.jobs, vhost, queue, lambda done: Preparing(self._journal, queue, since_ms, around, done),
            lambda: self._declare(actor, request), is_partial, around,
        ).start()  # fmt: skip
        return job

    def _declare(self, actor: Actor, request: QueueRequest) -> None:
        if request.name in actor.vhost.queues:
            text = f"{queue_rs(request.name, actor.vhost.name)} was declared by somebody else meanwhile"
            raise ChannelException(PRECONDITION_FAILED, text)
        self._operations.declare_queue(actor, request)

    def reach(self, actor: Actor, source: str, done: Callable[[Reach | str], None]) -> None:
        """Finds how far back a queue can be rewound; `done` is called later, with an error where it cannot be said.

        Raises: as `move`.
        """
        preparing: list[Preparing] = []

        def found(reach: Reach | str) -> None:
            for one in preparing:
                one.release()
            done(reach)

        preparing.append(Preparing(self._journal, self._durable(actor, source), 0, self.around, found))
        preparing[0].start()

    def _durable(self, actor: Actor, name: str) -> ClassicQueue:
        """A queue whose messages are in the log. Raises: as `source`."""
        queue = self.source(actor, name)
        if not queue.definition.is_journalled:
            text = f"{queue_rs(name, actor.vhost.name)} is not durable: nothing of it is in the log"
            raise ChannelException(PRECONDITION_FAILED, text)
        return queue

    def cancel(self, actor: Actor, job: Job) -> None:
        """Stops a job of the actor's vhost, where the actor may take messages out of its source itself.

        Raises: ChannelException 403.
        """
        self._operations.authorize(actor, READ, "queue", job.source)
        self.jobs.cancel(job)
