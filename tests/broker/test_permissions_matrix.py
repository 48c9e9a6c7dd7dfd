"""Who may do what over AMQP: every method that is checked, against users with one right each, texts included.

Spec: page 1.3 of the behaviour notes (403 `… access to … refused for user …`), RabbitMQ's access control table.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pamqp import base, commands
from pamqp.commands import Basic, Exchange, Queue

from broker.auth.accounts import AMQP, Peer
from broker.auth.authorization import Subject
from broker.auth.permissions import Permission
from tests.support.sansio import SansBroker, SansClient

NOTHING = "^$"
RIGHTS = {
    "configure": (".*", NOTHING, NOTHING),
    "write": (NOTHING, ".*", NOTHING),
    "read": (NOTHING, NOTHING, ".*"),
}
# method, the rights it needs with the resource each is needed on
CASES: list[tuple[base.Frame, list[tuple[str, str]]]] = [
    (Queue.Declare(queue="new"), [("configure", "queue 'new'")]),
    (Queue.Delete(queue="q"), [("configure", "queue 'q'")]),
    (Queue.Purge(queue="q"), [("read", "queue 'q'")]),
    (Queue.Bind(queue="q", exchange="x"), [("write", "queue 'q'"), ("read", "exchange 'x'")]),
    (Queue.Unbind(queue="q", exchange="x"), [("write", "queue 'q'"), ("read", "exchange 'x'")]),
    (Exchange.Declare(exchange="new"), [("configure", "exchange 'new'")]),
    (Exchange.Delete(exchange="x"), [("configure", "exchange 'x'")]),
    (Exchange.Bind(destination="x", source="y"), [("write", "exchange 'x'"), ("read", "exchange 'y'")]),
    (Exchange.Unbind(destination="x", source="y"), [("write", "exchange 'x'"), ("read", "exchange 'y'")]),
    (Basic.Get(queue="q"), [("read", "queue 'q'")]),
    (Basic.Consume(queue="q"), [("read", "queue 'q'")]),
    (
        Queue.Declare(queue="dl", arguments={"x-dead-letter-exchange": "x"}),
        [("configure", "queue 'dl'"), ("read", "queue 'dl'"), ("write", "exchange 'x'")],
    ),
    (
        Exchange.Declare(exchange="ae", arguments={"alternate-exchange": "x"}),
        [("configure", "exchange 'ae'"), ("read", "exchange 'ae'"), ("write", "exchange 'x'")],
    ),
]


def client_with(broker: SansBroker, *rights: str) -> SansClient:
    """A client whose user has these rights only, on a channel 1."""
    user = "+".join(rights) or "nobody"
    patterns = [".*" if kind in rights else NOTHING for kind in RIGHTS]
    broker.node.administration.add_user(user, "secret")
    broker.node.administration.set_permissions(user, "/", *patterns)
    client = broker.connect().open()
    actor = client.connection.host.require_actor()
    client.connection.host.actor = type(actor)(Subject(user), actor.vhost, actor.owner)
    client.channel(1)
    return client


@pytest.fixture
def broker() -> SansBroker:
    made = SansBroker()
    owner = made.connect().open()
    owner.channel(1)
    owner.answer(1, Queue.Declare(queue="q"))
    for name in ("x", "y"):
        owner.answer(1, Exchange.Declare(exchange=name))
    return made


@pytest.mark.parametrize(("method", "needs"), CASES, ids=lambda value: getattr(value, "name", ""))
def test_each_method_needs_its_rights_and_no_others(
    broker: SansBroker, method: base.Frame, needs: list[tuple[str, str]]
) -> None:
    enough = client_with(broker, *{kind for kind, _ in needs})
    assert enough.answer(1, method).name != "Channel.Close"


@pytest.mark.parametrize(("method", "needs"), CASES, ids=lambda value: getattr(value, "name", ""))
def test_each_missing_right_is_refused_by_name(
    broker: SansBroker, method: base.Frame, needs: list[tuple[str, str]]
) -> None:
    kinds = [kind for kind, _ in needs]
    for kind, resource in needs:
        others = [right for right in RIGHTS if right != kind]
        client = client_with(broker, *others) if kinds.count(kind) == 1 else client_with(broker)
        close = client.answer(1, method)
        assert isinstance(close, commands.Channel.Close)
        user = client.connection.host.require_actor().user
        text = f"ACCESS_REFUSED - {kind} access to {resource} in vhost '/' refused for user '{user}'"
        assert (close.reply_code, close.reply_text) == (403, text)
        broker.node.users.delete(user)


def refused_publish(client: SansClient, exchange: str) -> str:
    client.publish(1, exchange, "q", b"body")
    client.broker.turn()
    (event,) = client.take(1)
    assert isinstance(event.frame, commands.Channel.Close)
    assert event.frame.reply_text is not None
    return event.frame.reply_text


def test_publishing_needs_write_on_the_exchange_and_the_default_one_has_a_name(broker: SansBroker) -> None:
    client = client_with(broker, "configure", "read")
    assert "write access to exchange 'amq.default' in vhost '/' refused" in refused_publish(client, "")
    client.call(1, commands.Channel.CloseOk())
    client.channel(1)
    assert "write access to exchange 'x' in vhost '/' refused" in refused_publish(client, "x")


def test_a_passive_declare_needs_any_right(broker: SansBroker) -> None:
    for right in RIGHTS:
        client = client_with(broker, right)
        assert client.answer(1, Queue.Declare(queue="q", passive=True)).name == "Queue.DeclareOk"
        assert client.answer(1, Exchange.Declare(exchange="x", passive=True)).name == "Exchange.DeclareOk"
    nobody = client_with(broker)
    assert nobody.answer(1, Queue.Declare(queue="q", passive=True)).name == "Channel.Close"


def test_a_change_of_rights_reaches_the_next_publish(broker: SansBroker) -> None:
    client = client_with(broker, "write")
    client.publish(1, "x", "q", b"body")
    client.publish(1, "x", "q", b"body")
    broker.turn()
    assert client.take(1) == []
    broker.node.administration.set_permissions("write", "/", NOTHING, NOTHING, NOTHING)
    assert "write access to exchange 'x'" in refused_publish(client, "x")


def login_result(broker: SansBroker, user: str, password: str, is_loopback: bool) -> Subject | None:
    answers: list[Subject | None] = []
    response = f"\0{user}\0{password}".encode()
    broker.node.services.accounts.login("PLAIN", response, Peer(AMQP, "there", is_loopback), answers.append)
    return answers[0]


def test_guest_may_log_in_from_this_machine_only(broker: SansBroker) -> None:
    assert login_result(broker, "guest", "guest", is_loopback=True) is not None
    assert login_result(broker, "guest", "guest", is_loopback=False) is None
    broker.node.administration.add_user("somebody", "secret")
    assert login_result(broker, "somebody", "secret", is_loopback=False) is not None


def open_vhost(broker: SansBroker, vhost: str, prepare: Callable[[], None]) -> str:
    """What connection.open of a vhost is refused with, as user guest."""
    prepare()
    client = broker.connect()
    client.send(b"AMQP\x00\x00\x09\x01")
    client.method(0, commands.Connection.StartOk({}, "PLAIN", "\0guest\0guest", "en_US"))
    client.method(0, commands.Connection.TuneOk(2047, 131072, 0))
    client.method(0, commands.Connection.Open(vhost))
    broker.turn()
    last = client.take(0)[-1].frame
    assert isinstance(last, commands.Connection.Close)
    assert last.reply_code == 530
    assert last.reply_text is not None
    return last.reply_text


def test_a_vhost_without_rights_is_refused_by_name(broker: SansBroker) -> None:
    text = open_vhost(broker, "other", lambda: broker.node.administration.add_vhost("other") and None)
    assert text == "NOT_ALLOWED - access to vhost 'other' refused for user 'guest'"


def test_update_secret_looks_at_the_rights_again(broker: SansBroker) -> None:
    client = client_with(broker, "read")
    tag = client.answer(1, Basic.Consume(queue="q")).consumer_tag  # type: ignore[attr-defined]
    broker.node.permissions.set(Permission("read", "/", ".*", NOTHING, NOTHING))
    events = client.call(1, commands.Channel.Flow(True))
    assert [event.name for event in events] == ["Channel.FlowOk"]
    client.method(0, commands.Connection.UpdateSecret("new", "rotation"))
    broker.turn()
    assert [event.name for event in client.take(0)] == ["Connection.UpdateSecretOk"]
    (cancel,) = client.take(1)
    assert isinstance(cancel.frame, commands.Basic.Cancel)
    assert cancel.frame.consumer_tag == tag


def test_a_permission_taken_away_cancels_consumers_of_open_connections(broker: SansBroker) -> None:
    client = client_with(broker, "read")
    tag = client.answer(1, Basic.Consume(queue="q")).consumer_tag  # type: ignore[attr-defined]
    broker.node.administration.set_permissions("read", "/", ".*", NOTHING, NOTHING)
    broker.turn()
    (cancel,) = client.take(1)
    assert isinstance(cancel.frame, commands.Basic.Cancel)
    assert cancel.frame.consumer_tag == tag


def test_access_to_a_vhost_taken_away_closes_open_connections(broker: SansBroker) -> None:
    client = client_with(broker, "read")
    assert broker.node.administration.clear_permissions("read", "/")
    broker.turn()
    (close,) = client.take(0)
    assert isinstance(close.frame, commands.Connection.Close)
    assert close.frame.reply_code == 320
    assert not broker.node.administration.clear_permissions("read", "/")


@pytest.fixture
def topics(broker: SansBroker) -> SansClient:
    """A client of user `ann`, who may use all exchanges, and keys of her own at amq.topic."""
    administration = broker.node.administration
    administration.add_user("ann", "secret")
    administration.set_permissions("ann", "/", ".*", ".*", ".*")
    administration.set_topic_permissions("ann", "/", "amq.topic", "^{username}-w[.]", "^{username}-r[.]")
    client = broker.connect().open()
    actor = client.connection.host.require_actor()
    client.connection.host.actor = type(actor)(Subject("ann"), actor.vhost, actor.owner)
    client.channel(1)
    return client


def test_a_routing_key_at_a_topic_exchange_needs_write_on_the_topic(topics: SansClient) -> None:
    topics.publish(1, "amq.topic", "ann-w.x", b"body")
    topics.publish(1, "amq.direct", "other", b"body")
    topics.broker.turn()
    assert not topics.take(1)
    topics.publish(1, "amq.topic", "bob-w.x", b"body")
    topics.broker.turn()
    (close,) = topics.take(1)
    assert isinstance(close.frame, commands.Channel.Close)
    text = "write access to topic 'bob-w.x' in exchange 'amq.topic' in vhost '/' refused for user 'ann'"
    assert close.frame.reply_text == f"ACCESS_REFUSED - {text}"


@pytest.mark.parametrize("method", [Queue.Bind, Queue.Unbind])
def test_binding_to_a_topic_exchange_needs_read_on_the_topic(topics: SansClient, method: type[base.Frame]) -> None:
    assert topics.answer(1, method(queue="q", exchange="amq.topic", routing_key="ann-r.x")).name.endswith("Ok")  # type: ignore[call-arg]
    close = topics.answer(1, method(queue="q", exchange="amq.topic", routing_key="ann-w.x"))  # type: ignore[call-arg]
    assert isinstance(close, commands.Channel.Close)
    assert "read access to topic 'ann-w.x' in exchange 'amq.topic'" in str(close.reply_text)


@pytest.mark.parametrize("method", [Exchange.Bind, Exchange.Unbind])
def test_binding_an_exchange_to_a_topic_exchange_needs_it_too(topics: SansClient, method: type[base.Frame]) -> None:
    ends = {"destination": "amq.fanout", "source": "amq.topic"}
    assert topics.answer(1, method(**ends, routing_key="ann-r.x")).name.endswith("Ok")  # type: ignore[call-arg]
    assert topics.answer(1, method(**ends, routing_key="ann-w.x")).name == "Channel.Close"  # type: ignore[call-arg]


def test_a_change_of_topic_permissions_reaches_an_open_channel(topics: SansClient) -> None:
    topics.publish(1, "amq.topic", "ann-w.x", b"body")
    topics.broker.turn()
    assert topics.broker.node.administration.set_topic_permissions("ann", "/", "amq.topic", "^$", ".*") is False
    topics.publish(1, "amq.topic", "ann-w.x", b"body")
    topics.broker.turn()
    assert [event.name for event in topics.take(1)] == ["Channel.Close"]
