"""The narrow interfaces between channels and queues; either side may be somewhere else one day.

Must not: hold behaviour. They are classes that the real ones inherit from, so that compiled code calls them directly.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from mypy_extensions import mypyc_attr

from broker.model.message import Batch, Span
from broker.model.receipt import Receipt
from protocol.properties import Properties


@mypyc_attr(allow_interpreted_subclasses=True)
class Turn:
    """The present turn of the event loop: its time, and who wants something at its end."""

    __slots__ = ()

    def now_ms(self) -> int:
        """The time of this turn, the same from its first use to its end."""
        raise NotImplementedError

    def schedule(self) -> None:
        """Something happened in this turn."""
        raise NotImplementedError

    def queue_dirty(self, queue: Any) -> None:
        """A queue wants to be pumped at the end of this turn."""
        raise NotImplementedError

    def connection_dirty(self, connection: Any) -> None:
        """A connection wants to be flushed at the end of this turn."""
        raise NotImplementedError

    def when_durable(self, position: int, receipt: Receipt) -> None:
        """The receipt gets an answer once the journal's record at `position` is durable, or cannot become so."""
        raise NotImplementedError


@mypyc_attr(allow_interpreted_subclasses=True)
class ConsumerPort:
    """A consumer as its queue, its channel and its connection's output see it.

    `is_offered` is the picker's own mark: it stands among the consumers to be asked. `unacked` is how much of what it
    got is not settled.
    """

    __slots__ = ("exclusive", "is_offered", "no_ack", "priority", "tag", "unacked")

    def __init__(self, tag: str, no_ack: bool, exclusive: bool, priority: int) -> None:
        self.tag = tag
        self.no_ack = no_ack
        self.exclusive = exclusive
        self.priority = priority
        self.is_offered = False
        self.unacked = 0

    def room(self, message_bytes: int) -> int:
        """How many messages of that size it may be given now; 0 until it reports credit again."""
        raise NotImplementedError

    def deliver(self, span: Span) -> None:
        """Takes a span off the queue; unless `no_ack`, answers for it later with settle, requeue or reject."""
        raise NotImplementedError

    def cancelled(self) -> None:
        """The queue is gone; the consumer is told and forgotten."""
        raise NotImplementedError

    def fed(self) -> None:
        """It has room again."""
        raise NotImplementedError


@mypyc_attr(allow_interpreted_subclasses=True)
class Tracer:
    """Whoever watches what happens in a vhost; `user` is who publishes at this moment."""

    __slots__ = ("user",)

    def __init__(self) -> None:
        self.user = ""

    def published(self, batch: Batch, queues: Sequence[PublishTarget]) -> None:
        """A run was routed to these."""
        raise NotImplementedError

    def delivered(self, queue: str, span: Span, consumer: str) -> None:
        """A run left a queue for a consumer, or, with an empty name, by basic.get."""
        raise NotImplementedError


@mypyc_attr(allow_interpreted_subclasses=True)
class Gate:
    """Stands before a queue or an exchange: lets messages in, or deals with them itself."""

    __slots__ = ()

    def passes(self, batch: Batch, now_ms: int) -> bool:
        """Whether all of these messages may come in; nothing is noted, they are admitted next."""
        raise NotImplementedError

    def admit(self, batch: Batch, receipt: Receipt | None, now_ms: int) -> bool:
        """Lets in a run that passes, or a single message; False where the gate has dealt with it.

        Then it has told the receipt what to expect, and answers it. A batch of more than one always passes.
        """
        raise NotImplementedError

    def bars(self, properties: Properties) -> bool:  # noqa: ARG002
        """Whether a message that reaches the gate's exchange through another one goes no further from there."""
        return False

    def barred(self, batch: Batch, receipt: Receipt | None) -> None:
        """It has barred these messages, and may have something to say to their receipt."""

    def enter(self, batch: Batch, receipt: Receipt | None, now_ms: int, publish: Callable[[], int]) -> int:  # noqa: ARG002
        """Calls `publish`, which hands on what an exchange's gate has let in, and returns what that does.

        That is below 0 where nobody has taken it.
        """
        return publish()

    def returns_mandatory(self) -> bool:
        """Whether a mandatory message that it has dealt with goes back to its publisher as well, as unroutable."""
        return False


