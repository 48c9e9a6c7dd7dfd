"""Limits of vhosts and users: kept, checked in RabbitMQ's words, and kept to, in the frames a 3.10.8 answers with."""

from __future__ import annotations

from typing import Any

import pytest
from pamqp.commands import Channel, Connection, Queue

from protocol.constants import PROTOCOL_HEADER
from tests.support.sansio import SansBroker, SansClient

NOT_ALLOWED = 530
PRECONDITION_FAILED = 406


@pytest.fixture
def broker() -> SansBroker:
    broker = SansBroker()
    administration = broker.node.administration
    administration.add_vhost("v")
    administration.set_permissions("guest", "v", ".*", ".*", ".*")
    return broker


def refusal(broker: SansBroker, vhost: str = "v") -> str:
    """The text with which connection.open is refused; nothing where it is not."""
    client = broker.connect()
    client.send(PROTOCOL_HEADER)
    client.method(0, Connection.StartOk({}, "PLAIN", "\0guest\0guest", "en_US"))
    client.method(0, Connection.TuneOk(2047, 131072, 0))
    broker.turn()
    client.take()
    answer = client.answer(0, Connection.Open(vhost))
    if isinstance(answer, Connection.OpenOk):
        return ""
    assert isinstance(answer, Connection.Close)
    assert answer.reply_code == NOT_ALLOWED
    assert (answer.class_id, answer.method_id) == (10, 40)
    return str(answer.reply_text)


def opened(broker: SansBroker, vhost: str = "v") -> SansClient:
    return broker.connect().open(vhost=vhost)


def test_connections_of_a_vhost(broker: SansBroker) -> None:
    broker.node.vhost_limits.set_one("v", "max-connections", 1)
    first = opened(broker)
    text = "NOT_ALLOWED - access to vhost 'v' refused for user 'guest': connection limit (1) is reached"
    assert refusal(broker) == text
    assert refusal(broker, "/") == "", "another vhost has a limit of its own"
    first.lose()
    assert refusal(broker) == "", "the one that has gone counts no more"
    broker.node.vhost_limits.set_one("v", "max-connections", 0)
    assert "connection limit (0) is reached" in refusal(broker)
    broker.node.vhost_limits.set_one("v", "max-connections", -1)
    assert refusal(broker) == ""


def test_connections_of_a_user_in_all_vhosts(broker: SansBroker) -> None:
    broker.node.user_limits.set_one("guest", "max-connections", 2)
    first, _ = opened(broker), opened(broker, "/")
    text = "NOT_ALLOWED - connection refused for user 'guest': user connection limit (2) is reached"
    assert refusal(broker) == text
    assert first.answer(0, Connection.Close(200, "", 0, 0)).name == "Connection.CloseOk"
    assert refusal(broker) == ""
    broker.node.user_limits.clear_one("guest", "max-connections")
    assert [refusal(broker) for _ in range(3)] == ["", "", ""]


def test_a_refused_connection_takes_no_place(broker: SansBroker) -> None:
    broker.node.vhost_limits.set_one("v", "max-connections", 1)
    assert [bool(refusal(broker)) for _ in range(3)] == [False, True, True]
    broker.node.user_limits.set_one("guest", "max-connections", 2)
    assert refusal(broker, "/") == "", "the two that were refused are not the user's"


def test_channels_of_a_user_in_all_connections(broker: SansBroker) -> None:
    broker.node.user_limits.set_one("guest", "max-channels", 2)
    first, second = opened(broker), opened(broker, "/")
    first.channel(1)
    second.channel(1)
    first.call(1, Channel.Close(200, "", 0, 0))
    first.channel(1)
    second.method(2, Channel.Open())
    broker.turn()
    (close,) = second.take()
    assert isinstance(close.frame, Connection.Close)
    text = "NOT_ALLOWED - number of channels opened for user 'guest' has reached the maximum allowed user limit of (2)"
    assert (close.frame.reply_code, close.frame.reply_text) == (NOT_ALLOWED, text)
    second.call(0, Connection.CloseOk())
    first.channel(2)


