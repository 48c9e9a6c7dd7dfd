"""An answer about something durable means that it is on the disk; what is not durable never waits."""

from __future__ import annotations

import pytest
from pamqp import base
from pamqp.commands import Basic, Confirm, Exchange, Queue, Tx

from broker.definitions.numbers import QueueNumbers
from broker.model.names import RESERVED_PREFIX
from protocol.errors import ChannelException, ConnectionException
from storage.definitions import RETRY_MS, StagedDefinitions
from storage.definitions_disk import MemoryDisk
from storage.worker import InlineWorker
from tests.support.sansio import SansBroker, SansClient
from tests.support.workers import HeldWorker

PERSISTENT = Basic.Properties(delivery_mode=2)


@pytest.fixture
def worker() -> HeldWorker:
    return HeldWorker()


@pytest.fixture
def broker(worker: HeldWorker) -> SansBroker:
    """A broker whose first definitions are on the disk, with durable q, x and a binding between them."""
    disk = MemoryDisk()
    before = SansBroker(disk=disk)
    client = before.connect().open()
    client.channel()
    client.answer(1, Queue.Declare(queue="q", durable=True))
    client.answer(1, Exchange.Declare(exchange="x", durable=True))
    client.answer(1, Queue.Bind(queue="q", exchange="x", routing_key="k"))
    broker = SansBroker(disk=disk, worker=worker)
    worker.close()
    broker.turn()
    return broker


def opened(broker: SansBroker) -> SansClient:
    client = broker.connect().open()
    client.channel()
    return client


def names(client: SansClient) -> list[str]:
    return [event.name for event in client.take(1)]


def test_who_deletes_a_queue_hears_of_that_before_its_own_consumer_is_cancelled(
    broker: SansBroker, worker: HeldWorker
) -> None:
    client = opened(broker)
    client.answer(1, Basic.Consume(queue="q", consumer_tag="mine"))
    assert client.call(1, Queue.Delete(queue="q")) == [], "neither, while the queue's end is not stored"
    worker.finish()
    broker.turn()
    assert names(client) == ["Queue.DeleteOk", "Basic.Cancel"]


CHANGES: list[tuple[base.Frame, str]] = [
    (Queue.Declare(queue="new", durable=True), "Queue.DeclareOk"),
    (Queue.Bind(queue="q", exchange="amq.topic", routing_key="k"), "Queue.BindOk"),
    (Queue.Unbind(queue="q", exchange="x", routing_key="k"), "Queue.UnbindOk"),
    (Queue.Delete(queue="q"), "Queue.DeleteOk"),
    (Exchange.Declare(exchange="y", durable=True), "Exchange.DeclareOk"),
    (Exchange.Bind(destination="x", source="amq.topic", routing_key="k"), "Exchange.BindOk"),
    (Exchange.Delete(exchange="x"), "Exchange.DeleteOk"),
]


@pytest.mark.parametrize(("frame", "answer"), CHANGES, ids=[answer for _, answer in CHANGES])
def test_a_durable_change_is_answered_once_it_is_stored(
    broker: SansBroker, worker: HeldWorker, frame: base.Frame, answer: str
) -> None:
    client = opened(broker)
    assert client.call(1, frame) == []
    assert len(worker.waiting) == 1
    client.method(1, Basic.Qos(prefetch_count=1))
    broker.turn()
    assert names(client) == [], "and nothing that comes after it"
    worker.finish()
    broker.turn()
    assert names(client) == [answer, "Basic.QosOk"]
    assert client.call(1, frame)[0].name == answer, "again: nothing to store, and no wait"
    assert not worker.waiting


def test_exchange_unbind_waits_too(broker: SansBroker, worker: HeldWorker) -> None:
    client = opened(broker)
    client.method(1, Exchange.Bind(destination="x", source="amq.topic", routing_key="k"))
    broker.turn()
    worker.finish()
    broker.turn()
    assert names(client) == ["Exchange.BindOk"]
    assert client.call(1, Exchange.Unbind(destination="x", source="amq.topic", routing_key="k")) == []
    worker.finish()
    broker.turn()
    assert names(client) == ["Exchange.UnbindOk"]


