"""The workloads whose instructions are counted: one for each way that a message can take through the kernel.

A lane is a broker without sockets, made ready, and the bytes of some messages; running it feeds them in reads as large
as a busy socket gives. Must not: count, or make bytes while it runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from pamqp import base
from pamqp.commands import Basic, Confirm, Exchange, Queue
from pamqp.frame import marshal

from tests.support.sansio import SansBroker, SansClient, publish_frames

BODY: Final = b"x" * 100
RUN: Final = 200  # messages in one read
ROUTING_KEYS: Final = 500
BINDINGS: Final = 200
PRIORITIES: Final = 10
FANOUT_QUEUES: Final = 10
PERSISTENT: Final = 2


@dataclass
class Lane:
    """Bytes for the publisher and for the consumer, read in turn; `delivered` is how often each message comes out."""

    broker: SansBroker
    publisher: SansClient
    consumer: SansClient
    reads: list[tuple[bytes, bytes]] = field(default_factory=list)
    delivered: int = 1

    def run(self) -> None:
        """Feeds everything; what the broker writes is dropped."""
        turn, publisher, consumer = self.broker.turn, self.publisher, self.consumer
        written = (publisher.transport.writes, consumer.transport.writes)
        for published, settled in self.reads:
            publisher.send(published)
            turn()
            if settled:
                consumer.send(settled)
                turn()
            for writes in written:
                writes.clear()


def _make(*setup: base.Frame, queues: tuple[str, ...] = ("q",), no_ack: bool = True) -> Lane:
    broker = SansBroker()
    publisher, consumer = broker.connect().open(), broker.connect().open()
    for client in (publisher, consumer):
        client.channel()
    for frame in setup:
        publisher.answer(1, frame)
    for queue in queues:
        consumer.answer(1, Basic.Consume(queue=queue, no_ack=no_ack))
    for client in (publisher, consumer):
        client.take()
        client.transport.writes.clear()
    return Lane(broker, publisher, consumer)


def _reads(count: int, message: Callable[[int], bytes], run: int = RUN) -> Iterator[bytes]:
    for first in range(0, count, run):
        yield b"".join(message(number) for number in range(first, min(first + run, count)))


def _to_queue(_number: int) -> bytes:
    return publish_frames(1, "", "q", BODY)


def _acks(first: int, last: int) -> bytes:
    return b"".join(marshal(Basic.Ack(tag), 1) for tag in range(first, last + 1))


def _acked(lane: Lane, count: int, message: Callable[[int], bytes], run: int = RUN) -> Lane:
    """Each message acknowledged by itself, all of one read in the next."""
    for first, read in zip(range(1, count + 1, run), _reads(count, message, run), strict=True):
        lane.reads.append((read, _acks(first, min(first + run - 1, count))))
    return lane


def _taken(lane: Lane, count: int, message: Callable[[int], bytes]) -> Lane:
    lane.reads = [(read, b"") for read in _reads(count, message)]
    return lane


def transient(count: int) -> Lane:
    """Equal messages, nothing acknowledged."""
    return _taken(_make(Queue.Declare(queue="q")), count, _to_queue)


def acked(count: int) -> Lane:
    """Equal messages, acknowledged one by one."""
    return _acked(_make(Queue.Declare(queue="q"), no_ack=False), count, _to_queue)


def one_in_flight(count: int) -> Lane:
    """A read and a turn for each message and each acknowledgement."""
    return _acked(_make(Queue.Declare(queue="q"), no_ack=False), count, _to_queue, 1)


def unlike(count: int) -> Lane:
    """Headers and properties as Celery sends them, each message different."""

    def message(number: int) -> bytes:
        task = f"{number:08x}-0000-4000-8000-000000000000"
        headers: dict[str, object] = {"lang": "py", "task": "shop.tasks.add", "id": task, "retries": 0, "root_id": task}
        properties = Basic.Properties(
            content_type="application/json", content_encoding="utf-8", headers=headers, delivery_mode=1, priority=0,
            correlation_id=task, reply_to="c0ffee00-0000-4000-8000-000000000000",
        )  # fmt: skip
        return publish_frames(1, "", "q", BODY, properties)

    return _acked(_make(Queue.Declare(queue="q"), no_ack=False), count, message)


def topic(count: int) -> Lane:
    """Each message under another of many keys, to one of many bindings with a wildcard."""
    binds = (Queue.Bind(queue="q", exchange="t", routing_key=f"shop.*.{number}") for number in range(BINDINGS))
    lane = _make(Exchange.Declare(exchange="t", exchange_type="topic"), Queue.Declare(queue="q"), *binds)
    keys = [f"shop.{number % 7}.{number % BINDINGS}" for number in range(ROUTING_KEYS)]
    return _taken(lane, count, lambda number: publish_frames(1, "t", keys[number % ROUTING_KEYS], BODY))


def priority(count: int) -> Lane:
    """A queue with priorities, each message with another one than the last."""
    lane = _make(Queue.Declare(queue="q", arguments={"x-max-priority": PRIORITIES}))
    properties = [Basic.Properties(priority=level) for level in range(PRIORITIES)]
    return _taken(lane, count, lambda number: publish_frames(1, "", "q", BODY, properties[number % PRIORITIES]))


def durable(count: int) -> Lane:
    """Persistent messages in a durable queue (a journal in memory), confirmed, acknowledged one by one."""
    lane = _make(Confirm.Select(), Queue.Declare(queue="q", durable=True), no_ack=False)
    properties = Basic.Properties(delivery_mode=PERSISTENT)
    return _acked(lane, count, lambda _: publish_frames(1, "", "q", BODY, properties))


def fanout(count: int) -> Lane:
    """Each message to ten queues."""
    names = tuple(f"q{number}" for number in range(FANOUT_QUEUES))
    declared = [Queue.Declare(queue=name) for name in names]
    bound = [Queue.Bind(queue=name, exchange="f") for name in names]
    lane = _make(Exchange.Declare(exchange="f", exchange_type="fanout"), *declared, *bound, queues=names)
    lane.delivered = FANOUT_QUEUES
    return _taken(lane, count, lambda _: publish_frames(1, "f", "", BODY))


LANES: Final[dict[str, Callable[[int], Lane]]] = {
    lane.__name__: lane for lane in (transient, acked, one_in_flight, unlike, topic, priority, durable, fanout)
}
