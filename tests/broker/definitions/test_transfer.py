"""Definitions go out as definitions.json and come in again; a file that is wrong changes nothing and says why."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pamqp.commands import Exchange, Queue

from broker.administration import UnknownVhostError, VhostMetadata
from broker.auth.passwords import password_fits
from broker.auth.permissions import Permission
from broker.definitions.importing import (
    OBJECTS_PER_STEP,
    REASONS_MAX,
    ImportIncompleteError,
    ImportRefusedError,
    ImportResult,
)
from broker.definitions.transfer import Transfer
from broker.policies.parameters import Parameter
from broker.policies.policy import Policy
from tests.support.sansio import SansBroker

RABBITMQ_FILE = Path(__file__).parent / "rabbitmq" / "rabbitmq-3.10.8.json"
LISTS = (
    "users", "vhosts", "permissions", "topic_permissions", "global_parameters", "parameters", "policies", "exchanges",
    "queues", "bindings",
)  # fmt: skip


def load(broker: SansBroker, data: bytes | Mapping[str, Any], vhost: str | None = None) -> ImportResult:
    """Imports with a turn of the broker after each step."""
    steps = Transfer(broker.node).load(data if isinstance(data, bytes) else json.dumps(data).encode(), vhost)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            broker.turn()
            result: ImportResult = end.value
            return result
        broker.turn()


def exported(broker: SansBroker, vhost: str | None = None) -> dict[str, Any]:
    return dict(json.loads(b"".join(Transfer(broker.node).export(vhost))))


def fits(broker: SansBroker, name: str, password: str) -> bool:
    user = broker.node.users.get(name)
    return password_fits(password, user.password_hash, user.algorithm)


def as_sets(definitions: Mapping[str, Any]) -> dict[str, set[str]]:
    """The lists without the order, which means nothing."""
    return {name: {json.dumps(one, sort_keys=True) for one in definitions.get(name, ())} for name in LISTS}


def test_a_file_of_rabbitmq_is_taken_whole() -> None:
    broker = SansBroker()
    file = json.loads(RABBITMQ_FILE.read_bytes())
    result = load(broker, RABBITMQ_FILE.read_bytes())
    assert result.warnings == ()
    node, shop = broker.node, broker.node.vhosts["shop"]
    assert {user.name: user.tags for user in node.users.all()} == {
        "guest": ("administrator",), "shop": ("management", "policymaker"), "watcher": ("monitoring",), "nobody": (),
    }  # fmt: skip
    assert fits(broker, "shop", "shop-secret"), "the password of that server"
    assert not node.users.get("nobody").password_hash
    assert set(node.vhosts) == {"/", "shop", "b/c"}
    assert node.permissions.get("watcher", "shop") == Permission("watcher", "shop", "", "", "^$")
    assert len(node.topic_permissions.all()) == 1
    assert node.user_limits.of("shop") == {"max-channels": -1, "max-connections": 100}
    assert node.vhost_limits.of("shop") == {"max-connections": 20, "max-queues": 50}
    assert node.operator_policies.get("shop", "cap").definition == {"max-length": 500, "message-ttl": 30000}
    assert {policy.name for policy in node.policies.all("shop")} == {"ae", "dlx", "quorum", "ttl"}
    assert node.policies.get("/", "ha").definition["ha-mode"] == "exactly"
    assert node.global_parameters.all() == {"mqtt_default_vhosts": {"O=client,CN=guest": "/"}, "number": 7}
    assert {queue.name for queue in shop.queues.values()} == {queue["name"] for queue in file["queues"]}
    orders = shop.queues["shop-orders"]
    assert (orders.settings.ttl_ms, orders.settings.length_max, orders.settings.priority_max) == (5000, 10, 9)
    assert shop.queues["shop-plain"].settings.ttl_ms == 30000, "the operator's policy is below the policy's"
    assert shop.queues["shop-odd"].definition.arguments.get("x-bytes") == bytearray(b"\xff\x02")
    assert shop.queues["q-quorum"].settings.queue_type == "quorum"
    assert shop.table.exchanges["shop-direct"].alternate == "shop-unrouted", "by a policy"
    assert shop.table.exchanges["shop-alt"].alternate == "shop-unrouted", "by its argument"
    assert len(list(shop.table.explicit_bindings())) == len(file["bindings"])


def test_what_rabbitmq_wrote_comes_out_again() -> None:
    broker = SansBroker()
    load(broker, RABBITMQ_FILE.read_bytes())
    theirs, ours = as_sets(json.loads(RABBITMQ_FILE.read_bytes())), exported(broker)
    for queue in ours["queues"]:
        del queue["type"]
    for name in ("users", "permissions", "topic_permissions", "policies", "exchanges", "queues", "bindings"):
        assert as_sets(ours)[name] == theirs[name], name


def test_an_export_is_imported_into_an_empty_broker_and_survives_a_kill() -> None:
    first, second = SansBroker(), SansBroker()
    load(first, RABBITMQ_FILE.read_bytes())
    first.node.administration.put_vhost("shop", VhostMetadata("The shop", ("eu",), "quorum", True))
    first.node.parameters.set("shovel", "shop", "s", {"a": [1]})
    result = load(second, b"".join(Transfer(first.node).export()))
    assert list(result.warnings) == [
        "parameter shovel 's' in vhost 'shop' is kept, and nothing in this broker acts on it"
    ]
    assert as_sets(exported(second)) == as_sets(exported(first))
    durable = exported(second)
    transient = {one["name"] for kind in ("queues", "exchanges") for one in durable[kind] if not one["durable"]}
    durable["queues"] = [one for one in durable["queues"] if one["durable"]]
    durable["exchanges"] = [one for one in durable["exchanges"] if one["durable"]]
    assert transient == {"shop-transient", "shop-transient-q"}
    assert as_sets(exported(second.killed())) == as_sets(durable)


def test_importing_twice_changes_nothing() -> None:
    broker = SansBroker()
    load(broker, RABBITMQ_FILE.read_bytes())
    before, numbers = (
        exported(broker),
        [queue.definition.number for queue in broker.node.vhosts["shop"].queues.values()],
    )
    assert load(broker, RABBITMQ_FILE.read_bytes()).warnings == ()
    assert exported(broker) == before
    assert [queue.definition.number for queue in broker.node.vhosts["shop"].queues.values()] == numbers


def test_one_vhost_goes_out_and_into_another() -> None:
    broker = SansBroker()
    load(broker, RABBITMQ_FILE.read_bytes())
    alone = exported(broker, "shop")
    assert not {"users", "vhosts", "permissions", "topic_permissions", "global_parameters"} & set(alone)
    assert not [one for name in ("queues", "exchanges", "bindings") for one in alone[name] if "vhost" in one]
    broker.node.administration.add_vhost("copy")
    load(broker, {**alone, "users": [{"name": "intruder", "password_hash": "", "tags": ""}]}, "copy")
    assert set(broker.node.vhosts["copy"].queues) == set(broker.node.vhosts["shop"].queues)
    assert broker.node.operator_policies.get("copy", "cap").vhost == "copy"
    assert broker.node.vhost_limits.of("copy") == broker.node.vhost_limits.of("shop")
    assert "intruder" not in broker.node.users, "a vhost's import makes no users"
    assert as_sets(exported(broker, "copy"))["queues"] == as_sets(alone)["queues"]
    for call in (lambda: load(broker, {}, "nowhere"), lambda: exported(broker, "nowhere")):
        with pytest.raises(UnknownVhostError):
            call()


def test_what_is_nobodys_business_stays_here() -> None:
    broker = SansBroker()
    client = broker.connect().open()
    client.channel()
    for queue in (Queue.Declare(queue="mine", exclusive=True), Queue.Declare(queue=""), Queue.Declare(queue="all")):
        client.call(1, queue)
        client.call(1, Queue.Bind(queue="", exchange="amq.fanout"))
    client.call(1, Exchange.Declare(exchange="x"))
    ours = exported(broker)
    assert [queue["name"] for queue in ours["queues"]] == ["all"]
    assert [exchange["name"] for exchange in ours["exchanges"]] == ["x"]
    assert [binding["destination"] for binding in ours["bindings"]] == ["all"]


def test_old_forms_are_understood() -> None:
    broker = SansBroker()
    load(broker, {
        "users": [
            {"name": "old", "password_hash": "", "tags": "administrator, monitoring"},
            {"name": "plain", "password": "secret", "tags": []},
        ],
        "vhosts": [{"name": "v", "metadata": {"description": "d", "tags": ["t"], "default_queue_type": "classic"}}],
        "policies": [{"vhost": "v", "name": "p", "pattern": "^a", "definition": {"message-ttl": 1}}],
        "queues": [{"vhost": "v", "name": "q", "durable": "true", "auto_delete": "false", "arguments": []}],
        "exchanges": [{"vhost": "v", "name": "x", "type": "fanout", "durable": True, "auto_delete": False}],
        "bindings": [{"vhost": "v", "source": "x", "destination": "q", "destination_type": "queue", "arguments": []}],
    })  # fmt: skip
    node = broker.node
    assert node.users.get("old").tags == ("administrator", "monitoring")
    assert fits(broker, "plain", "secret")
    assert node.vhosts["v"].metadata == VhostMetadata("d", ("t",), "classic")
    assert node.policies.get("v", "p") == Policy("v", "p", "^a", {"message-ttl": 1}, 0, "all")
    assert len(list(node.vhosts["v"].table.explicit_bindings())) == 1


def with_one(kind: str, **members: Any) -> dict[str, Any]:
    return {"vhosts": [{"name": "v"}], "users": [{"name": "u", "password_hash": "", "tags": []}], kind: [members]}


QUEUE = {"name": "q", "vhost": "v", "durable": True, "auto_delete": False}
WRONG: list[tuple[Any, str]] = [
    ({"queues": {}}, "'queues' is no list"),
    ({"queues": [7]}, "queues[0]: it is no object"),
    (with_one("queues", vhost="v"), "queues[0]: 'name' is missing"),
    (with_one("queues", name="q"), "queues[0]: 'vhost' is missing"),
    (with_one("queues", **{**QUEUE, "vhost": "w"}), "queue 'q' in vhost 'w': there is no vhost 'w'"),
    (with_one("queues", **{**QUEUE, "durable": 1}), "queue 'q' in vhost 'v': 'durable' must be true or false"),
    (
        with_one("queues", **QUEUE, arguments={"x-message-ttl": -1}),
        "queue 'q' in vhost 'v': invalid arg 'x-message-ttl' for queue 'q' in vhost 'v': {value_negative,-1}",
    ),
    (with_one("queues", **QUEUE, type="heap"), "unsupported queue type 'heap'"),
    (with_one("queues", **QUEUE, arguments={"x": 2**63}), "queue 'q' in vhost 'v': argument 'x' does not fit 64 bits"),
    (with_one("queues", **{**QUEUE, "name": "q" * 256}), "its name has more than 255 bytes"),
    (with_one("exchanges", name="x", vhost="v", type="jms"), "exchange 'x' in vhost 'v': unknown exchange type 'jms'"),
    (
        with_one("bindings", vhost="v", source="x", destination="q", destination_type="queue", routing_key="k"),
        "binding of queue 'q' in vhost 'v' to exchange 'x' with key 'k': there is no exchange 'x' in vhost 'v'",
    ),
    (
        with_one("bindings", vhost="v", source="amq.topic", destination="q", destination_type="queue"),
        "there is no queue 'q' in vhost 'v'",
    ),
    (
        with_one("bindings", vhost="v", source="amq.headers", destination="amq.fanout", destination_type="exchange",
                 arguments={"x-match": "some"}),
        "Invalid x-match field value <<\"some\">>; expected all, any, all-with-x, or any-with-x",
    ),
    (with_one("permissions", user="w", vhost="v", configure="", write="", read=""), "there is no user 'w'"),
    (with_one("permissions", user="u", vhost="v", configure="(", write="", read=""), "expression '(' is invalid"),
    (with_one("topic_permissions", user="u", vhost="v", exchange="x", write="(", read=""), "regular expression '('"),
    (with_one("users", name="", password_hash=""), "a user's name has 1 to 255 bytes"),
    (with_one("users", name="z", password_hash="!"), "user 'z': "),
    (with_one("users", name="z", password_hash="", hashing_algorithm="rabbit_password_hashing_md5"), "user 'z': "),
    (with_one("users", name="z", password_hash="", limits={"max-queues": 1}), "user 'z': Unrecognised terms"),
    (with_one("vhosts", name="z", default_queue_type="jms"), "vhost 'z': Unsupported default queue type 'jms'"),
    (
        with_one("policies", vhost="v", name="p", pattern="", definition={"bogus": 1}),
        "policy 'p' in vhost 'v': [{<<\"bogus\">>,1}] are not recognised policy settings",
    ),
    (with_one("policies", vhost="v", name="p", pattern="("), "policy 'p' in vhost 'v': no policy provided"),
    (
        with_one("parameters", vhost="v", component="policy", name="p", value={}),
        "parameter policy 'p' in vhost 'v': policies may not be set using this method",
    ),
    (
        with_one("parameters", vhost="v", component="operator_policy", name="p", value={"pattern": ""}),
        "parameter operator_policy 'p' in vhost 'v': Key \"priority\" not found in p; Key \"definition\" not",
    ),
    (with_one("global_parameters", name="cluster_name", value=7), "global parameter 'cluster_name': "),
]  # fmt: skip


@pytest.mark.parametrize(("document", "reason"), WRONG)
def test_what_is_wrong_is_named_and_nothing_is_changed(document: Any, reason: str) -> None:
    broker = SansBroker()
    before = exported(broker)
    with pytest.raises(ImportRefusedError) as caught:
        load(broker, {"global_parameters": [{"name": "n", "value": 1}], **document})
    assert reason in str(caught.value)
    assert exported(broker) == before


def test_all_that_is_wrong_is_told_up_to_a_bound() -> None:
    wrong = [{"name": f"q{number}", "vhost": "nowhere"} for number in range(REASONS_MAX + 5)]
    with pytest.raises(ImportRefusedError) as caught:
        load(SansBroker(), {"queues": wrong})
    lines = str(caught.value).splitlines()
    assert lines[0] == "queue 'q0' in vhost 'nowhere': there is no vhost 'nowhere'"
    assert lines[-1] == "… and 5 more"
    assert len(lines) == REASONS_MAX + 1


def test_too_many_queues_for_a_vhost() -> None:
    broker = SansBroker()
    broker.node.vhost_limits.set("/", {"max-queues": 2})
    queues = [{"name": name, "vhost": "/", "durable": True, "auto_delete": False} for name in "abc"]
    load(broker, {"queues": queues[:2]})
    load(broker, {"queues": queues[:2]})
    with pytest.raises(
        ImportRefusedError, match=r'Adding 1 queue\(s\) to virtual host "/" would exceed the limit of 2'
    ):
        load(broker, {"queues": queues})
    assert set(broker.vhost.queues) == {"a", "b"}


def test_what_is_there_with_other_arguments_stays_as_it_is() -> None:
    broker = SansBroker()
    client = broker.connect().open()
    client.channel()
    client.call(1, Queue.Declare(queue="q", durable=True, arguments={"x-max-priority": 5}))
    client.call(1, Exchange.Declare(exchange="x", exchange_type="topic", durable=True))
    result = load(broker, {
        "queues": [{"name": "q", "vhost": "/", "durable": True, "auto_delete": False, "arguments": {}}],
        "exchanges": [{"name": "x", "vhost": "/", "type": "fanout", "durable": True, "auto_delete": False}],
        "bindings": [{"vhost": "/", "source": "x", "destination": "q", "destination_type": "queue"}],
    })  # fmt: skip
    assert broker.vhost.queues["q"].settings.priority_max == 5
    assert broker.vhost.table.exchanges["x"].type == "topic"
    assert [text.partition(":")[0] for text in result.warnings] == [
        "exchange 'x' in vhost '/' is left as it is", "queue 'q' in vhost '/' is left as it is",
    ]  # fmt: skip
    assert len(list(broker.vhost.table.explicit_bindings())) == 1


def test_reserved_queues_are_left_out_with_their_bindings() -> None:
    broker = SansBroker()
    result = load(broker, {
        "queues": [{"name": "amq.gen-x", "vhost": "/", "durable": True, "auto_delete": False}],
        "bindings": [{"vhost": "/", "source": "amq.topic", "destination": "amq.gen-x", "destination_type": "queue"}],
    })  # fmt: skip
    assert len(result.warnings) == 2
    assert result.counts == {"queues": 0, "bindings": 0}
    assert not broker.vhost.queues


def test_what_goes_while_the_import_is_under_way_is_told() -> None:
    broker = SansBroker()
    count = OBJECTS_PER_STEP * 3
    queues = [{"name": f"q{number}", "vhost": "v", "durable": True, "auto_delete": False} for number in range(count)]
    steps = Transfer(broker.node).load(json.dumps({"vhosts": [{"name": "v"}], "queues": queues}).encode())
    while "v" not in broker.node.vhosts:
        next(steps)
    broker.node.administration.delete_vhost("v")
    with pytest.raises(ImportIncompleteError, match='Virtual host "v" does not exist'):
        deque(steps, 0)


def test_more_queues_than_numbers_wait_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    broker = SansBroker()
    numbers = broker.node._keeper._numbers
    monkeypatch.setattr(numbers, "_block", 4)
    numbers._last = numbers._stored - 4
    queues = [{"name": f"q{number}", "vhost": "/", "durable": True, "auto_delete": False} for number in range(50)]
    load(broker, {"queues": queues})
    assert len(broker.killed().vhost.queues) == 50


def test_parameters_of_old_files_for_vhost_limits() -> None:
    broker = SansBroker()
    load(broker, {"parameters": [{"value": [], "vhost": "/", "component": "vhost-limits", "name": "limits"}]})
    assert broker.node.parameters.all() == []
    load(broker, {"parameters": [{"value": {"a": None}, "vhost": "/", "component": "c", "name": "n"}]})
    assert broker.node.parameters.all() == [Parameter("c", "/", "n", {"a": None})]
