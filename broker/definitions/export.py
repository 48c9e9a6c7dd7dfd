"""All definitions, or those of a vhost, as the definitions.json that RabbitMQ reads and writes, piece by piece.

Must not: change anything. What is made or deleted between two pieces may be missing or there, but every binding that
is written leads from and to what is written.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, Final, Protocol

from broker.auth.permissions import PermissionStore
from broker.auth.topic_permissions import TopicPermissionStore
from broker.auth.users import UserStore
from broker.definitions.plain import plain
from broker.model.names import RESERVED_PREFIX
from broker.policies.parameters import INTERNAL_PREFIX, Parameter
from broker.policies.policy import Policy
from broker.policies.rules import Rules
from broker.queues.queue import Queue
from broker.routing.exchange import Binding, Exchange
from broker.vhost import Vhost

OBJECTS_PER_PIECE: Final = 50

Objects = Iterable[dict[str, Any]]


class Exported(Protocol):
    """The parts of a node that are exported."""

    leveret_version: str
    vhosts: dict[str, Vhost]
    users: UserStore
    permissions: PermissionStore
    topic_permissions: TopicPermissionStore
    rules: Rules


class _Vhosts:
    """What there was of queues and exchanges when the export began; bindings come last, between what was written."""

    def __init__(self, vhosts: Iterable[Vhost], with_name: bool) -> None:
        self.vhosts = list(vhosts)
        self._with_name = with_name
        self._queues = [(vhost, list(vhost.queues.values())) for vhost in self.vhosts]
        self._exchanges = [(vhost, list(vhost.table.exchanges.values())) for vhost in self.vhosts]
        self._written: set[tuple[str, str, str]] = set()

    def _of(self, vhost: Vhost, members: dict[str, Any]) -> dict[str, Any]:
        return {**members, "vhost": vhost.name} if self._with_name else members

    def queues(self) -> Objects:
        """Queues that are nobody's own; what is reserved could not be declared anywhere else."""
        for vhost, queues in self._queues:
            for queue in queues:
                if _goes(queue):
                    self._written.add((vhost.name, "queue", queue.name))
                    yield self._of(vhost, _queue(queue))

    def exchanges(self) -> Objects:
        """Exchanges but those that every vhost has."""
        for vhost, exchanges in self._exchanges:
            for exchange in exchanges:
                self._written.add((vhost.name, "exchange", exchange.name))
                if exchange.name and not exchange.name.startswith(RESERVED_PREFIX):
                    yield self._of(vhost, _exchange(exchange, vhost))

    def bindings(self) -> Objects:
        """Bindings between what was written, but those that the default exchange has by itself."""
        for vhost in self.vhosts:
            for binding in vhost.table.explicit_bindings():
                ends = {("exchange", binding.source), (binding.destination_kind, binding.destination)}
                if all((vhost.name, *end) in self._written for end in ends):
                    yield self._of(vhost, _binding(binding))


def _goes(queue: Queue) -> bool:
    return not queue.definition.exclusive and not queue.name.startswith(RESERVED_PREFIX)


def _queue(queue: Queue) -> dict[str, Any]:
    definition = queue.definition
    return {
        "name": queue.name, "type": queue.settings.queue_type, "durable": definition.durable,
        "auto_delete": definition.auto_delete, "arguments": plain(definition.arguments.values),
    }  # fmt: skip


def _exchange(exchange: Exchange, vhost: Vhost) -> dict[str, Any]:
    return {
        "name": exchange.name, "type": exchange.type, "durable": exchange.durable, "auto_delete": exchange.auto_delete,
        "internal": exchange.internal, "arguments": plain(vhost.declared_arguments(exchange.name).values),
    }  # fmt: skip


def _binding(binding: Binding) -> dict[str, Any]:
    return {
        "source": binding.source, "destination": binding.destination, "destination_type": binding.destination_kind,
        "routing_key": binding.routing_key, "arguments": plain(binding.arguments),
    }  # fmt: skip


