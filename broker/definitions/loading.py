"""Brings back what is stored at a start: vhosts, users, permissions, exchanges, queues, then bindings.

Must not: write.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any

from broker.auth.permissions import PermissionStore
from broker.auth.topic_permissions import TopicPermissionStore
from broker.auth.users import UserStore
from broker.definitions import values
from broker.definitions.keys import names_of
from broker.model.vhost_metadata import VhostMetadata
from broker.policies.policy import Policy
from broker.policies.rules import Rules
from broker.policies.store import PolicyStore
from broker.queues.stream import StreamQueue
from broker.vhost import Vhost
from protocol.errors import AmqpError
from storage.definitions import Definitions
from storage.definitions_disk import DefinitionsError

BINDING_PARTS = 6  # queue/V/Q/binding/SOURCE/KEY

Row = tuple[str, list[str], bytes]


def load(
    store: Definitions,
    users: UserStore,
    permissions: PermissionStore,
    topic_permissions: TopicPermissionStore,
    rules: Rules,
    vhosts: dict[str, Vhost],
    new_vhost: Callable[[str, VhostMetadata], Vhost],
) -> None:
    """Fills the stores and `vhosts`. Raises: DefinitionsError for an entry that cannot be understood."""
    rows: dict[str, list[Row]] = {}
    for key, entry in store.items():
        names = names_of(key)
        kind = "binding" if len(names) == BINDING_PARTS else names[0]
        rows.setdefault(kind, []).append((key, names, entry.value))

    def bring_back(kind: str, restore: Callable[[list[str], bytes], Any]) -> None:
        for key, names, value in rows.pop(kind, ()):
            try:
                restore(names, value)
            except (ValueError, LookupError, TypeError, AttributeError, AmqpError) as error:
                raise _not_understood(key, f"{type(error).__name__}: {error}") from error

    bring_back("vhost", lambda names, value: vhosts.update({names[1]: new_vhost(names[1], values.decode_vhost(value))}))
    bring_back("user", lambda names, value: users.put(values.decode_user(names[1], value)))
    bring_back("permission", lambda names, value: permissions.set(values.decode_permission(names[1], names[2], value)))
    bring_back("topic_permission", lambda names, value: _topic_permission(topic_permissions, names, value))
    _bring_back_rules(rules, bring_back)
    bring_back("exchange", lambda names, value: _exchange(vhosts[names[1]], names[2], value))
    bring_back("window", lambda names, value: vhosts[names[1]].restore_window(names[2], values.decode_value(value)))
    bring_back("queue", lambda names, value: vhosts[names[1]].restore_queue(values.decode_queue(names[2], value)))
    bring_back("held", lambda names, value: vhosts[names[1]].restore_held(int(values.decode_value(value))))
    bring_back("offset", lambda names, value: _offset(vhosts[names[1]], names[2], names[3], value))
    bring_back("binding", lambda names, value: _binding(vhosts[names[1]], names, value))
    rows.pop("counter", None)
    for kind, unknown in rows.items():
        raise _not_understood(unknown[0][0], f"this broker knows nothing called {kind}")


def _bring_back_rules(rules: Rules, bring_back: Callable[[str, Callable[[list[str], bytes], Any]], None]) -> None:
    """Before anything they apply to."""
    read = values.decode_value

    def policy(store: PolicyStore) -> Callable[[list[str], bytes], Any]:
        return lambda names, value: store.set(**_members(values.decode_policy(names[1], names[2], value)))

    bring_back("policy", policy(rules.policies))
    bring_back("operator_policy", policy(rules.operator_policies))
    bring_back("vhost_limits", lambda names, value: rules.vhost_limits.set(names[1], read(value)))
    bring_back("user_limits", lambda names, value: rules.user_limits.set(names[1], read(value)))
    bring_back("parameter", lambda names, value: rules.parameters.set(names[2], names[1], names[3], read(value)))
    bring_back("global_parameter", lambda names, value: rules.global_parameters.set(names[1], read(value)))


def _members(policy: Policy) -> dict[str, Any]:
    return {field.name: getattr(policy, field.name) for field in fields(policy)}


def _not_understood(key: str, why: str) -> DefinitionsError:
    return DefinitionsError(
        f"cannot understand the stored definition {key} ({why}); "
        "start the version of the broker that wrote it, or restore the definitions from a backup"
    )


def _topic_permission(store: TopicPermissionStore, names: list[str], value: bytes) -> None:
    store.set(values.decode_topic_permission(names[1], names[2], names[3], value))


def _exchange(vhost: Vhost, name: str, value: bytes) -> None:
    vhost.restore_exchange(*values.decode_exchange(name, value))


def _offset(vhost: Vhost, queue: str, label: str, value: bytes) -> None:
    stream = vhost.queues[queue]
    if isinstance(stream, StreamQueue):
        stream.offsets.restore(label, values.decode_offset(value))


def _binding(vhost: Vhost, names: list[str], value: bytes) -> None:
    """Raises: KeyError where an end is missing: both go together with their bindings."""
    binding = values.decode_binding(value)
    destination = vhost.queues[names[2]] if names[0] == "queue" else vhost.table.exchanges[names[2]]
    source = vhost.table.exchanges[binding.source]
    vhost.table.bind(source, destination, binding.routing_key, binding.arguments)
