"""Runtime parameters are kept, and those that RabbitMQ keeps elsewhere are found under their own rules."""

from __future__ import annotations

import pytest

from broker.policies.parameters import VALUE_BYTES_MAX, Parameter
from broker.policies.policy import Policy
from tests.support.sansio import SansBroker


def test_set_get_clear() -> None:
    parameters = SansBroker().node.parameters
    assert parameters.set("shovel", "/", "s", {"src": ["a"]}) is True
    assert parameters.set("shovel", "/", "s", {"src": ["b"]}) is False
    kept = Parameter("shovel", "/", "s", {"src": ["b"]})
    assert parameters.get("shovel", "/", "s") == kept
    assert parameters.all() == parameters.all("shovel") == parameters.all("shovel", "/") == [kept]
    assert parameters.all("federation") == []
    parameters.clear("shovel", "/", "s")
    assert parameters.all() == []
    with pytest.raises(LookupError, match=r"^Parameter does not exist$"):
        parameters.clear("shovel", "/", "s")
    with pytest.raises(LookupError, match='Virtual host "v" does not exist'):
        parameters.set("shovel", "v", "s", 1)


def test_policies_are_no_parameters() -> None:
    parameters = SansBroker().node.parameters
    with pytest.raises(ValueError, match=r"^policies may not be set using this method$"):
        parameters.set("policy", "/", "p", {"pattern": "", "definition": {"message-ttl": 1}, "priority": 0})
    with pytest.raises(ValueError, match=r"^policies may not be cleared using this method$"):
        parameters.clear("policy", "/", "p")


def test_operator_policies_are_parameters_too() -> None:
    node = SansBroker().node
    value = {"pattern": "^q", "definition": {"message-ttl": 1}, "priority": 1}
    assert node.parameters.set("operator_policy", "/", "op", value)
    assert node.operator_policies.get("/", "op") == Policy("/", "op", "^q", {"message-ttl": 1}, 1)
    shown = Parameter("operator_policy", "/", "op", {**value, "apply-to": "all"})
    assert node.parameters.get("operator_policy", "/", "op") == shown
    assert node.parameters.all() == [shown]
    node.parameters.clear("operator_policy", "/", "op")
    assert not node.operator_policies.all()
    with pytest.raises(ValueError, match='Key "priority" not found in op\nKey "pattern" not found in op\n'):
        node.parameters.set("operator_policy", "/", "op", {"definition": {"message-ttl": 1}})
    with pytest.raises(ValueError, match=r'Unrecognised terms \[{<<"zzz">>,1}\] in op'):
        node.parameters.set("operator_policy", "/", "op", {**value, "zzz": 1})


def test_vhost_limits_are_parameters_too() -> None:
    node = SansBroker().node
    assert node.parameters.set("vhost-limits", "/", "limits", {"max-queues": 5})
    assert node.vhost_limits.of("/") == {"max-queues": 5}
    assert node.parameters.all() == [Parameter("vhost-limits", "/", "limits", {"max-queues": 5})]
    with pytest.raises(ValueError, match="Unrecognised terms"):
        node.parameters.set("vhost-limits", "/", "limits", {"max-bogus": 5})
    node.parameters.clear("vhost-limits", "/", "limits")
    assert not node.vhost_limits.of("/")


def test_values_are_json_and_bounded() -> None:
    parameters = SansBroker().node.parameters
    for value in (float("nan"), object(), "x" * VALUE_BYTES_MAX):
        with pytest.raises(ValueError, match="a parameter's value"):
            parameters.set("shovel", "/", "s", value)
    assert not parameters.all()


def test_global_parameters() -> None:
    node = SansBroker().node
    values = node.global_parameters
    assert values.set("n", {"a": [1, None]}) is True
    assert values.set("n", 7) is False
    assert (values.get("n"), values.all()) == (7, {"n": 7})
    values.clear("n")
    with pytest.raises(LookupError, match=r"^Parameter does not exist$"):
        values.clear("n")


def test_the_name_of_the_cluster_is_told_to_clients_and_survives() -> None:
    broker = SansBroker()
    node = broker.node
    first, own = node.cluster_name, node.name
    node.global_parameters.set("cluster_name", "rabbit@home")
    assert (node.cluster_name, node.name) == ("rabbit@home", own)
    broker.turn()
    after = broker.killed()
    assert after.node.services.server_properties["cluster_name"] == "rabbit@home"
    after.node.global_parameters.clear("cluster_name")
    assert after.node.services.server_properties["cluster_name"] == after.node.cluster_name == first
    with pytest.raises(ValueError, match="cluster_name is a text that is not empty"):
        node.global_parameters.set("cluster_name", "")


def test_parameters_are_there_after_a_kill() -> None:
    broker = SansBroker()
    node = broker.node
    node.parameters.set("a/b", "/", "n/1", {"x": [1, 2.5, None, "ü"]})
    node.parameters.set("gone", "/", "n", 1)
    node.parameters.clear("gone", "/", "n")
    node.global_parameters.set("null", None)
    node.global_parameters.set("gone", 1)
    node.global_parameters.clear("gone")
    broker.turn()
    after = broker.killed().node
    assert after.parameters.all() == node.parameters.all() == [Parameter("a/b", "/", "n/1", {"x": [1, 2.5, None, "ü"]})]
    assert after.global_parameters.all() == {"null": None}
