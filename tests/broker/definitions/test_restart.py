"""What a broker finds on its disk after kill -9: everything durable that was answered, as it was declared."""

from __future__ import annotations

import pytest
from pamqp import base
from pamqp.commands import Basic, Channel, Exchange, Queue

from broker.auth.passwords import ARGON2ID, hash_password, password_fits
from broker.auth.users import PasswordHash
from broker.definitions.keys import key_of
from storage.definitions_disk import DefinitionsError, Entry, MemoryDisk
from tests.support.sansio import SansBroker, SansClient

EXPIRES_MS = 60_000


def client_of(broker: SansBroker) -> SansClient:
    client = broker.connect().open()
    client.channel()
    return client


def call(client: SansClient, *frames: base.Frame) -> None:
    for frame in frames:
        name = frame.name + "Ok"
        assert client.answer(1, frame).name == name


def killed(broker: SansBroker) -> tuple[SansBroker, SansClient]:
    after = broker.killed()
    return after, client_of(after)


def close_text(client: SansClient, frame: base.Frame) -> str:
    answer = client.answer(1, frame)
    assert answer.name == "Channel.Close", answer
    client.method(1, Channel.CloseOk())
    client.channel()
    return str(answer.reply_text)  # type: ignore[attr-defined]


def routed(client: SansClient, exchange: str, key: str, headers: dict[str, object] | None = None) -> list[str]:
    """The queues among q1, q2, q3 that a message reaches."""
    client.publish(1, exchange, key, b"m", Basic.Properties(headers=headers) if headers else None)
    client.broker.turn()
    found = []
    for name in ("q1", "q2", "q3"):
        if name in client.broker.vhost.queues and client.call(1, Queue.Purge(queue=name))[0].frame.message_count:  # type: ignore[attr-defined]
            found.append(name)
    return found


@pytest.fixture
def broker() -> SansBroker:
    return SansBroker()


def test_durable_things_are_there_again_and_no_others(broker: SansBroker) -> None:
    client = client_of(broker)
    call(
        client,
        Queue.Declare(queue="q1", durable=True),
        Queue.Declare(queue="auto", durable=True, auto_delete=True),
        Queue.Declare(queue="transient"),
        Queue.Declare(queue="mine", durable=True, exclusive=True),
        Exchange.Declare(exchange="x:1-_.", exchange_type="topic", durable=True, internal=True),
        Exchange.Declare(exchange="auto-x", exchange_type="fanout", durable=True, auto_delete=True),
        Exchange.Declare(exchange="transient-x"),
    )
    after, client = killed(broker)
    assert set(after.vhost.queues) == {"q1", "auto"}
    assert set(after.vhost.table.exchanges) - set(SansBroker().vhost.table.exchanges) == {"x:1-_.", "auto-x"}
    for frame in (Queue.Declare(queue="auto", durable=True, auto_delete=True), Queue.Declare(queue="q1", passive=True)):
        call(client, frame)
    call(client, Exchange.Declare(exchange="x:1-_.", exchange_type="topic", durable=True, internal=True))
    assert after.vhost.counters.queues_created == 0


@pytest.mark.parametrize(
    "frame",
    [
        Queue.Declare(queue="q1", durable=True),
        Queue.Declare(queue="q1"),
        Queue.Declare(queue="q1", durable=True, arguments={"x-max-priority": 5, "x-queue-type": "classic"}),
        Queue.Declare(queue="q1", durable=True, arguments={"x-max-priority": 6, "x-dead-letter-exchange": "d"}),
        Queue.Declare(queue="q1", durable=True, auto_delete=True),
        Exchange.Declare(exchange="x", exchange_type="fanout", durable=True),
        Exchange.Declare(exchange="x", exchange_type="topic", durable=True),
        Exchange.Declare(
            exchange="x", exchange_type="topic", durable=True, arguments={"alternate-exchange": "amq.direct"}
        ),
    ],
    ids=["no arguments", "transient", "queue type", "priority", "auto-delete", "type", "no alternate", "alternate"],
)
def test_a_redeclaration_is_refused_in_the_same_words(broker: SansBroker, frame: base.Frame) -> None:
    client = client_of(broker)
    arguments = {"x-max-priority": 5, "x-dead-letter-exchange": "d"}
    alternate = {"alternate-exchange": "amq.fanout"}
    call(
        client,
        Queue.Declare(queue="q1", durable=True, arguments=arguments),
        Exchange.Declare(exchange="x", exchange_type="topic", durable=True, arguments=alternate),
    )
    before = close_text(client, frame)
    _, client = killed(broker)
    assert close_text(client, frame) == before
    call(client, Queue.Declare(queue="q1", durable=True, arguments=arguments))
    call(client, Exchange.Declare(exchange="x", exchange_type="topic", durable=True, arguments=alternate))


