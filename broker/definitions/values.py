"""The values of stored definitions: JSON objects, each with the version of its layout. Must not: know keys.

Upgrade rule: a broker reads every version from 1 to its own and refuses a newer one; members may only be added with a
new version. What is not known is an error, never dropped: a definition half understood would be another definition.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from broker.auth.permissions import Permission
from broker.auth.topic_permissions import TopicPermission
from broker.auth.users import User
from broker.definitions.fields import table_from_json, table_to_json
from broker.model.arguments import NO_ARGUMENTS, Arguments
from broker.model.vhost_metadata import NO_METADATA, VhostMetadata
from broker.policies.policy import Policy
from broker.queues.definition import Former, QueueDefinition
from broker.queues.offsets import Kept
from broker.routing.exchange import Exchange

VERSION: Final = 1
VHOST_VERSION: Final = 2  # since it has metadata; one without any is still written as version 1


class StoredBinding(NamedTuple):
    """A binding without its destination."""

    source: str
    routing_key: str
    arguments: dict[str, object]


def _encode(members: Mapping[str, object], version: int = VERSION) -> bytes:
    return json.dumps({"version": version, **members}, separators=(",", ":"), allow_nan=False).encode()


def _decode(value: bytes, newest: int = VERSION) -> dict[str, Any]:
    members = json.loads(value.decode())  # a text spares json a guess
    version = members.pop("version")
    if version not in range(VERSION, newest + 1):
        raise ValueError(f"it has version {version}, and this broker knows versions up to {newest}")
    return dict(members)


def _arguments_to_json(arguments: Arguments) -> dict[str, object]:
    if not arguments.values:
        return {}
    return {"arguments": table_to_json(arguments.values), "argument_types": dict(arguments.types)}


def _arguments_from_json(members: dict[str, Any]) -> Arguments:
    if "arguments" not in members:
        return NO_ARGUMENTS
    return Arguments(table_from_json(members["arguments"]), members["argument_types"])


def encode_vhost(metadata: VhostMetadata) -> bytes:
    """A vhost without its name."""
    if metadata == NO_METADATA:
        return _encode({})
    return _encode({
        "description": metadata.description, "tags": list(metadata.tags),
        "default_queue_type": metadata.default_queue_type,
        "protected_from_deletion": metadata.protected_from_deletion,
    }, VHOST_VERSION)  # fmt: skip


def decode_vhost(value: bytes) -> VhostMetadata:
    """What is said of a vhost."""
    members = _decode(value, VHOST_VERSION)
    return VhostMetadata(**{**members, "tags": tuple(members.get("tags", ()))})


def encode_counter(last: int) -> bytes:
    """A counter's last number."""
    return _encode({"last": last})


def decode_counter(value: bytes) -> int:
    """A counter's last number."""
    return int(_decode(value)["last"])


def encode_user(user: User) -> bytes:
    """A user without its name."""
    return _encode({"password_hash": user.password_hash, "hashing_algorithm": user.algorithm, "tags": list(user.tags)})


def decode_user(name: str, value: bytes) -> User:
    """A user. Raises: ValueError, LookupError, TypeError, as the other decoders."""
    members = _decode(value)
    return User(name, members["password_hash"], tuple(members["tags"]), members["hashing_algorithm"])


def encode_permission(permission: Permission) -> bytes:
    """A permission without its user and vhost."""
    return _encode({"configure": permission.configure, "write": permission.write, "read": permission.read})


def decode_permission(vhost: str, user: str, value: bytes) -> Permission:
    """A permission."""
    members = _decode(value)
    return Permission(user, vhost, members["configure"], members["write"], members["read"])


def encode_topic_permission(permission: TopicPermission) -> bytes:
    """A topic permission without its user, vhost and exchange."""
    return _encode({"write": permission.write, "read": permission.read})


def decode_topic_permission(vhost: str, exchange: str, user: str, value: bytes) -> TopicPermission:
    """A topic permission."""
    members = _decode(value)
    return TopicPermission(user, vhost, exchange, members["write"], members["read"])


def encode_policy(policy: Policy) -> bytes:
    """A policy, or an operator policy, without its vhost and name."""
    return _encode({
        "pattern": policy.pattern, "definition": dict(policy.definition), "priority": policy.priority,
        "apply_to": policy.apply_to,
    })  # fmt: skip


def decode_policy(vhost: str, name: str, value: bytes) -> Policy:
    """A policy, or an operator policy."""
    return Policy(vhost, name, **_decode(value))


def encode_offset(kept: Kept) -> bytes:
    """How far a named consumer of a stream has come."""
    return _encode({"next": kept.next, "at_ms": kept.at_ms})


def decode_offset(value: bytes) -> Kept:
    """How far a named consumer of a stream has come."""
    members = _decode(value)
    return Kept(int(members["next"]), int(members["at_ms"]))


def encode_value(value: object) -> bytes:
    """What JSON can say: a parameter's value, or limits."""
    return _encode({"value": value})


def decode_value(value: bytes) -> Any:
    """A parameter's value, or limits."""
    return _decode(value)["value"]


def encode_exchange(exchange: Exchange, arguments: Arguments) -> bytes:
    """A durable exchange without its name."""
    return _encode({
        "type": exchange.type, "auto_delete": exchange.auto_delete, "internal": exchange.internal,
        **_arguments_to_json(arguments),
    })  # fmt: skip


def decode_exchange(name: str, value: bytes) -> tuple[Exchange, Arguments]:
    """A durable exchange, and the arguments it was declared with."""
    members = _decode(value)
    arguments = _arguments_from_json(members)
    alternate = arguments.get("alternate-exchange")
    exchange = Exchange(
        name, members["type"], True, members["auto_delete"], members["internal"], dict(arguments.values),
        alternate if isinstance(alternate, str) else None,
    )  # fmt: skip
    return exchange, arguments


def encode_queue(definition: QueueDefinition) -> bytes:
    """A durable queue without its name."""
    former = [[one.number, one.priority_max, one.is_sorted] for one in definition.former]
    return _encode({
        "number": definition.number, "auto_delete": definition.auto_delete, **_arguments_to_json(definition.arguments),
        **({"former": former} if former else {}),
    })  # fmt: skip


def decode_queue(name: str, value: bytes) -> QueueDefinition:
    """A durable queue that is not exclusive."""
    members = _decode(value)
    arguments = _arguments_from_json(members)
    former = tuple(Former(*one) for one in members.get("former", ()))
    return QueueDefinition(name, True, False, members["auto_delete"], arguments, None, members["number"], former)


def encode_binding(binding: StoredBinding) -> bytes:
    """A binding without its destination."""
    members: dict[str, object] = {"source": binding.source, "routing_key": binding.routing_key}
    if binding.arguments:
        members["arguments"] = table_to_json(binding.arguments)
    return _encode(members)


def decode_binding(value: bytes) -> StoredBinding:
    """A binding."""
    members = _decode(value)
    return StoredBinding(members["source"], members["routing_key"], table_from_json(members.get("arguments", {})))
