"""What a load is, and the queues, producers and consumers that it needs on a broker.

Must not: run it.
"""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass

from bench import frames, loops, wire
from bench.connection import Control
from bench.frames import Stride

BLOCK_MESSAGES = 2000  # encoded ahead
BLOCK_MESSAGES_MIN = 40
BLOCK_BYTES = 4 * 1024 * 1024  # of their bodies


@dataclass(frozen=True)
class Load:
    """What to do.

    `kind`: stream (full speed), flight (one message in flight), paced, publish (full speed, counted by confirms;
    consumers only with a prefetch) or drain (takes what is waiting in one queue).
    """

    kind: str = "stream"
    prefix: str = "leveret-bench"
    seconds: float = 3.0
    pairs: int = 1  # producers, each with its own queue and consumer
    sharing: int = 0  # instead so many producers and consumers on one queue, where no order is checked
    fanout: int = 0  # queues behind one fanout exchange
    topic_bindings: int = 0  # behind one topic exchange, shared out over TOPIC_QUEUES
    size_bytes: int = 100
    persistent: bool = False
    confirms: int = 0  # most unconfirmed per producer; 0: none
    prefetch: int = 0  # 0: automatic acknowledgement
    priority_max: int = 0
    own_ids: bool = False  # every message has another message-id, as most applications' have
    unlike: bool = False  # every message has the properties of another Celery task
    rate: int = 0  # messages a second where paced
    messages: int = 0  # to publish, however long it takes, or to drain; 0: as many as there is time for
    first: int = 0  # number in its block of the first message to drain
    straggler_every: int = 0  # one message in so many goes to a second queue
    keeps: bool = False  # its queues are there already and stay

    @property
    def block_messages(self) -> int:
        """How many messages are encoded ahead: every key's, and otherwise fewer where they are large."""
        return self.topic_bindings or max(min(BLOCK_MESSAGES, BLOCK_BYTES // self.size_bytes), BLOCK_MESSAGES_MIN)


TOPIC_QUEUES = 10


def queue_name(prefix: str, at: int) -> str:
    """The name of a load's queue number `at`."""
    return f"{prefix}-{at:04}"


class Rig:
    """The queues, producers and consumers of one load on one broker."""

    def __init__(self, load: Load, host: str, port: int) -> None:
        self.load = load
        self._address = (host, port)
        self._sockets: list[Control] = []
        self._control = Control(host, port)
        self._acks = wire.AckFrames() if load.prefetch or load.confirms else None
        self.exchange = f"{load.prefix}-x" if load.fanout or load.topic_bindings else ""
        count = load.fanout or self._topic_queues or load.pairs
        self.queues = [queue_name(load.prefix, at) for at in range(count)]
        self.keys = [f"k.{at:05}.x" for at in range(load.topic_bindings)]
        self.heads = self._heads()
        self._later_heads = self._heads(frames.LATER) if load.unlike or load.own_ids else []

    def _heads(self, turn: int = 0) -> list[bytes]:
        """The property lists that take turns."""
        load = self.load
        if load.unlike:
            return [frames.celery_properties(at, turn) for at in range(load.block_messages)]
        if load.own_ids:
            ids = [f"{turn:04x}{at:032}" for at in range(load.block_messages)]
            return [frames.properties(load.persistent, message_id=own) for own in ids]
        priorities = range(load.priority_max + 1) if load.priority_max else [None]
        return [frames.properties(load.persistent, priority) for priority in priorities]

    @property
    def _topic_queues(self) -> int:
        return TOPIC_QUEUES if self.load.topic_bindings else 0

    def set_up(self) -> None:
        """Declares and binds."""
        control, load = self._control, self.load
        if load.keeps:
            return
        arguments = {"x-max-priority": load.priority_max} if load.priority_max else None
        for queue in self.queues:
            control.declare(queue, load.persistent, arguments)
        if load.fanout:
            control.declare_exchange(self.exchange, "fanout")
            control.bind_all([(queue, "") for queue in self.queues], self.exchange)
        if load.topic_bindings:
            control.declare_exchange(self.exchange, "topic")
            patterns = [f"*.{at:05}.#" for at in range(load.topic_bindings)]
            bindings = [(self.queues[at % TOPIC_QUEUES], pattern) for at, pattern in enumerate(patterns)]
            control.bind_all(bindings, self.exchange)

    def tear_down(self) -> None:
        """Deletes everything."""
        for opened in self._sockets:
            opened.close()
        if not self.load.keeps:
            for queue in self.queues:
                self._control.delete(queue)
            if self.exchange:
                self._control.delete_exchange(self.exchange)
        self._control.close()

    def connect(self) -> Control:
        """One more connection, closed by `tear_down`."""
        opened = Control(*self._address)
        self._sockets.append(opened)
        return opened

    def stride(self) -> Stride:
        """The layout of a delivery."""
        key = self.keys[0] if self.keys else "" if self.exchange else self.queues[0]
        return Stride(self.exchange, key, len(self.heads[0]), self.load.size_bytes)

    def consumers(self) -> list[wire.Consumer]:
        """One consumer per queue, or several on one, on connections of their own."""
        stride, load = self.stride(), self.load
        acks = self._acks if load.prefetch else None
        result = []
        for at, queue in enumerate(self.queues * (load.sharing or 1)):
            control = self.connect()
            control.consume(queue, acked=bool(load.prefetch), prefetch=load.prefetch)
            control.sock.setblocking(False)
            first, step = self._order(at)
            result.append(wire.Consumer(control.sock, stride, acks, first, step, load.block_messages))
        return result

    def _order(self, at: int) -> tuple[int, int]:
        """First body number of queue `at` and the step from one to the next; step 0 where there is no such order."""
        if self.load.topic_bindings:
            return at, TOPIC_QUEUES
        is_ordered = not self.load.priority_max and not self.load.sharing
        return 0, int(self.load.kind in ("stream", "publish") and is_ordered)

    def producers(self) -> list[wire.Producer]:
        """One producer per pair, or one for an exchange, or several on one queue."""
        load = self.load
        targets = [self.keys or [""]] if self.exchange else [[queue] for queue in self.queues] * (load.sharing or 1)
        if load.straggler_every:
            targets = [[queue_name(load.prefix, 1)] + self.queues * (load.straggler_every - 1)]
        result = []
        for keys in targets:
            control = self.connect()
            if load.confirms:
                control.select_confirms()
            control.sock.setblocking(False)
            block = frames.Block(
                self.exchange, keys, self.heads, load.size_bytes, load.block_messages, self._later_heads
            )
            result.append(wire.Producer(control.sock, block, load.confirms, load.messages, self._acks))
        return result

    def drain(self) -> tuple[wire.Consumer, int, tuple[int, int]]:
        """Takes waiting messages; returns the consumer, when it was begun (ns), and what `loops.drain` returns."""
        load, control = self.load, self.connect()
        step = 0 if load.straggler_every else 1
        acks = self._acks if load.prefetch else None
        consumer = wire.Consumer(control.sock, self.stride(), acks, load.first, step, load.block_messages)
        begun = time.monotonic_ns()
        control.consume(self.queues[0], acked=bool(load.prefetch), prefetch=load.prefetch)
        consumer.feed(control.take_unread())
        control.sock.setblocking(False)
        reached = loops.drain(consumer, load.messages, frames.method(60, 30, frames.short(frames.TAG) + b"\0"))
        control.synchronise()
        return consumer, begun, reached

    def single(self) -> tuple[socket.socket, bytes]:
        """A publisher's socket and one encoded message, for the loops that send one at a time."""
        body = frames.body(self.load.size_bytes, 0)
        return self.connect().sock, frames.content("", self.queues[0], self.heads[0], body)
