"""A naive broker to compare with: lists and dicts, every answer worked out from scratch.

Messages of a queue stand in one list; what was delivered in a step is observed, and `absorb` says whether it was legal
and complete. Must not: use anything of the broker's.
"""

from __future__ import annotations

from dataclasses import dataclass, field

UNLIMITED = 1 << 30


@dataclass(eq=False)
class Message:
    """One copy of a message in one queue. `batch` stands for the record that a crash leaves whole or not at all.

    `times` counts deliveries. Of the log it is known that it has the message up to position `at`, and its end up to
    `left_at`; `is_sure` and `is_surely_gone` say that a client was told so. `ended_by` is the settling transaction.
    `may_be_gone` is for a restart: it was settled, or has expired.
    """

    body: bytes
    priority: int
    position: int
    expires_ms: int | None
    batch: object
    redelivered: bool = False
    times: int = 0
    at: int | None = None
    left_at: float | None = None
    is_sure: bool = False
    is_surely_gone: bool = False
    ended_by: object = None
    may_be_gone: bool = False

    def is_due(self, now_ms: int) -> bool:
        """Whether it has expired, or does this very millisecond."""
        return self.expires_ms is not None and self.expires_ms <= now_ms


@dataclass(eq=False)
class Queue:
    """One queue; `ready` is kept in order of publishing."""

    name: str
    durable: bool = False
    priority_max: int = 0
    ttl_ms: int | None = None
    auto_delete: bool = False
    owner: int | None = None
    ready: list[Message] = field(default_factory=list)
    consumers: list[Consumer] = field(default_factory=list)
    published: int = 0
    is_deleted: bool = False

    def level(self, message: Message) -> int:
        return min(message.priority, self.priority_max)

    def in_order(self) -> list[Message]:
        return sorted(self.ready, key=lambda message: (-self.level(message), message.position))

    def expire(self, now_ms: int) -> None:
        """Drops what is due, wherever it stands."""
        self.ready = [message for message in self.ready if not message.is_due(now_ms)]


@dataclass(eq=False)
class Consumer:
    """One consumer on a channel."""

    tag: str
    queue: Queue
    channel: Channel
    no_ack: bool
    prefetch: int
    unacked: int = 0

    def room(self) -> int:
        if self.no_ack:
            return UNLIMITED
        own = self.prefetch - self.unacked if self.prefetch else UNLIMITED
        shared = UNLIMITED
        if self.channel.prefetch_shared:
            held = sum(consumer.unacked for consumer in self.channel.counted)
            shared = self.channel.prefetch_shared - held
        return max(0, min(own, shared))


@dataclass(eq=False)
class Unacked:
    """One delivery that is not settled."""

    queue: Queue
    message: Message
    consumer: Consumer | None


@dataclass(eq=False)
class Publishing:
    """One publish, as a transaction keeps it."""

    exchange: str
    key: str
    body: bytes
    priority: int
    expiration_ms: int | None
    persistent: bool
    mandatory: bool


@dataclass(eq=False)
class Unconfirmed:
    """A publish in confirm mode: the copies the journal has, and how far the disk was then; the body to be returned."""

    messages: list[Message]
    mark: int
    returned: bytes | None


@dataclass(eq=False)
class Transaction:
    """What a channel did since select, commit or rollback."""

    publishes: list[tuple[Publishing, object]] = field(default_factory=list)
    settlements: list[tuple[int, Unacked, str]] = field(default_factory=list)


@dataclass(eq=False)
class Channel:
    """One channel; `counted` are its consumers, cancelled ones included, whose deliveries share the prefetch."""

    client: int
    number: int
    unacked: dict[int, Unacked] = field(default_factory=dict)
    last_tag: int = 0
    prefetch_new: int = 0
    prefetch_shared: int = 0
    consumers: dict[str, Consumer] = field(default_factory=dict)
    counted: list[Consumer] = field(default_factory=list)
    confirms: bool = False
    published: int = 0
    unconfirmed: dict[int, Unconfirmed] = field(default_factory=dict)
    transaction: Transaction | None = None


