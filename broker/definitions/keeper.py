"""Writes every change of a definition through to the store, and says whether it has arrived there.

Stop between vhost, administration and the store. Must not: decide whether a change may be, or know SQLite.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from broker.auth.permissions import Permission
from broker.auth.topic_permissions import TopicPermission
from broker.auth.users import User
from broker.definitions import values
from broker.definitions.keys import binding_key, key_of
from broker.definitions.numbers import QueueNumbers
from broker.definitions.values import StoredBinding
from broker.model.arguments import Arguments
from broker.model.vhost_metadata import VhostMetadata
from broker.policies.limits import Limits
from broker.policies.parameters import Parameter
from broker.policies.policy import Policy
from broker.queues.definition import QueueDefinition
from broker.queues.offsets import Kept
from broker.routing.binding import Binding, DestinationKind
from broker.routing.exchange import Exchange
from storage.definitions import Definitions

NOT_STORED: Final = "this has taken effect, and is undone by a restart before it can be stored"


class VhostKeeper:
    """Keeps the durable queues, exchanges and bindings of one vhost; who calls sees to it that they are durable."""

    __slots__ = ("_name", "_numbers", "store")

    def __init__(self, vhost: str, store: Definitions, numbers: QueueNumbers) -> None:
        self._name = vhost
        self._numbers = numbers
        self.store = store

    def add_queue(self, definition: QueueDefinition) -> QueueDefinition:
        """Keeps a new queue; returns its definition with its number.

        Raises: ChannelException 406, ConnectionException 506 where no number is to be had; nothing has changed then.
        """
        numbered = replace(definition, number=self._numbers.take())
        self.store.put(key_of("queue", self._name, definition.name), values.encode_queue(numbered))
        return numbered

    def change_queue(self, definition: QueueDefinition) -> None:
        """Keeps what a queue is from now on, all of it in one row."""
        self.store.put(key_of("queue", self._name, definition.name), values.encode_queue(definition))

    def next_number(self) -> int:
        """A number for a queue that is to have another one.

        Raises: ChannelException 406, ConnectionException 506 where none is to be had.
        """
        return self._numbers.take()

    def add_window(self, exchange: str) -> int:
        """Keeps and returns a new number for what an exchange's window knows. Raises: as `add_queue`."""
        number = self._numbers.take()
        self.store.put(key_of("window", self._name, exchange), values.encode_value(number))
        return number

    def remove_window(self, exchange: str) -> None:
        """A window is gone; it may have had no number."""
        key = key_of("window", self._name, exchange)
        if self.store.get(key) is not None:
            self.store.delete(key)

    def number_of_held(self) -> int:
        """Keeps and returns a new number for the streams of what the vhost holds. Raises: as `add_queue`."""
        number = self._numbers.take()
        self.store.put(key_of("held", self._name), values.encode_value(number))
        return number

    def remove_queue(self, name: str) -> None:
        """A queue is gone."""
        self.store.delete(key_of("queue", self._name, name))

    def add_exchange(self, exchange: Exchange, arguments: Arguments) -> None:
        """Keeps a new exchange."""
        self.store.put(key_of("exchange", self._name, exchange.name), values.encode_exchange(exchange, arguments))

    def remove_exchange(self, name: str) -> None:
        """An exchange is gone."""
        self.store.delete(key_of("exchange", self._name, name))

    def bind(
        self, source: str, kind: DestinationKind, destination: str, key: str, arguments: Mapping[str, object]
    ) -> None:
        """Keeps a new binding."""
        at = binding_key(self._name, kind, destination, source, key, arguments)
        self.store.put(at, values.encode_binding(StoredBinding(source, key, dict(arguments))))

    def unbind(self, binding: Binding) -> None:
        """A binding is gone."""
        kind, arguments = binding.destination_kind, binding.arguments
        self.store.delete(
            binding_key(self._name, kind, binding.destination, binding.source, binding.routing_key, arguments)
        )

    def offset_changed(self, queue: str, label: str, kept: Kept | None) -> None:
        """A named consumer of a stream has come further, or, with None, is forgotten."""
        key = key_of("offset", self._name, queue, label)
        if kept is None:
            self.store.delete(key)
        else:
            self.store.put(key, values.encode_offset(kept))

    def queue_is_pending(self, name: str) -> bool:
        """Whether the queue's declaration or deletion is not on the disk yet."""
        return self.store.pending and self.store.is_pending(key_of("queue", self._name, name))

    def exchange_is_pending(self, name: str) -> bool:
        """Whether the exchange's declaration or deletion is not on the disk yet."""
        return self.store.pending and self.store.is_pending(key_of("exchange", self._name, name))

    def binding_is_pending(
        self, source: str, kind: DestinationKind, destination: str, key: str, arguments: Mapping[str, object]
    ) -> bool:
        """Whether the binding, or that it is gone, is not on the disk yet."""
        return self.store.pending and self.store.is_pending(
            binding_key(self._name, kind, destination, source, key, arguments)
        )

    def when_stored(self, callback: Callable[[], None], on_trouble: Callable[[str], None]) -> None:
        """Calls once everything changed so far is on the disk; `on_trouble` with the reason where that fails."""
        self.store.when_stored(callback, lambda why: on_trouble(f"{why}; {NOT_STORED}"))


