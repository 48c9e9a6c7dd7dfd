"""The durable things of the crash test, and whether they are still there. Must not: send messages."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pamqp.commands import Channel, Exchange, Queue

from tests.crash.kill.events import Event, Gone
from tests.support.raw import RawConnection
from tests.support.raw_channel import RawChannel

WORK, SPREAD = "work", "spread"
LEDGER = "ledger"
LEVEL_MAX = 5
NOT_FOUND = 404


@dataclass(frozen=True)
class DurableQueue:
    """A durable queue, bound to `WORK` with its own name, or to the fanout exchange `SPREAD`."""

    name: str
    arguments: dict[str, Any] = field(default_factory=dict)
    exchange: str = WORK


QUEUES = (
    DurableQueue("single"),
    DurableQueue("multiple"),
    DurableQueue("requeue"),
    DurableQueue("get"),
    DurableQueue("held"),
    DurableQueue("auto"),
    DurableQueue("taken"),
    DurableQueue("levels", {"x-max-priority": LEVEL_MAX}),
    DurableQueue("expiring", {"x-message-ttl": 3_600_000}),
    DurableQueue("fan1", exchange=SPREAD),
    DurableQueue("fan2", exchange=SPREAD),
    DurableQueue("fan3", exchange=SPREAD),
    DurableQueue(LEDGER),
)
FAN = tuple(queue.name for queue in QUEUES if queue.exchange == SPREAD)


def declare_everything(connection: RawConnection) -> None:
    """Exchanges, queues and bindings."""
    channel = connection.channel()
    channel.declare_exchange(WORK, "direct", durable=True)
    channel.declare_exchange(SPREAD, "fanout", durable=True)
    for queue in QUEUES:
        channel.declare_queue(queue.name, queue.arguments, durable=True)
        channel.bind(queue.name, queue.exchange, queue.name)


def check_everything(connection: RawConnection, history: list[Event]) -> None:
    """Writes down what is gone or changed, and declares it again where it is gone.

    A lost binding cannot be asked for; what is published through it comes back as a return.
    """
    channel = connection.channel()
    missing = [
        what
        for what, passive, equal in _questions()
        if _is_refused(channel, passive, what, history) or _is_refused(channel, equal, what, history)
    ]
    if missing:
        declare_everything(connection)


def _questions() -> list[tuple[str, Any, Any]]:
    exchanges = [
        (
            f"exchange {name}",
            Exchange.Declare(exchange=name, exchange_type=kind, passive=True),
            Exchange.Declare(exchange=name, exchange_type=kind, durable=True),
        )
        for name, kind in ((WORK, "direct"), (SPREAD, "fanout"))
    ]
    queues = [
        (
            f"queue {queue.name}",
            Queue.Declare(queue=queue.name, passive=True),
            Queue.Declare(queue=queue.name, durable=True, arguments=queue.arguments),
        )
        for queue in QUEUES
    ]
    return [*exchanges, *queues]


def _is_refused(channel: RawChannel, question: Any, what: str, history: list[Event]) -> bool:
    channel.send(question)
    answer = channel.connection.receive(channel.number)
    if not isinstance(answer, Channel.Close):
        return False
    history.append(Gone(f"{what}: {answer.reply_code} {answer.reply_text}"))
    channel.send(Channel.CloseOk())
    channel.open()
    return True
