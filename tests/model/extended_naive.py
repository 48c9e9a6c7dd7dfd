"""A naive broker for what queues do beyond first in, first out: expiry, limits, dead letters, priorities, delays.

Everything is worked out from scratch, one message at a time. Must not: use anything of the broker's.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace

EXPIRED, REJECTED, MAXLEN, DELIVERY_LIMIT = "expired", "rejected", "maxlen", "delivery_limit"


@dataclass(frozen=True)
class Spec:
    """What a queue was declared with; None: not given. `dlx` is the dead-letter exchange, `dlx_key` the key for it."""

    priority_max: int = 0
    ttl_ms: int | None = None
    length_max: int | None = None
    length_bytes_max: int | None = None
    overflow: str = "drop-head"
    dlx: str | None = None
    dlx_key: str | None = None
    delivery_limit: int | None = None


@dataclass(frozen=True)
class Death:
    """One entry of x-death."""

    queue: str
    reason: str
    count: int
    exchange: str
    keys: tuple[str, ...]
    original_expiration: str | None


@dataclass(eq=False)
class Message:
    """One copy in one queue."""

    body: bytes
    exchange: str
    key: str
    priority: int
    expiration_ms: int | None
    persistent: bool
    deaths: tuple[Death, ...] = ()
    position: int = 0
    expires_ms: int | None = None
    deliveries: int = 0


@dataclass(eq=False)
class Queue:
    """One queue; `ready` in no particular order."""

    name: str
    spec: Spec
    ready: list[Message] = field(default_factory=list)
    published: int = 0

    def in_order(self) -> list[Message]:
        """As they are handed out."""
        return sorted(self.ready, key=lambda each: (-min(each.priority, self.spec.priority_max), each.position))

    def fits(self, message: Message) -> bool:
        """Whether it is within the limits with one more."""
        return self._is_within([*self.ready, message])

    def _is_within(self, messages: list[Message]) -> bool:
        spec = self.spec
        size = sum(len(each.body) for each in messages)
        too_many = spec.length_max is not None and len(messages) > spec.length_max
        return not too_many and (spec.length_bytes_max is None or size <= spec.length_bytes_max)

    def surplus(self) -> list[Message]:
        """What drop-head takes out."""
        if self.spec.overflow != "drop-head":
            return []
        dropped: list[Message] = []
        while not self._is_within(self.ready):
            dropped.append(self.in_order()[0])
            self.ready.remove(dropped[-1])
        return dropped


@dataclass(eq=False)
class Held:
    """A message that waits for its time."""

    due_ms: int
    order: int
    message: Message


class ExtendedNaive:
    """Queues, bindings of exchanges to queues by key (None: any), what is held, what is not settled."""

    def __init__(
        self, specs: dict[str, Spec], bindings: dict[str, list[tuple[str | None, str]]], reached: Counter[str]
    ) -> None:
        """Args: reached counts what has happened, over all examples."""
        self.queues = {name: Queue(name, spec) for name, spec in specs.items()}
        self.bindings = bindings
        self.held: list[Held] = []
        self.unacked: dict[int, tuple[Queue, Message]] = {}
        self.last_tag = 0
        self.now_ms = 0
        self._ordered = 0
        self._reached = reached

    # ---- in

    def route(self, exchange: str, key: str) -> list[Queue]:
        """Where a key leads."""
        if exchange == "":
            return [self.queues[key]] if key in self.queues else []
        return [self.queues[name] for bound, name in self.bindings[exchange] if bound in (None, key)]

    def publish(self, message: Message, delay_ms: int = 0) -> bool:
        """A client publishes; whether it is told that all is well."""
        if delay_ms > 0:
            self._reached["held"] += 1
            self._ordered += 1
            self.held.append(Held(self.now_ms + delay_ms, self._ordered, message))
            return True
        return self._into(self.route(message.exchange, message.key), message)

    def _into(self, queues: list[Queue], message: Message) -> bool:
        """Puts copies into queues; False where one refuses."""
        entered = [self._enter(queue, replace(message)) for queue in queues]
        return all(entered)

    def _enter(self, queue: Queue, message: Message) -> bool:
        if queue.spec.overflow != "drop-head" and not queue.fits(message):
            self._reached["refused"] += 1
            if queue.spec.overflow == "reject-publish-dlx":
                self.dead_letter(queue, message, MAXLEN)
            return False
        queue.published += 1
        message.position = queue.published
        lives = [ms for ms in (queue.spec.ttl_ms, message.expiration_ms) if ms is not None]
        message.expires_ms = self.now_ms + min(lives) if lives else None
        queue.ready.append(message)
        self._trim(queue)
        return True

    def _trim(self, queue: Queue) -> None:
        for each in queue.surplus():
            self.dead_letter(queue, each, MAXLEN)

    # ---- out

    def get(self, name: str) -> Message | None:
        """Takes the next message."""
        queue = self.queues[name]
        if not queue.ready:
            return None
        message = queue.in_order()[0]
        queue.ready.remove(message)
        self.last_tag += 1
        self.unacked[self.last_tag] = queue, message
        return message

    def settle(self, tag: int, how: str) -> None:
        """Acknowledges, rejects or requeues."""
        queue, message = self.unacked.pop(tag)
        if how == "reject":
            self.dead_letter(queue, message, REJECTED)
        elif how == "requeue":
            message.deliveries += 1
            limit = queue.spec.delivery_limit
            if limit is not None and message.deliveries > limit:
                self.dead_letter(queue, message, DELIVERY_LIMIT)
            else:
                queue.ready.append(message)
                self._trim(queue)

    def dead_letter(self, queue: Queue, message: Message, reason: str) -> None:
        """Sends on what a queue does not keep."""
        spec = queue.spec
        if spec.dlx is None:
            return
        self._reached[reason] += 1
        letter = replace(message, deaths=_with_death(queue.name, message, reason), expiration_ms=None, deliveries=0)
        letter.exchange = spec.dlx
        if spec.dlx_key is not None:
            letter.key = spec.dlx_key
        targets = self.route(letter.exchange, letter.key)
        if reason != REJECTED:
            cycle = [each for each in targets if _is_cycle(each.name, letter.deaths)]
            self._reached["cycle"] += len(cycle)
            targets = [each for each in targets if each not in cycle]
        self._into(targets, letter)

    # ---- time

    def settle_down(self) -> None:
        """Whatever is due happens."""
        while self._one_due():
            pass

    def _one_due(self) -> bool:
        for held in sorted(self.held, key=lambda each: (each.due_ms, each.order)):
            if held.due_ms <= self.now_ms:
                self.held.remove(held)
                self._into(self.route(held.message.exchange, held.message.key), held.message)
                return True
        for queue in self.queues.values():
            for message in queue.in_order():
                if message.expires_ms is not None and message.expires_ms <= self.now_ms:
                    queue.ready.remove(message)
                    self.dead_letter(queue, message, EXPIRED)
                    return True
        return False

    def advance(self, by_ms: int) -> None:
        """Lets time pass, from one event to the next."""
        end_ms = self.now_ms + by_ms
        while (due_ms := self._next_due_ms()) is not None and due_ms <= end_ms:
            self.now_ms = max(self.now_ms, due_ms)
            self.settle_down()
        self.now_ms = end_ms

    def _next_due_ms(self) -> int | None:
        expiries = [each.expires_ms for queue in self.queues.values() for each in queue.ready if each.expires_ms]
        return min([*expiries, *(each.due_ms for each in self.held)], default=None)

    # ---- ends

    def killed(self) -> None:
        """The broker was killed at rest: what is durable is there, what was lent is ready again."""
        for queue, message in self.unacked.values():
            message.deliveries += 1
            queue.ready.append(message)
        self.unacked.clear()
        self.last_tag = 0
        for queue in self.queues.values():
            queue.ready = [each for each in queue.ready if each.persistent]
        self.held = [each for each in self.held if each.message.persistent]


def _with_death(queue: str, message: Message, reason: str) -> tuple[Death, ...]:
    """The deaths with one more, or with one counted once more; the newest first."""
    same = [each for each in message.deaths if (each.queue, each.reason) == (queue, reason)]
    others = tuple(each for each in message.deaths if each not in same)
    if same:
        return (replace(same[0], count=same[0].count + 1), *others)
    expiration = None if message.expiration_ms is None else str(message.expiration_ms)
    return (Death(queue, reason, 1, message.exchange, (message.key,), expiration), *others)


def _is_cycle(target: str, deaths: tuple[Death, ...]) -> bool:
    """Whether the letter has come from there and nobody has rejected it since."""
    for at, death in enumerate(deaths):
        if death.queue == target:
            return all(each.reason != REJECTED for each in deaths[: at + 1])
    return False