def topic_matches(pattern: list[str], words: list[str]) -> bool:
    """Whether a topic pattern matches, word by word."""
    if not pattern:
        return not words
    if pattern[0] == "#":
        return any(topic_matches(pattern[1:], words[at:]) for at in range(len(words) + 1))
    return bool(words) and pattern[0] in ("*", words[0]) and topic_matches(pattern[1:], words[1:])


class NaiveBroker:
    """Queues, bindings and channels."""

    def __init__(self) -> None:
        self.queues: dict[str, Queue] = {}
        self.bindings: set[tuple[str, str, str]] = set()  # exchange, queue, key
        self.channels: dict[tuple[int, int], Channel] = {}
        self.cancelled: list[Consumer] = []  # consumers whose queue has gone in this step
        self.expired_now: list[Queue] = []  # queues that dropped a message in the very millisecond it fell due

    # ---- queues

    def delete_queue(self, queue: Queue) -> int:
        """Removes a queue; its consumers are noted in `cancelled`."""
        del self.queues[queue.name]
        self.bindings = {binding for binding in self.bindings if binding[1] != queue.name}
        queue.is_deleted = True
        for consumer in queue.consumers:
            del consumer.channel.consumers[consumer.tag]
            self.cancelled.append(consumer)
        count, queue.ready, queue.consumers = len(queue.ready), [], []
        return count

    def route(self, exchange: str, key: str) -> list[Queue]:
        """The queues a key leads to."""
        if exchange == "":
            return [self.queues[key]] if key in self.queues else []
        names = {name for source, name, bound in self.bindings if source == exchange and _matches(exchange, bound, key)}
        return [self.queues[name] for name in sorted(names)]

    def publish(self, publishing: Publishing, batch: object, now_ms: int) -> list[Message]:
        """Puts a message into its queues; returns its copies."""
        queues = self.route(publishing.exchange, publishing.key)
        copies: list[Message] = []
        for queue in queues:
            lives = [ms for ms in (queue.ttl_ms, publishing.expiration_ms) if ms is not None]
            expires_ms = now_ms + min(lives) if lives else None
            record = batch if queue.durable and publishing.persistent else None
            queue.published += 1
            copies.append(Message(publishing.body, publishing.priority, queue.published, expires_ms, record))
            queue.ready.append(copies[-1])
        return copies

    # ---- settling

    def settle(self, unacked: Unacked, how: str) -> None:
        """Does what ack, reject or requeue means."""
        if unacked.consumer is not None:
            unacked.consumer.unacked -= 1
        if how == "requeue" and not unacked.queue.is_deleted:
            unacked.message.redelivered = True
            unacked.queue.ready.append(unacked.message)

    def deliver(self, consumer: Consumer, message: Message) -> None:
        """Notes a delivery that was seen."""
        channel = consumer.channel
        channel.last_tag += 1
        message.times += 1
        if not consumer.no_ack:
            consumer.unacked += 1
            channel.unacked[channel.last_tag] = Unacked(consumer.queue, message, consumer)

    def got(self, channel: Channel, queue: Queue, message: Message, no_ack: bool) -> None:
        """Notes what basic.get is to answer."""
        channel.last_tag += 1
        message.times += 1
        if not no_ack:
            channel.unacked[channel.last_tag] = Unacked(queue, message, None)

    def cancel(self, consumer: Consumer) -> None:
        """Ends a consumer, and an auto-delete queue with its last one."""
        queue = consumer.queue
        del consumer.channel.consumers[consumer.tag]
        queue.consumers.remove(consumer)
        if queue.auto_delete and not queue.consumers:
            self.delete_queue(queue)

    def close_channel(self, channel: Channel) -> None:
        """Ends a channel: consumers, transaction, unacked."""
        for consumer in list(channel.consumers.values()):
            self.cancel(consumer)
        kept = channel.transaction.settlements if channel.transaction else []
        for unacked in [*channel.unacked.values(), *(each for _, each, _ in kept)]:
            self.settle(unacked, "requeue")
        del self.channels[channel.client, channel.number]

    def close_client(self, client: int) -> None:
        """Ends a connection."""
        for channel in [each for each in self.channels.values() if each.client == client]:
            self.close_channel(channel)
        for queue in [each for each in self.queues.values() if each.owner == client]:
            self.delete_queue(queue)

    # ---- what must hold

    def unacked_of(self, queue: Queue) -> int:
        """How many messages of a queue are not settled."""
        return sum(1 for each in self._all_unacked() if each.queue is queue)

    def journalled(self) -> dict[str, list[Message]]:
        """By durable queue, the messages of the journal that are still needed."""
        found = {queue.name: [*queue.ready] for queue in self.queues.values() if queue.durable}
        for each in self._all_unacked():
            if not each.queue.is_deleted and each.queue.durable:
                found[each.queue.name].append(each.message)
        return {name: [each for each in messages if each.batch is not None] for name, messages in found.items()}

    def _all_unacked(self) -> list[Unacked]:
        found: list[Unacked] = []
        for channel in self.channels.values():
            found += channel.unacked.values()
            found += [each for _, each, _ in channel.transaction.settlements] if channel.transaction else []
        return found

    def absorb(self, queue: Queue, bodies: set[bytes], now_ms: int, is_at_rest: bool) -> list[Message]:
        """Takes the messages with these bodies off a queue: they must be its front, but for what has expired.

        Where the broker is not at rest, what has expired may not have been looked at.
        """
        taken: list[Message] = []
        is_blocked = False
        for level in range(queue.priority_max, -1, -1):
            due: list[Message] = []
            for message in [each for each in queue.in_order() if queue.level(each) == level]:
                if message.body in bodies:
                    assert not is_blocked, f"{message.body!r} overtook another message of {queue.name}"
                    assert message.expires_ms is None or message.expires_ms >= now_ms, "delivered after its time"
                    taken.append(message)
                    self._drop(queue, due, now_ms)
                    queue.ready.remove(message)
                    due = []
                elif message.is_due(now_ms):
                    due.append(message)
                else:
                    is_blocked = True
            if is_at_rest:
                self._drop(queue, due, now_ms)
        assert len(taken) == len(bodies), f"{queue.name} delivered what it did not have"
        return taken

    def _drop(self, queue: Queue, messages: list[Message], now_ms: int) -> None:
        for message in messages:
            queue.ready.remove(message)
            if message.expires_ms == now_ms:
                self.expired_now.append(queue)

    def _has_room(self, queue: Queue) -> bool:
        return any(consumer.room() > 0 for consumer in queue.consumers)

    def restart(self) -> None:
        """The broker was started anew: what lasts is there, but for the messages."""
        self.channels.clear()
        self.queues = {name: queue for name, queue in self.queues.items() if queue.durable}
        self.bindings = {binding for binding in self.bindings if binding[1] in self.queues}
        for queue in self.queues.values():
            queue.ready, queue.consumers = [], []

    def check_no_idle_consumer(self, was_prompt: bool) -> None:
        """Nothing waits for a consumer that has room; nothing expired before it was offered, where loads are prompt."""
        for queue in self.expired_now:
            assert not was_prompt or not self._has_room(queue), f"{queue.name}: expired before it was offered"
        self.expired_now.clear()
        for queue in self.queues.values():
            if queue.ready:
                assert not self._has_room(queue), f"{queue.name} has messages and a consumer with room"


def _matches(exchange: str, bound: str, key: str) -> bool:
    if exchange == "amq.fanout":
        return True
    if exchange == "amq.direct":
        return bound == key
    return topic_matches(bound.split("."), key.split("."))