def test_bindings_route_and_unbind(broker: SansBroker) -> None:
    client = client_of(broker)
    call(
        client,
        Queue.Declare(queue="q1", durable=True),
        Queue.Declare(queue="q2", durable=True),
        Queue.Declare(queue="q3"),
        Exchange.Declare(exchange="x", exchange_type="direct", durable=True),
        Exchange.Declare(exchange="y", exchange_type="direct"),
    )
    headers = {"x-match": "all", "n": 5, "deep": [{"a": 1.5}]}
    for frame in (
        Queue.Bind(queue="q1", exchange="amq.topic", routing_key="a.*"),
        Queue.Bind(queue="q1", exchange="amq.topic", routing_key="gone"),
        Queue.Bind(queue="q3", exchange="amq.topic", routing_key="a.*"),
        Queue.Bind(queue="q2", exchange="y", routing_key="k"),
        Queue.Bind(queue="q2", exchange="x", routing_key="k"),
        Queue.Bind(queue="q2", exchange="amq.headers", arguments=headers),
        Exchange.Bind(destination="x", source="amq.topic", routing_key="k"),
        Queue.Unbind(queue="q1", exchange="amq.topic", routing_key="gone"),
    ):
        call(client, frame)
    after, client = killed(broker)
    for queue in ("y", "q3"):
        assert queue not in after.vhost.queues
    bound = {(one.source, one.destination, one.routing_key) for one in after.vhost.table.bindings() if one.source}
    assert bound == {
        ("amq.topic", "q1", "a.*"), ("x", "q2", "k"), ("amq.headers", "q2", ""), ("amq.topic", "x", "k"),
    }  # fmt: skip
    assert routed(client, "amq.topic", "a.b") == ["q1"]
    assert routed(client, "amq.topic", "k") == ["q2"]
    assert routed(client, "amq.headers", "", {"n": 5, "deep": [{"a": 1.5}]}) == ["q2"]
    call(client, Queue.Unbind(queue="q2", exchange="amq.headers", arguments=dict(reversed(headers.items()))))
    call(client, Exchange.Delete(exchange="x"))
    after, client = killed(after)
    assert [one.routing_key for one in after.vhost.table.bindings() if one.source] == ["a.*"]
    call(client, Queue.Delete(queue="q1"))
    assert not [key for key in after.disk.entries if "binding" in key]  # type: ignore[attr-defined]


def test_what_goes_by_itself_stays_away(broker: SansBroker) -> None:
    client = client_of(broker)
    call(
        client,
        Queue.Declare(queue="auto", durable=True, auto_delete=True),
        Queue.Declare(queue="short", durable=True, arguments={"x-expires": EXPIRES_MS}),
        Exchange.Declare(exchange="auto-x", exchange_type="fanout", durable=True, auto_delete=True),
        Queue.Bind(queue="auto", exchange="auto-x"),
        Basic.Consume(queue="auto", consumer_tag="c"),
    )
    call(client, Basic.Cancel("c"))
    broker.advance(EXPIRES_MS)
    after, _ = killed(broker)
    assert not after.vhost.queues
    assert "auto-x" not in after.vhost.table.exchanges
    assert not [key for key in after.disk.entries if key.startswith(("queue/", "exchange/"))]  # type: ignore[attr-defined]


def test_the_time_of_an_unused_queue_starts_anew(broker: SansBroker) -> None:
    client = client_of(broker)
    call(client, Queue.Declare(queue="short", durable=True, arguments={"x-expires": EXPIRES_MS}))
    broker.advance(EXPIRES_MS - 1)
    after, _ = killed(broker)
    after.advance(EXPIRES_MS - 1)
    assert "short" in after.vhost.queues
    after.advance(1)
    assert "short" not in after.vhost.queues
    assert not killed(after)[0].vhost.queues


