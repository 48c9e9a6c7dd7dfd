"""What is said of a vhost: kept, and counted where a queue is declared or the vhost is to be deleted."""

from __future__ import annotations

import json

import pytest
from pamqp.commands import Queue

from broker.administration import ProtectedVhostError, VhostMetadata
from broker.definitions.values import decode_vhost, encode_vhost
from tests.support.sansio import SansBroker


def test_metadata_is_kept_and_replaced() -> None:
    broker = SansBroker()
    administration = broker.node.administration
    said = VhostMetadata("The shop", ("eu", "prod"), "quorum", False)
    assert administration.put_vhost("v", said) is True
    assert administration.put_vhost("v", VhostMetadata("A shop")) is False
    broker.turn()
    assert broker.killed().node.vhosts["v"].metadata == VhostMetadata("A shop")
    administration.put_vhost("v", said)
    broker.turn()
    assert broker.killed().node.vhosts["v"].metadata == said


def test_a_protected_vhost_is_not_deleted() -> None:
    broker = SansBroker()
    administration = broker.node.administration
    administration.put_vhost("v", VhostMetadata("kept"))
    administration.protect_vhost("v", True)
    with pytest.raises(ProtectedVhostError, match="protected from deletion"):
        administration.delete_vhost("v")
    broker.turn()
    after = broker.killed()
    assert after.node.vhosts["v"].metadata == VhostMetadata("kept", protected_from_deletion=True)
    after.node.administration.protect_vhost("v", False)
    after.node.administration.delete_vhost("v")
    assert "v" not in after.node.vhosts


def test_a_vhost_stored_by_an_older_broker_is_read_and_one_with_nothing_said_can_be_read_by_it() -> None:
    assert decode_vhost(b'{"version":1}') == VhostMetadata()
    assert encode_vhost(VhostMetadata()) == b'{"version":1}'
    assert json.loads(encode_vhost(VhostMetadata("x")))["version"] == 2


@pytest.mark.parametrize(
    "wrong",
    [{"description": "x" * 5000}, {"tags": ("",)}, {"tags": ("x",) * 33}, {"default_queue_type": "jms"}],
)
def test_what_cannot_be_said(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"vhost|default queue type"):
        VhostMetadata(**wrong)  # type: ignore[arg-type]


def test_the_default_queue_type_counts_where_it_can() -> None:
    broker = SansBroker()
    administration = broker.node.administration
    administration.put_vhost("v", VhostMetadata(default_queue_type="quorum"))
    administration.set_permissions("guest", "v", ".*", ".*", ".*")
    client = broker.connect().open(vhost="v")
    client.channel()
    plain = Queue.Declare(queue="durable", durable=True)
    for request in (
        plain, plain, Queue.Declare(queue="durable", durable=True, arguments={"x-queue-type": "quorum"}),
        Queue.Declare(queue="transient"), Queue.Declare(queue="exclusive", durable=True, exclusive=True),
        Queue.Declare(queue="auto", durable=True, auto_delete=True),
        Queue.Declare(queue="chosen", durable=True, arguments={"x-queue-type": "classic"}),
    ):  # fmt: skip
        assert client.answer(1, request).name == "Queue.DeclareOk"
    types = {name: queue.settings.queue_type for name, queue in broker.node.vhosts["v"].queues.items()}
    assert types.pop("durable") == "quorum"
    assert set(types.values()) == {"classic"}
