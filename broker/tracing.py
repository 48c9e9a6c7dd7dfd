"""The live trace: what is published and delivered, for whoever watches, for as long as they do.

Must not: cost anything while nobody watches, hold a message up, or keep more than a watcher's share.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

from broker.model.interfaces import PublishTarget, Tracer
from broker.model.message import Batch, Span
from broker.vhost import Vhost

EVENTS_MAX: Final = 1000  # that wait for one watcher; what comes then is left out, and counted
EVENTS_BYTES_MAX: Final = 8 * 1024 * 1024  # of the messages they hold
WATCHERS_MAX: Final = 16
RUN_EVENTS_MAX: Final = 20  # of messages that came as one run

PUBLISHED: Final = "published"
DELIVERED: Final = "delivered"


class Event(NamedTuple):
    """One message at one stop; `queues` it was routed to, or came from; `consumer` is empty for basic.get."""

    kind: str
    vhost: str
    at_ms: int
    batch: Batch
    at: int
    queues: tuple[str, ...]
    user: str
    consumer: str
    redelivered: bool


class Watcher:
    """Events for one who watches; `left_out` counts those there was no room for. `on_event` says that some came."""

    def __init__(self, vhost: str, exchange: str, queue: str, user: str, on_event: Callable[[], None]) -> None:
        """Args: what is watched; an empty text is all of it."""
        self.vhost = vhost
        self._exchange = exchange
        self._queue = queue
        self._user = user
        self._on_event = on_event
        self._events: deque[Event] = deque()
        self._bytes = 0
        self.left_out = 0

    def add(self, event: Event) -> None:
        """Takes an event, where it is one that is watched and there is room."""
        wanted = (
            self.vhost in ("", event.vhost)
            and self._exchange in ("", event.batch.address.exchange)
            and (not self._queue or self._queue in event.queues)
            and self._user in ("", event.user)
        )
        if not wanted:
            return
        if len(self._events) >= EVENTS_MAX or self._bytes > EVENTS_BYTES_MAX:
            self.left_out += 1
            return
        self._events.append(event)
        self._bytes += event.batch.message_bytes
        self._on_event()

    def take(self, count: int) -> list[Event]:
        """The oldest events, up to so many."""
        taken = [self._events.popleft() for _ in range(min(count, len(self._events)))]
        self._bytes -= sum(event.batch.message_bytes for event in taken)
        return taken


class VhostTracer(Tracer):
    """Tells all watchers what happens in one vhost."""

    def __init__(self, vhost: str, now_ms: Callable[[], int], watchers: Sequence[Watcher]) -> None:
        super().__init__()
        self._vhost = vhost
        self._now_ms = now_ms
        self._watchers = watchers

    def published(self, batch: Batch, queues: Sequence[PublishTarget]) -> None:
        """A run was routed."""
        names = tuple(getattr(queue, "name", "") for queue in queues)
        self._tell(PUBLISHED, batch, 0, len(batch.bodies), names, "", False)

    def delivered(self, queue: str, span: Span, consumer: str) -> None:
        """A run was handed to a consumer, or got."""
        self._tell(DELIVERED, span.batch, span.start, span.stop, (queue,), consumer, span.deliveries > 0)

    def _tell(
        self, kind: str, batch: Batch, start: int, stop: int, queues: tuple[str, ...], consumer: str, redelivered: bool
    ) -> None:
        now_ms, user = self._now_ms(), self.user if kind == PUBLISHED else ""
        for at in range(start, min(stop, start + RUN_EVENTS_MAX)):
            event = Event(kind, self._vhost, now_ms, batch, at, queues, user, consumer, redelivered)
            for watcher in self._watchers:
                watcher.add(event)
        for watcher in self._watchers:
            watcher.left_out += max(0, stop - start - RUN_EVENTS_MAX)


class Tracing:
    """Who watches. Vhosts have a tracer only while somebody does."""

    def __init__(self, vhosts: Mapping[str, Vhost], now_ms: Callable[[], int]) -> None:
        self._vhosts = vhosts
        self._now_ms = now_ms
        self._watchers: list[Watcher] = []

    def watch(self, watcher: Watcher) -> None:
        """Begins to tell a watcher. Raises: ValueError where too many watch."""
        if len(self._watchers) >= WATCHERS_MAX:
            raise ValueError(f"{WATCHERS_MAX} watch already, the most there can be")
        self._watchers.append(watcher)
        for vhost in self._vhosts.values():
            self.attend(vhost)

    def leave(self, watcher: Watcher) -> None:
        """Ends it."""
        self._watchers.remove(watcher)
        for vhost in self._vhosts.values():
            self.attend(vhost)

    def attend(self, vhost: Vhost) -> None:
        """Gives a vhost its tracer, or takes it away."""
        wanted = any(watcher.vhost in ("", vhost.name) for watcher in self._watchers)
        vhost.trace(VhostTracer(vhost.name, self._now_ms, self._watchers) if wanted else None)