class Keeper:
    """Keeps vhosts, users and permissions, and makes the keepers of vhosts."""

    __slots__ = ("_numbers", "_store")

    def __init__(self, store: Definitions) -> None:
        self._store = store
        self._numbers = QueueNumbers(store)

    def vhost(self, name: str) -> VhostKeeper:
        """The keeper of one vhost."""
        return VhostKeeper(name, self._store, self._numbers)

    def put_vhost(self, name: str, metadata: VhostMetadata) -> None:
        """Keeps a vhost, new or with something else said of it."""
        self._store.put(key_of("vhost", name), values.encode_vhost(metadata))

    def remove_vhost(self, name: str) -> None:
        """A vhost is gone, with everything in it."""
        self._store.delete(key_of("vhost", name))
        self._store.delete(key_of("held", name))
        for kind in ("queue", "exchange", "offset", "window"):
            for key, _ in self._store.items(key_of(kind, name, "")):
                self._store.delete(key)

    def user_changed(self, name: str, user: User | None) -> None:
        """A user is new, or another, or None: gone."""
        if user is None:
            self._store.delete(key_of("user", name))
        else:
            self._store.put(key_of("user", name), values.encode_user(user))

    def permission_changed(self, user: str, vhost: str, permission: Permission | None) -> None:
        """A permission is new, or another, or None: gone."""
        if permission is None:
            self._store.delete(key_of("permission", vhost, user))
        else:
            self._store.put(key_of("permission", vhost, user), values.encode_permission(permission))

    def policy_changed(self, vhost: str, name: str, policy: Policy | None) -> None:
        """A policy is new, or another, or None: gone."""
        self._put(key_of("policy", vhost, name), None if policy is None else values.encode_policy(policy))

    def operator_policy_changed(self, vhost: str, name: str, policy: Policy | None) -> None:
        """An operator policy is new, or another, or None: gone."""
        self._put(key_of("operator_policy", vhost, name), None if policy is None else values.encode_policy(policy))

    def parameter_changed(self, at: tuple[str, str, str], parameter: Parameter | None) -> None:
        """A parameter is new, or another, or None: gone. Args: at is component, vhost and name."""
        component, vhost, name = at
        key = key_of("parameter", vhost, component, name)
        self._put(key, None if parameter is None else values.encode_value(parameter.value))

    def global_parameter_changed(self, name: str, value: object, is_there: bool) -> None:
        """A global parameter is new, or another, or gone."""
        self._put(key_of("global_parameter", name), values.encode_value(value) if is_there else None)

    def vhost_limits_changed(self, vhost: str, limits: Limits | None) -> None:
        """The limits of a vhost are new, or others, or None: gone."""
        self._put(key_of("vhost_limits", vhost), None if limits is None else values.encode_value(limits))

    def user_limits_changed(self, user: str, limits: Limits | None) -> None:
        """The limits of a user are new, or others, or None: gone."""
        self._put(key_of("user_limits", user), None if limits is None else values.encode_value(limits))

    def _put(self, key: str, value: bytes | None) -> None:
        if value is None:
            self._store.delete(key)
        else:
            self._store.put(key, value)

    def topic_permission_changed(self, at: tuple[str, str, str], permission: TopicPermission | None) -> None:
        """What a user may do with routing keys at an exchange is new, or another, or None: gone."""
        user, vhost, exchange = at
        key = key_of("topic_permission", vhost, exchange, user)
        if permission is None:
            self._store.delete(key)
        else:
            self._store.put(key, values.encode_topic_permission(permission))

    def when_stored(self, callback: Callable[[], None], on_trouble: Callable[[str], None]) -> None:
        """Calls once everything changed so far is on the disk; `on_trouble` with the reason where that fails."""
        self._store.when_stored(callback, lambda why: on_trouble(f"{why}; {NOT_STORED}"))
