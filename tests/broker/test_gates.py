"""Gates before queues and exchanges: what they let in, what they keep out, and what the publisher hears."""

from __future__ import annotations

from pamqp import commands
from pamqp.commands import Basic, Confirm, Exchange, Queue, Tx

from broker.model.interfaces import Gate, Gates
from broker.model.message import Batch
from broker.model.receipt import Receipt
from broker.vhost import Vhost
from tests.support.sansio import Received, SansBroker, SansClient, publish_frames


class Evens(Gate):
    """Refuses bodies that are odd numbers; a run passes where all are even."""

    __slots__ = ("asked",)

    def __init__(self) -> None:
        self.asked: list[int] = []

    def passes(self, batch: Batch, now_ms: int) -> bool:  # noqa: ARG002
        return all(int(body) % 2 == 0 for body in batch.bodies)

    def admit(self, batch: Batch, receipt: Receipt | None, now_ms: int) -> bool:
        self.asked.append(len(batch.bodies))
        if self.passes(batch, now_ms):
            return True
        assert len(batch.bodies) == 1
        if receipt is not None:
            receipt.expect()
            receipt.refused()
        return False


def start() -> tuple[SansClient, Vhost, Evens]:
    broker = SansBroker()
    client = broker.connect().open()
    client.channel()
    for name in ("even", "all"):
        client.call(1, Queue.Declare(queue=name))
        client.call(1, Queue.Bind(queue=name, exchange="amq.fanout"))
    gate = Evens()
    broker.vhost.queues["even"].gate = gate
    broker.vhost.table.version += 1
    return client, broker.vhost, gate


def publish(client: SansClient, exchange: str, key: str, *bodies: str) -> list[Received]:
    client.send(b"".join(publish_frames(1, exchange, key, body.encode()) for body in bodies))
    client.broker.turn()
    return client.take()


def verdicts(received: list[Received]) -> dict[int, bool]:
    """By publish number, whether it was acknowledged."""
    found: dict[int, bool] = {}
    for one in received:
        frame = one.frame
        assert isinstance(frame, Basic.Ack | Basic.Nack)
        first = max(found, default=0) + 1 if frame.multiple else frame.delivery_tag
        found |= dict.fromkeys(range(first, frame.delivery_tag + 1), isinstance(frame, Basic.Ack))
    return found


def bodies(client: SansClient, queue: str) -> list[str]:
    found = []
    while True:
        answer = client.call(1, Basic.Get(queue=queue, no_ack=True))[-1]
        if isinstance(answer.frame, Basic.GetEmpty):
            return found
        found.append(answer.body.decode())


def test_each_message_of_a_run_gets_its_own_verdict() -> None:
    client, vhost, gate = start()
    client.call(1, Confirm.Select())
    assert verdicts(publish(client, "amq.fanout", "", *"245678")) == dict(enumerate([1, 1, 0, 1, 0, 1], 1))
    assert bodies(client, "even") == list("2468")
    assert bodies(client, "all") == list("245678"), "what one queue refuses goes to the others all the same"
    assert set(gate.asked) == {1}
    assert vhost.counters.published == 6


def test_a_run_that_passes_stays_one() -> None:
    client, _, gate = start()
    client.call(1, Confirm.Select())
    assert set(verdicts(publish(client, "amq.fanout", "", *"2468")).values()) == {True}
    assert gate.asked == [4]


def test_without_confirms_nobody_hears_of_it() -> None:
    client, _, _ = start()
    assert publish(client, "", "even", *"1234") == []
    assert bodies(client, "even") == list("24")


def test_a_transaction_with_a_refused_message_fails() -> None:
    client, _, _ = start()
    client.call(1, Tx.Select())
    publish(client, "", "even", *"12")
    close = client.answer(1, Tx.Commit())
    assert isinstance(close, commands.Channel.Close)
    assert close.reply_code == 406


def test_confirms_from_before_stay_in_order() -> None:
    client, _, _ = start()
    client.call(1, Confirm.Select())
    assert verdicts(publish(client, "", "all", *"12")) == {1: True, 2: True}
    later = verdicts(publish(client, "", "even", *"234"))
    assert {number: later[number] for number in (3, 4, 5)} == {3: True, 4: False, 5: True}


def test_a_gate_of_an_exchange_stands_before_routing() -> None:
    client, vhost, _ = start()
    client.call(1, Exchange.Declare(exchange="gated", exchange_type="fanout"))
    client.call(1, Queue.Bind(queue="all", exchange="gated"))
    vhost.table.exchanges["gated"].gate = Evens()
    vhost.table.version += 1
    publish(client, "gated", "", *"1234")
    assert bodies(client, "all") == list("24")


def test_where_no_gate_stands_any_more_everything_comes_in() -> None:
    client, vhost, _ = start()
    publish(client, "", "even", "1")
    vhost.queues["even"].gate = None
    vhost.table.version += 1
    publish(client, "", "even", *"13")
    assert bodies(client, "even") == list("13")


def test_behind_a_gate_that_refuses_nobody_is_asked() -> None:
    second = Evens()
    both = Gates([Evens(), second])
    client, vhost, _ = start()
    vhost.queues["even"].gate = both
    vhost.table.version += 1
    publish(client, "", "even", *"12")
    assert second.asked == [1]
    assert bodies(client, "even") == ["2"]
