"""The policies, or the operator policies, of all vhosts. Must not: know queues, or where policies are stored."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from broker.policies.policy import Policy
from broker.policies.validation import check_policy, compiled_pattern

POLICIES_MAX: Final = 1000  # of one kind in one vhost: a declare looks at each of them


class UnknownPolicyError(LookupError):
    """There is no policy of that name."""

    def __init__(self, vhost: str, name: str) -> None:
        super().__init__(f"policy '{name}' in vhost '{vhost}' does not exist")


def _nobody_told(_vhost: str, _name: str, _policy: Policy | None) -> None:
    return None


class PolicyStore:
    """Policies of one kind by vhost and name.

    `on_store` and `on_change` are told of every change: vhost, name, and the policy as it is now, None where it is
    gone.
    """

    def __init__(self, component: str, require_vhost: Callable[[str], object]) -> None:
        """Args: component is POLICY or OPERATOR_POLICY; require_vhost raises LookupError for a vhost not there."""
        self.component: Final = component
        self._require_vhost = require_vhost
        self._policies: dict[str, dict[str, Policy]] = {}
        self._patterns: dict[tuple[str, str], Any] = {}
        self.on_store: Callable[[str, str, Policy | None], None] = _nobody_told
        self.on_change: Callable[[str, str, Policy | None], None] = _nobody_told

    def all(self, vhost: str | None = None) -> list[Policy]:
        """Every policy, or those of one vhost, by vhost and name. Raises: UnknownVhostError."""
        if vhost is not None:
            self._require_vhost(vhost)
        chosen = sorted(self._policies) if vhost is None else [vhost]
        return [policy for one in chosen for _, policy in sorted(self._policies.get(one, {}).items())]

    def of_vhost(self, vhost: str) -> list[tuple[Policy, Any]]:
        """The policies of a vhost with their compiled patterns, the strongest first.

        Of equal priority, which RabbitMQ leaves open, the first by name is the stronger one.
        """
        found = sorted(self._policies.get(vhost, {}).values(), key=lambda policy: (-policy.priority, policy.name))
        return [(policy, self._patterns[vhost, policy.name]) for policy in found]

    def get(self, vhost: str, name: str) -> Policy:
        """One policy. Raises: UnknownVhostError, UnknownPolicyError."""
        self._require_vhost(vhost)
        try:
            return self._policies[vhost][name]
        except KeyError:
            raise UnknownPolicyError(vhost, name) from None

    def count(self, vhost: str) -> int:
        """How many there are in a vhost."""
        return len(self._policies.get(vhost, ()))

    def has(self, vhost: str, name: str) -> bool:
        """Whether there is a policy of that name."""
        return name in self._policies.get(vhost, {})

    def set(
        self, vhost: str, name: str, pattern: str, definition: Mapping[str, object], priority: float = 0,
        apply_to: str = "all",
    ) -> bool:  # fmt: skip
        """Makes a policy, or replaces the one of that name; False where it replaced one.

        Raises: UnknownVhostError; ValueError with RabbitMQ's text for what cannot be.
        """
        self._require_vhost(vhost)
        return self.put(Policy(vhost, name, pattern, definition, priority, apply_to))

    def check(self, policy: Policy) -> Any:
        """The compiled pattern of a policy that can be. Raises: ValueError with RabbitMQ's text."""
        check_policy(policy, self.component)
        return compiled_pattern(policy.pattern)

    def put(self, policy: Policy) -> bool:
        """Takes a policy whose vhost is there; False where it replaced one. Raises: ValueError."""
        pattern = self.check(policy)
        vhost, name = policy.vhost, policy.name
        policies = self._policies.setdefault(vhost, {})
        is_new = name not in policies
        if is_new and len(policies) >= POLICIES_MAX:
            raise ValueError(f"there are {POLICIES_MAX} policies in vhost '{vhost}', the most there can be")
        policies[name] = kept = replace(policy, definition=dict(policy.definition))
        self._patterns[vhost, name] = pattern
        self.on_store(vhost, name, kept)
        self.on_change(vhost, name, kept)
        return is_new

    def clear(self, vhost: str, name: str) -> None:
        """Forgets a policy. Raises: UnknownVhostError, UnknownPolicyError."""
        self.get(vhost, name)
        self._forget(vhost, name)
        self.on_change(vhost, name, None)

    def clear_vhost(self, vhost: str) -> None:
        """Forgets the policies of a vhost that is deleted; nothing is left to which they could apply."""
        for name in list(self._policies.get(vhost, ())):
            self._forget(vhost, name)

    def _forget(self, vhost: str, name: str) -> None:
        del self._policies[vhost][name]
        del self._patterns[vhost, name]
        if not self._policies[vhost]:
            del self._policies[vhost]
        self.on_store(vhost, name, None)