def test_a_deleted_vhost_takes_everything_along(broker: SansBroker) -> None:
    node = broker.node
    node.administration.add_vhost("v/1")
    node.administration.set_permissions("guest", "v/1", ".*", ".*", ".*")
    node.administration.add_vhost("v")
    client = broker.connect().open(vhost="v/1")
    client.channel()
    call(
        client,
        Queue.Declare(queue="q1", durable=True),
        Exchange.Declare(exchange="x", durable=True),
        Queue.Bind(queue="q1", exchange="x", routing_key="k"),
    )
    after, _ = killed(broker)
    assert set(after.node.vhosts) == {"/", "v/1", "v"}
    assert set(after.node.vhosts["v/1"].queues) == {"q1"}
    after.node.administration.delete_vhost("v/1")
    after.turn()
    last, _ = killed(after)
    assert set(last.node.vhosts) == {"/", "v"}
    assert not [key for key in last.disk.entries if "v%2F1" in key]  # type: ignore[attr-defined]


def test_users_passwords_and_permissions(broker: SansBroker) -> None:
    node = broker.node
    node.administration.add_user("anna", "secret", ("monitoring", "policymaker"))
    node.administration.set_permissions("anna", "/", "^a", "", ".*")
    node.administration.add_user("bob", "old")
    node.administration.put_user("bob", PasswordHash(hash_password("new")), ("management",))
    node.administration.delete_user("guest")
    broker.turn()
    users, permissions = broker.killed().node.users, broker.killed().node.permissions
    assert users.all() == node.users.all()
    fits = {password: password_fits(password, users.get("bob").password_hash, ARGON2ID) for password in ("old", "new")}
    assert fits == {"old": False, "new": True}
    assert "guest" not in users, "the first user is made only where the store is empty"
    assert permissions.all() == node.permissions.all()
    assert permissions.allows("anna", "/", "configure", "abc")
    assert not permissions.allows("anna", "/", "configure", "bc")


def test_queue_numbers_are_never_given_out_twice(broker: SansBroker) -> None:
    numbers: list[int] = []
    for _ in range(3):
        client = client_of(broker)
        for name in ("q1", "q2"):
            call(client, Queue.Declare(queue=name, durable=True))
            numbers.append(broker.vhost.queues[name].definition.number)
        call(client, Queue.Declare(queue="transient"), Queue.Declare(queue="mine", durable=True, exclusive=True))
        assert [broker.vhost.queues[name].definition.number for name in ("transient", "mine")] == [0, 0]
        broker = broker.killed()
        assert [broker.vhost.queues[name].definition.number for name in ("q1", "q2")] == numbers[-2:]
        client = client_of(broker)
        call(client, Queue.Delete(queue="q1"), Queue.Delete(queue="q2"))
    assert numbers[0] > 0
    assert numbers == sorted(set(numbers))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (key_of("queue", "/", "q"), b"{"),
        (key_of("queue", "/", "q"), b'{"version":1,"number":1}'),
        (key_of("queue", "/", "q"), b'{"version":9,"number":1,"auto_delete":false}'),
        (key_of("queue", "nowhere", "q"), b'{"version":1,"number":1,"auto_delete":false}'),
        (key_of("queue", "/", "q") + "/binding/x/k", b'{"version":1,"source":"x","routing_key":"k"}'),
        (key_of("user", "u"), b'{"version":1,"password_hash":"!","hashing_algorithm":"none","tags":[]}'),
        (key_of("permission", "/", "u"), b'{"version":1,"configure":"(","write":"","read":""}'),
        (key_of("novelty", "/", "q"), b'{"version":1}'),
    ],
)
def test_what_cannot_be_understood_is_named(broker: SansBroker, key: str, value: bytes) -> None:
    assert isinstance(broker.disk, MemoryDisk)
    broker.turn()
    broker.disk.entries[key] = Entry(value, 99)
    with pytest.raises(DefinitionsError) as caught:
        broker.killed()
    text = str(caught.value)
    assert key in text
    assert "\n" not in text