class Gates(Gate):
    """Several, one behind the other."""

    __slots__ = ("_gates",)

    def __init__(self, gates: list[Gate]) -> None:
        self._gates = gates

    def passes(self, batch: Batch, now_ms: int) -> bool:
        """Whether these messages may come in by all of them."""
        return all(gate.passes(batch, now_ms) for gate in self._gates)

    def admit(self, batch: Batch, receipt: Receipt | None, now_ms: int) -> bool:
        """Whether all of them let the messages in; behind one that does not, nobody is asked."""
        return all(gate.admit(batch, receipt, now_ms) for gate in self._gates)

    def returns_mandatory(self) -> bool:
        """Whether one of them gives mandatory messages back."""
        return any(gate.returns_mandatory() for gate in self._gates)


@mypyc_attr(allow_interpreted_subclasses=True)
class PublishTarget:
    """Where a message may go: a queue, or the consumer behind a direct reply-to. Most have no `gate`."""

    __slots__ = ("durable", "gate", "name")

    def __init__(self, name: str, durable: bool) -> None:
        self.name = name
        self.durable = durable
        self.gate: Gate | None = None

    def target(self, batch: Batch, now_ms: int) -> tuple[Any, int]:
        """A durable queue's stream in the journal for the batch, and when that expires (absolute, in ms; 0: never)."""
        raise NotImplementedError

    def publish(self, batch: Batch, receipt: Receipt | None, now_ms: int) -> None:
        """Takes the batch, and answers the receipt when it has it. For a durable queue it has been journalled."""
        raise NotImplementedError

    def backlog(self) -> int:
        """How many messages its consumers are behind; 0 where it has none."""
        raise NotImplementedError


@mypyc_attr(allow_interpreted_subclasses=True)
class QueueHandle(PublishTarget):
    """A queue as channels see it: what they may ask, with answers that may come later."""

    __slots__ = ()

    def reader(self, arguments: Any, no_ack: bool, prefetch: int, is_channel_limited: bool) -> QueueHandle:  # noqa: ARG002
        """What a consumer with these arguments is attached to: the queue itself, unless its kind says otherwise.

        Raises: ChannelException or ConnectionException where this kind does not take such a consumer.
        """
        return self

    def is_numbered(self) -> bool:
        """Whether its deliveries carry their offsets."""
        return False

    def attach(self, consumer: ConsumerPort) -> None:
        """Starts a consumer."""
        raise NotImplementedError

    def detach(self, consumer: ConsumerPort) -> None:
        """Ends a consumer; what it has unacknowledged stays with its channel."""
        raise NotImplementedError

    def credit(self, consumer: ConsumerPort) -> None:
        """The consumer may have room again."""
        raise NotImplementedError

    def settle(self, span: Span) -> None:
        """These messages are done with."""
        raise NotImplementedError

    def requeue(self, span: Span) -> None:
        """These messages go back to where they were, redelivered."""
        raise NotImplementedError

    def refuse(self, span: Span) -> None:
        """A consumer wants these messages tried again: as `requeue`, but the queue may let them wait."""
        self.requeue(span)

    def reject(self, span: Span) -> None:
        """These messages were refused for good."""
        raise NotImplementedError

    def get(self, no_ack: bool, answer: Callable[[Span | None, int], None]) -> None:
        """Answers with one message, or None, and how many are still ready."""
        raise NotImplementedError

    def purge(self, answer: Callable[[int], None]) -> None:
        """Drops every ready message and answers with how many there were."""
        raise NotImplementedError
