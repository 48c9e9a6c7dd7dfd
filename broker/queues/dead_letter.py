"""Dead-lettering: what a queue does not keep goes to its dead letter exchange, with the history of its deaths.

Must not: decide what leaves a queue. The headers are written by `deaths`, once for messages that came together.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from broker.model.interfaces import Gate, PublishTarget
from broker.model.message import Batch, Span
from broker.model.receipt import Receipt
from broker.model.vhost_counters import AT_MOST_ONCE, DISABLED
from broker.queues.classic import ClassicQueue
from broker.queues.deaths import Death, DeathHistory, is_cycle
from broker.queues.letters import Letter, Letters, Route, Sender
from broker.queues.parts import REJECTED
from protocol.commands import Address, shortstr
from protocol.properties import Properties

_MS_PER_S: Final = 1000
IN: Final = 0  # a gate's verdict: the message may come in
DEALT_WITH: Final = 1  # the gate has it
REFUSED: Final = 2


def _nobody(_: Receipt) -> None:
    return None


def ask(gate: Gate | None, batch: Batch, now_ms: int) -> int:
    """A gate's verdict on a message, or on messages that all pass."""
    if gate is None:
        return IN
    receipt = Receipt(0, 0, _nobody)
    if gate.admit(batch, receipt, now_ms):
        return IN
    return REFUSED if receipt.rejected else DEALT_WITH


def passes(route: Route, batch: Batch, now_ms: int) -> bool:
    """Whether no gate on the way wants to see the messages one by one."""
    gate, queues = route
    if len(batch.bodies) == 1:
        return True
    if gate is not None and not gate.passes(batch, now_ms):
        return False
    return all(queue.gate is None or queue.gate.passes(batch, now_ms) for queue in queues)


class Written:
    """What dead letters of one batch that die for one reason in one second have in common."""

    __slots__ = ("address", "batch", "copies", "deaths", "properties", "reason", "time_s")

    def __init__(
        self, batch: Batch, reason: str, time_s: int, address: Address, properties: Properties, copies: Sequence[str],
        deaths: Sequence[Death],
    ) -> None:  # fmt: skip
        self.batch = batch
        self.reason = reason
        self.time_s = time_s
        self.address = address
        self.properties = properties
        self.copies = copies  # further routing keys
        self.deaths = deaths  # the newest first


class DeadLetter(Sender):
    """The dead letters of a queue: what can arrive does, the rest is gone (at-most-once)."""

    __slots__ = ("_exchange", "_last", "_letters", "_routing_key", "queue")

    def __init__(self, queue: ClassicQueue, letters: Letters, exchange: str, routing_key: str | None) -> None:
        self.queue = queue
        self._letters = letters
        self._exchange = exchange
        self._routing_key = routing_key
        self._last: Written | None = None

    def leave(self, span: Span, reason: str) -> None:
        """Takes messages that are neither ready nor lent any more; they are settled with their dead letter."""
        self._letters.post(Letter(self, span, reason))

    def has_room(self) -> bool:
        """Whether more messages may leave now."""
        return self._letters.has_room()

    def send(self, letter: Letter, now_ms: int) -> None:
        """Publishes a letter as far as anybody takes it, and settles its source."""
        if not self.queue.is_deleted:
            self._publish(letter, now_ms)
        self.queue.done(letter.span)

    def _publish(self, letter: Letter, now_ms: int) -> None:
        written = self.write(letter.span.batch, letter.reason, now_ms)
        batch = Batch(written.address, written.properties, list(letter.span.bodies()), -1)
        route = self.route(written, batch)
        self.count(letter, DISABLED if route is None else AT_MOST_ONCE)
        if route is None:
            return
        for part in (batch,) if passes(route, batch, now_ms) else batch.singles():
            self.deliver(part, route, now_ms)

    def count(self, letter: Letter, strategy: str) -> None:
        """Counts a letter's messages."""
        count = letter.span.stop - letter.span.start
        self._letters.counts.add(self.queue.settings.queue_type, strategy, letter.reason, count)
        if strategy != DISABLED:
            self.queue.counters.dead_lettered += count

    def write(self, batch: Batch, reason: str, now_ms: int) -> Written:
        """What becomes of a batch's address and headers; messages that die together are written once."""
        time_s = now_ms // _MS_PER_S
        last = self._last
        if last is not None and last.batch is batch and last.reason == reason and last.time_s == time_s:
            return last
        history = DeathHistory(batch.properties)
        is_first = not history.deaths
        history.add(batch, self.queue.name, reason, now_ms, not is_first and self._came_anew(history.deaths[0], batch))
        key = self._routing_key
        properties = history.encode(batch.address.exchange, is_first, keeps_copies=key is None)
        keys = [*history.copy_keys(), *history.hidden_keys()] if key is None else []
        copies = [copy.decode("utf-8", "replace") for copy in keys]
        own = batch.address.routing_key if key is None else key
        address = Address(self._exchange, own, False, False, shortstr(self._exchange) + shortstr(own))
        self._last = Written(batch, reason, time_s, address, properties, copies, history.deaths)
        return self._last

    def _came_anew(self, newest: Death, batch: Batch) -> bool:
        """Whether a client has published the message since its newest death: that one did not lead here.

        RabbitMQ before 4.0.1 takes such a message for one that has gone round in a circle, and drops it.
        """
        settings = self._letters.settings_of((newest.queue or b"").decode("utf-8", "replace"))
        if settings is None or settings.dead_letter_exchange is None:
            return False
        address, key = batch.address, settings.dead_letter_routing_key
        return address.exchange != settings.dead_letter_exchange or (key is not None and key != address.routing_key)

    def route(self, written: Written, batch: Batch) -> Route | None:
        """Where a dead letter goes, without the queues to which it would come back by itself."""
        route = self._letters.route(self._exchange, batch, written.copies)
        if route is None or written.reason == REJECTED:
            return route
        gate, queues = route
        return gate, [queue for queue in queues if not is_cycle(written.deaths, queue.name)]

    def deliver(self, batch: Batch, route: Route, now_ms: int) -> Sequence[PublishTarget]:
        """Hands a batch that passes, or a single message, to its targets; returns those that refuse it."""
        gate, queues = route
        verdict = ask(gate, batch, now_ms)
        if verdict != IN:
            return queues if verdict == REFUSED else ()
        inside: list[PublishTarget] = []
        refusing: list[PublishTarget] = []
        for queue in queues:
            verdict = ask(queue.gate, batch, now_ms)
            if verdict == IN:
                inside.append(queue)
            elif verdict == REFUSED:
                refusing.append(queue)
        if inside and gate is not None and not refusing:
            gate.enter(batch, None, now_ms, lambda: self._letters.publish(batch, inside, None))
        elif inside:
            self._letters.publish(batch, inside, None)
        return refusing