def test_what_is_not_durable_never_waits(broker: SansBroker, worker: HeldWorker) -> None:
    slow, client = opened(broker), opened(broker)
    slow.method(1, Queue.Declare(queue="slow", durable=True))
    broker.turn()
    for frame, answer in (
        (Queue.Declare(queue="t"), "Queue.DeclareOk"),
        (Queue.Declare(queue="mine", durable=True, exclusive=True), "Queue.DeclareOk"),
        (Queue.Declare(queue="q", durable=True), "Queue.DeclareOk"),  # stored already
        (Queue.Declare(queue="slow", passive=True), "Queue.DeclareOk"),
        (Exchange.Declare(exchange="tx"), "Exchange.DeclareOk"),
        (Queue.Bind(queue="t", exchange="x", routing_key="k"), "Queue.BindOk"),
        (Queue.Bind(queue="q", exchange="tx", routing_key="k"), "Queue.BindOk"),
        (Queue.Bind(queue="q", exchange="x", routing_key="k"), "Queue.BindOk"),  # stored already
        (Queue.Unbind(queue="t", exchange="x", routing_key="k"), "Queue.UnbindOk"),
        (Queue.Delete(queue="t"), "Queue.DeleteOk"),
        (Exchange.Delete(exchange="tx"), "Exchange.DeleteOk"),
    ):
        assert client.answer(1, frame).name == answer
    assert names(slow) == []
    assert len(worker.waiting) == 1
    assert not broker.definitions._staged, "none of it has touched the store"


def test_a_redeclaration_of_what_is_on_its_way_waits_too(broker: SansBroker, worker: HeldWorker) -> None:
    first, second, later = opened(broker), opened(broker), opened(broker)
    first.method(1, Queue.Declare(queue="new", durable=True))
    broker.turn()
    second.method(1, Queue.Declare(queue="new", durable=True))
    later.method(1, Queue.Delete(queue="new"))
    broker.turn()
    assert names(first) == names(second) == names(later) == []
    worker.finish()
    broker.turn()
    assert names(first) == ["Queue.DeclareOk"]
    assert names(later) == []
    worker.finish()
    broker.turn()
    assert names(later) == ["Queue.DeleteOk"]
    assert names(second) == ["Queue.DeclareOk"]


def test_declares_that_arrive_together_share_a_transaction(broker: SansBroker, worker: HeldWorker) -> None:
    clients = [opened(broker) for _ in range(20)]
    assert isinstance(broker.disk, MemoryDisk)
    before = broker.disk.writes
    for number, client in enumerate(clients):
        client.method(1, Queue.Declare(queue=f"new-{number}", durable=True))
    broker.turn()
    assert len(worker.waiting) == 1
    worker.finish()
    broker.turn()
    assert all(names(client) == ["Queue.DeclareOk"] for client in clients)
    assert broker.disk.writes == before + 1


def test_nowait_is_stored_all_the_same(broker: SansBroker, worker: HeldWorker) -> None:
    client = opened(broker)
    client.method(1, Exchange.Declare(exchange="y", durable=True, nowait=True))
    client.method(1, Queue.Declare(queue="new", durable=True, nowait=True))
    assert client.answer(1, Basic.Qos(prefetch_count=1)).name == "Basic.QosOk"
    worker.close()
    broker.turn()
    after = broker.killed()
    assert "y" in after.vhost.table.exchanges
    assert "new" in after.vhost.queues


@pytest.mark.parametrize("how", ["confirm", "transaction"])
def test_a_confirm_waits_for_the_declaration_of_the_queue(broker: SansBroker, worker: HeldWorker, how: str) -> None:
    declarer, publisher = opened(broker), opened(broker)
    publisher.answer(1, Confirm.Select() if how == "confirm" else Tx.Select())
    declarer.method(1, Queue.Declare(queue="new", durable=True))
    broker.turn()
    publisher.publish(1, "", "new", b"m", PERSISTENT)
    if how == "transaction":
        publisher.method(1, Tx.Commit())
    broker.turn()
    assert names(publisher) == []
    worker.finish()
    broker.turn()
    assert names(publisher) == ["Basic.Ack" if how == "confirm" else "Tx.CommitOk"]
    publisher.publish(1, "", "new", b"m", PERSISTENT)
    if how == "transaction":
        publisher.method(1, Tx.Commit())
    broker.turn()
    assert names(publisher) == ["Basic.Ack" if how == "confirm" else "Tx.CommitOk"]


def test_a_confirm_that_needs_no_disk_does_not_wait(broker: SansBroker) -> None:
    declarer, publisher = opened(broker), opened(broker)
    publisher.answer(1, Confirm.Select())
    declarer.method(1, Queue.Declare(queue="new", durable=True))
    publisher.answer(1, Queue.Declare(queue="t"))
    publisher.publish(1, "", "new", b"m")
    publisher.publish(1, "", "t", b"m", PERSISTENT)
    publisher.publish(1, "", "nowhere", b"m", PERSISTENT)
    broker.turn()
    assert names(publisher) == ["Basic.Ack"]