def test_queues_of_a_vhost(broker: SansBroker) -> None:
    broker.node.vhost_limits.set_one("v", "max-queues", 1)
    client = opened(broker)
    client.channel()
    for _ in range(2):
        assert client.answer(1, Queue.Declare(queue="q")).name == "Queue.DeclareOk", "it is there already"
    for kwargs in ({}, {"exclusive": True}, {"arguments": {"x-expires": 0}}):
        close = client.answer(1, Queue.Declare(queue="other", **kwargs))  # type: ignore[arg-type]
        assert isinstance(close, Channel.Close)
        text = "PRECONDITION_FAILED - cannot declare queue 'other': queue limit in vhost 'v' (1) is reached"
        assert (close.reply_code, close.reply_text) == (PRECONDITION_FAILED, text)
        assert (close.class_id, close.method_id) == (50, 10)
        client.call(1, Channel.CloseOk())
        client.channel()
    client.call(1, Queue.Delete(queue="q"))
    assert client.answer(1, Queue.Declare(queue="other")).name == "Queue.DeclareOk"


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        ({"max-bogus": 1}, 'Validation failed\n\nUnrecognised terms [{<<"max-bogus">>,1}] in limits\n'),
        ({"max-queues": "x"}, 'Validation failed\n\nmax-queues should be a number, actually was <<"x">>\n'),
        ({"max-queues": 1.5}, "Validation failed\n\nmax-queues should be a number, actually was 1.5\n"),
        ({"max-queues": 2**63}, f"Validation failed\n\nmax-queues should be a number, actually was {2**63}\n"),
        ({"max-channels": 1}, 'Validation failed\n\nUnrecognised terms [{<<"max-channels">>,1}] in limits\n'),
    ],
)
def test_wrong_limits_of_a_vhost(broker: SansBroker, limits: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match="max-") as caught:
        broker.node.vhost_limits.set("v", limits)
    assert str(caught.value) == reason


def test_wrong_limits_of_a_user(broker: SansBroker) -> None:
    limits = broker.node.user_limits
    with pytest.raises(ValueError, match=r'^Unrecognised terms \[{<<"max-queues">>,1}\] in user-limits$'):
        limits.set_one("guest", "max-queues", 1)
    with pytest.raises(ValueError, match=r'^max-channels should be a number, actually was <<"x">>$'):
        limits.set_one("guest", "max-channels", "x")
    with pytest.raises(LookupError, match='User "nobody" does not exist'):
        limits.set_one("nobody", "max-channels", 1)
    with pytest.raises(LookupError, match='Virtual host "nowhere" does not exist'):
        broker.node.vhost_limits.set_one("nowhere", "max-queues", 1)


def test_limits_are_there_after_a_kill(broker: SansBroker) -> None:
    node = broker.node
    node.vhost_limits.set("v", {"max-queues": 3, "max-connections": -1})
    node.user_limits.set_one("guest", "max-channels", 4)
    node.administration.add_user("gone", "secret")
    node.user_limits.set_one("gone", "max-channels", 4)
    node.administration.delete_user("gone")
    broker.turn()
    after = broker.killed().node
    assert after.vhost_limits.all() == {"v": {"max-queues": 3, "max-connections": -1}}
    assert after.user_limits.all() == {"guest": {"max-channels": 4}}


def test_clearing_one_leaves_the_others(broker: SansBroker) -> None:
    limits = broker.node.vhost_limits
    limits.set("v", {"max-queues": 3, "max-connections": 5})
    limits.clear_one("v", "max-queues")
    limits.clear_one("v", "max-queues")
    assert limits.all("v") == {"v": {"max-connections": 5}}
    limits.clear_one("v", "max-connections")
    assert limits.all() == {}
