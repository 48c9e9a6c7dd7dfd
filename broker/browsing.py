"""Looking at waiting messages and taking single ones out, for whoever may read their queue: the HTTP API.

Must not: know HTTP or JSON, or look at more than a step's worth in one go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from broker.connections.connection import Connection
from broker.model.message import Batch
from broker.operations import Operations
from broker.queues.browsing import FRONT, LEVEL_MAX, Answer, Place, Waiting, has_text
from broker.queues.waits import task_headers, task_name
from broker.requests import Actor

__all__ = ["FRONT", "Browser", "Held", "Place", "Waiting", "has_text", "id_of", "place_of", "task_headers",
           "task_name"]  # fmt: skip

DIGITS_MAX: Final = 18
UNACKED_RUNS_MAX: Final = 1000  # of one channel
NOT_FOR_TASKS: Final = ".celery.pidbox"  # ends the names of queues with orders for workers, and their answers


@dataclass(frozen=True, slots=True)
class Held:
    """A message that was delivered and is not settled, and the connection it is at."""

    queue: str
    batch: Batch
    connection: str


def id_of(place: Place) -> str:
    """A message's name within its queue: priority level and position."""
    return f"{place.level}-{place.position}"


def place_of(text: str) -> Place:
    """The place that a name stands for. Raises: ValueError."""
    level, _, position = text.partition("-")
    is_number = all(part.isascii() and part.isdigit() and len(part) <= DIGITS_MAX for part in (level, position))
    if not is_number or int(level) > LEVEL_MAX:
        raise ValueError(f"{text!r} is not the id of a message, such as 0-17")
    return Place(int(level), int(position))


class Browser:
    """What waits in queues, and what is at consumers."""

    def __init__(self, operations: Operations) -> None:
        self._operations = operations

    def look(self, actor: Actor, queue: str, begin: Place, answer: Answer) -> None:
        """One step from a place on; see `Queue.look`. Raises: ChannelException 403, 404, 405."""
        self._operations.readable_queue(actor, queue)
        self._operations.queue(actor, queue).look(begin, answer)

    def remove(self, actor: Actor, queue: str, place: Place, answer: Callable[[bool], None]) -> None:
        """Takes a waiting message out for good; answers whether it was there. Raises: as `look`."""
        self._operations.readable_queue(actor, queue)
        self._operations.queue(actor, queue).remove(place, answer)

    def task_queues(self, actor: Actor) -> list[str]:
        """Queues of the actor's vhost where something waits that may be Celery's tasks, and that it may read."""
        waiting = [name for name, queue in actor.vhost.queues.items() if queue.ready.count]
        return [name for name in waiting if not name.endswith(NOT_FOR_TASKS) and self._operations.may_read(actor, name)]

    def held(self, actor: Actor, connections: list[Connection]) -> Iterator[Held]:
        """What consumers in the actor's vhost have not settled, of queues that it may read."""
        for connection in connections:
            for channel in list(connection.channels.values()):
                if channel.actor.vhost is actor.vhost:
                    for run in channel.context.unacked.front(UNACKED_RUNS_MAX):
                        if self._operations.may_read(actor, run.queue.name):
                            for _ in range(run.span.start, run.span.stop):
                                yield Held(run.queue.name, run.span.batch, connection.name)