def policy_object(policy: Policy) -> dict[str, Any]:
    """A policy as RabbitMQ shows it."""
    return {
        "vhost": policy.vhost, "name": policy.name, "pattern": policy.pattern, "apply-to": policy.apply_to,
        "definition": dict(policy.definition), "priority": policy.priority,
    }  # fmt: skip


def parameter_object(parameter: Parameter) -> dict[str, Any]:
    """A parameter as RabbitMQ shows it."""
    return {
        "vhost": parameter.vhost, "component": parameter.component, "name": parameter.name, "value": parameter.value,
    }  # fmt: skip


def _vhost(vhost: Vhost) -> dict[str, Any]:
    said = vhost.metadata
    metadata: dict[str, Any] = {"description": said.description, "tags": list(said.tags)}
    if said.default_queue_type:
        metadata["default_queue_type"] = said.default_queue_type
    if said.protected_from_deletion:
        metadata["protected_from_deletion"] = True
    return {"name": vhost.name, "description": said.description, "tags": list(said.tags), "metadata": metadata}


def _users(node: Exported) -> Objects:
    for user in node.users.all():
        yield {
            "name": user.name, "password_hash": user.password_hash, "hashing_algorithm": user.algorithm,
            "tags": list(user.tags), "limits": dict(node.rules.user_limits.of(user.name)),
        }  # fmt: skip


def _permissions(node: Exported) -> Objects:
    for one in node.permissions.all():
        yield {"user": one.user, "vhost": one.vhost, "configure": one.configure, "write": one.write, "read": one.read}


def _topic_permissions(node: Exported) -> Objects:
    for one in node.topic_permissions.all():
        yield {"user": one.user, "vhost": one.vhost, "exchange": one.exchange, "write": one.write, "read": one.read}


def _global_parameters(node: Exported) -> Objects:
    for name, value in node.rules.global_parameters.all().items():
        if not name.startswith(INTERNAL_PREFIX):
            yield {"name": name, "value": value}


def export(node: Exported, product: str, version: str, vhost: Vhost | None = None) -> Iterator[bytes]:
    """The pieces of the file; between two of them the broker may go on.

    Args: product and version are those announced to clients; vhost chooses the definitions of one vhost, without users
    and permissions, and without its name in them, so that they fit any vhost.
    """
    of_vhosts = _Vhosts(node.vhosts.values() if vhost is None else [vhost], vhost is None)
    name, rules = None if vhost is None else vhost.name, node.rules
    head: dict[str, Any] = {"rabbit_version": version, "leveret_version": node.leveret_version}
    lists: dict[str, Callable[[], Objects]] = {
        "parameters": lambda: map(parameter_object, rules.parameters.all(vhost=name)),
        "policies": lambda: map(policy_object, rules.policies.all(name)),
        "queues": of_vhosts.queues,
        "exchanges": of_vhosts.exchanges,
        "bindings": of_vhosts.bindings,
    }
    if vhost is None:
        head |= {"rabbitmq_version": version, "product_name": product, "product_version": version}
        lists = {
            "users": lambda: _users(node),
            "vhosts": lambda: map(_vhost, of_vhosts.vhosts),
            "permissions": lambda: _permissions(node),
            "topic_permissions": lambda: _topic_permissions(node),
            "global_parameters": lambda: _global_parameters(node),
            **lists,
        }
    yield json.dumps(head)[:-1].encode()
    for member, objects in lists.items():
        yield f',"{member}":'.encode()
        yield from _pieces(objects())
    yield b"}"


def _pieces(objects: Objects) -> Iterator[bytes]:
    """A list, some objects a piece."""
    waiting, opening = iter(objects), "["
    while some := [json.dumps(one, allow_nan=False) for one in islice(waiting, OBJECTS_PER_PIECE)]:
        yield (opening + ",".join(some)).encode()
        opening = ","
    yield b"]" if opening == "," else b"[]"
