"""Makes what the checked objects of a definitions file say, each at once. Must not: check what checking can.

Between check and effect the broker went on: what has changed meanwhile is an error, or left as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Protocol

from broker.administration import Administration
from broker.auth.users import User, UserStore
from broker.model import argument_checks as checks
from broker.model.arguments import EXCHANGE, QUEUE, Arguments
from broker.model.names import rs
from broker.model.vhost_metadata import VhostMetadata
from broker.policies.parameters import VHOST_LIMITS
from broker.policies.policy import OPERATOR_POLICY, Policy
from broker.policies.rules import Rules
from broker.queues.definition import QueueDefinition
from broker.routing.exchange import Exchange
from broker.vhost import Vhost
from protocol.errors import ChannelException

DONE: Final = ""


class Imported(Protocol):
    """The parts of a node that definitions go into."""

    vhosts: dict[str, Vhost]
    users: UserStore
    rules: Rules
    administration: Administration


class Applier:
    """Each method makes one thing, or leaves one that is there, and returns what is worth a warning.

    They raise LookupError and ValueError for what is not there any more, and AmqpError for what the broker refuses.
    """

    def __init__(self, node: Imported) -> None:
        self.node: Final = node

    def user(self, user: User, limits: Mapping[str, int] | None) -> str:
        """Replaces the user of that name."""
        self.node.users.put(user)
        if limits is not None:
            self.node.rules.user_limits.put(user.name, limits)
        return DONE

    def vhost(self, name: str, metadata: VhostMetadata) -> str:
        """Keeps what is in a vhost of that name."""
        self.node.administration.put_vhost(name, metadata)
        return DONE

    def permission(self, user: str, vhost: str, configure: str, write: str, read: str) -> str:
        """Replaces the user's rights in the vhost."""
        self.node.administration.set_permissions(user, vhost, configure, write, read)
        return DONE

    def topic_permission(self, user: str, vhost: str, exchange: str, write: str, read: str) -> str:
        """Replaces the user's rights on the exchange's routing keys."""
        self.node.administration.set_topic_permissions(user, vhost, exchange, write, read)
        return DONE

    def global_parameter(self, name: str, value: Any) -> str:
        """Replaces the value."""
        self.node.rules.global_parameters.set(name, value)
        return DONE

    def parameter(self, component: str, vhost: str, name: str, value: Any) -> str:
        """Replaces the value."""
        self.node.rules.parameters.set(component, vhost, name, value)
        if component in (OPERATOR_POLICY, VHOST_LIMITS):
            return DONE
        return f"parameter {rs(component, name, vhost)} is kept, and nothing in this broker acts on it"

    def policy(self, policy: Policy) -> str:
        """Replaces the policy of that name."""
        self.node.administration.vhost(policy.vhost)
        self.node.rules.policies.put(policy)
        return DONE

    def exchange(self, vhost: str, exchange: Exchange, arguments: Arguments) -> str:
        """Leaves an exchange of that name as it is."""
        found = self.node.administration.vhost(vhost)
        present = found.table.exchanges.get(exchange.name)
        if present is None:
            found.add_exchange(exchange, arguments)
            return DONE
        resource = rs("exchange", exchange.name, vhost)
        try:
            checks.check_same(checks.different_flag("type", present.type, exchange.type), resource)
            for flag in ("durable", "auto_delete", "internal"):
                checks.check_same(
                    checks.different_flag(flag, getattr(present, flag), getattr(exchange, flag)), resource
                )
            declared = found.declared_arguments(exchange.name)
            checks.check_same(checks.different(EXCHANGE, declared, arguments), resource)
        except ChannelException as error:
            return f"{resource} is left as it is: {error.text}"
        return DONE

    def queue(self, vhost: str, definition: QueueDefinition) -> str:
        """Leaves a queue of that name as it is."""
        found = self.node.administration.vhost(vhost)
        present = found.queues.get(definition.name)
        if present is None:
            found.add_queue(definition)
            return DONE
        resource, there = rs("queue", definition.name, vhost), present.definition
        try:
            for flag in ("durable", "exclusive", "auto_delete"):
                checks.check_same(
                    checks.different_flag(flag, getattr(there, flag), getattr(definition, flag)), resource
                )
            checks.check_same(checks.different(QUEUE, there.arguments, definition.arguments), resource)
        except ChannelException as error:
            return f"{resource} is left as it is: {error.text}"
        return DONE

    def binding(self, source: tuple[str, str], destination: tuple[str, str], key: str, arguments: Arguments) -> str:
        """Adds the binding unless it is there. Args: source is vhost and exchange, destination kind and name."""
        vhost = self.node.administration.vhost(source[0])
        exchanges = vhost.table.exchanges
        kind, name = destination
        vhost.bind(exchanges[source[1]], vhost.queues[name] if kind == "queue" else exchanges[name], key, arguments)
        return DONE