@pytest.mark.parametrize(("frame", "answer"), CHANGES, ids=[answer for _, answer in CHANGES])
def test_what_cannot_be_stored_is_refused_and_tried_again(
    broker: SansBroker, worker: HeldWorker, frame: base.Frame, answer: str
) -> None:
    client = opened(broker)
    client.channel(2)
    client.method(1, frame)
    broker.turn()
    worker.finish(OSError("no space left on device"))
    broker.turn()
    (close,) = client.take(1)
    assert close.frame.reply_code == 406  # type: ignore[attr-defined]
    assert close.frame.reply_text == (  # type: ignore[attr-defined]
        "PRECONDITION_FAILED - definitions cannot be stored: no space left on device; "
        "this has taken effect, and is undone by a restart before it can be stored"
    )
    assert client.answer(2, Queue.Declare(queue="t")).name == "Queue.DeclareOk", "the connection goes on"
    assert not worker.waiting
    broker.advance(RETRY_MS)
    assert len(worker.waiting) == 1, "nobody had to do anything for it to be tried again"
    worker.finish(OSError("no space left on device"))
    broker.turn()
    broker.advance(RETRY_MS)
    worker.finish()
    assert client.call(2, frame)[0].name == answer
    assert not worker.waiting


def test_a_publish_to_a_queue_that_cannot_be_stored_is_refused(broker: SansBroker, worker: HeldWorker) -> None:
    declarer, publisher = opened(broker), opened(broker)
    publisher.answer(1, Confirm.Select())
    declarer.method(1, Queue.Declare(queue="new", durable=True))
    broker.turn()
    publisher.publish(1, "", "new", b"m", PERSISTENT)
    broker.turn()
    worker.finish(OSError("no space left on device"))
    broker.turn()
    assert names(publisher) == ["Basic.Nack"]


def test_a_client_that_goes_while_it_waits(broker: SansBroker, worker: HeldWorker) -> None:
    client, other = opened(broker), opened(broker)
    client.method(1, Queue.Declare(queue="new", durable=True))
    broker.turn()
    client.lose()
    worker.finish()
    broker.turn()
    assert other.answer(1, Queue.Declare(queue="new", passive=True)).name == "Queue.DeclareOk"


def test_administration_says_when_it_is_stored(broker: SansBroker, worker: HeldWorker) -> None:
    told: list[str] = []
    broker.node.administration.add_user("anna", "secret")
    broker.node.administration.when_stored(lambda: told.append("stored"), told.append)
    broker.turn()
    assert told == []
    worker.finish()
    assert told == ["stored"]


def test_generated_names_are_stored_too(broker: SansBroker, worker: HeldWorker) -> None:
    client = opened(broker)
    client.method(1, Queue.Declare(queue="", durable=True))
    broker.turn()
    assert names(client) == []
    worker.finish()
    broker.turn()
    name = client.take(1)[0].frame.queue  # type: ignore[attr-defined]
    assert name.startswith(RESERVED_PREFIX)
    assert name in broker.killed().vhost.queues


# ---- numbers


def test_no_number_is_given_out_before_its_block_is_stored() -> None:
    disk, worker = MemoryDisk(), HeldWorker()
    store = StagedDefinitions(disk, worker)
    numbers = QueueNumbers(store, block=4)
    with pytest.raises(ConnectionException, match="too many durable queues declared before the disk took them"):
        numbers.take()
    store.commit(1)
    worker.finish()
    assert [numbers.take() for _ in range(4)] == [1, 2, 3, 4]
    with pytest.raises(ConnectionException):
        numbers.take()
    store.commit(1)
    worker.finish()
    assert numbers.take() == 5
    numbers = QueueNumbers(store, block=4)
    store.commit(1)
    worker.finish(OSError("no room"))
    with pytest.raises(ChannelException, match="definitions cannot be stored: no room"):
        numbers.take()


def test_a_start_begins_behind_the_last_block() -> None:
    disk = MemoryDisk()
    given: list[int] = []
    for _ in range(3):
        store = StagedDefinitions(disk, InlineWorker())
        numbers = QueueNumbers(store, block=4)
        store.commit(1)
        given += [numbers.take() for _ in range(3)]  # nothing of what these numbers were for is stored
    assert given == sorted(set(given))
