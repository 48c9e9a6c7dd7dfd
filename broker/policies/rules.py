"""What rules queues, exchanges, vhosts and users beside permissions, in one place. Must not: hold logic of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from broker.definitions.keeper import Keeper
from broker.policies.effective import PolicyEngine
from broker.policies.limits import USER_LIMITS, VHOST_LIMITS, LimitStore
from broker.policies.parameters import GlobalParameterStore, ParameterStore
from broker.policies.policy import OPERATOR_POLICY, POLICY
from broker.policies.store import PolicyStore
from broker.vhost import Vhost


class Rules:
    """The stores of a node: `set`, `clear`, `get` and `all` of each check as RabbitMQ does, in its words.

    Errors are LookupError for what is not there (a vhost, a user, the thing itself) and ValueError for what cannot be.
    """

    def __init__(
        self, vhosts: Mapping[str, Vhost], require_vhost: Callable[[str], object],
        require_user: Callable[[str], object], call_soon: Callable[[Callable[[], None]], object],
    ) -> None:  # fmt: skip
        """Args: require_vhost and require_user raise LookupError for what is not there."""
        self.policies = PolicyStore(POLICY, require_vhost)
        self.operator_policies = PolicyStore(OPERATOR_POLICY, require_vhost)
        self.vhost_limits = LimitStore(VHOST_LIMITS, "limits", require_vhost)
        self.user_limits = LimitStore(USER_LIMITS, "user-limits", require_user)
        self.parameters = ParameterStore(require_vhost, self.operator_policies, self.vhost_limits)
        self.global_parameters = GlobalParameterStore()
        self.engine = PolicyEngine(self.policies, self.operator_policies, vhosts, call_soon)

    def begin(self, keeper: Keeper) -> None:
        """What was stored is here: from now on every change is stored, and applied to what is there."""
        self.engine.begin()
        self.policies.on_store = keeper.policy_changed
        self.operator_policies.on_store = keeper.operator_policy_changed
        self.vhost_limits.on_store = keeper.vhost_limits_changed
        self.user_limits.on_store = keeper.user_limits_changed
        self.parameters.on_store = keeper.parameter_changed
        self.global_parameters.on_store = keeper.global_parameter_changed

    def forget_vhost(self, vhost: str) -> None:
        """A vhost is deleted, with all that was said of it."""
        self.policies.clear_vhost(vhost)
        self.operator_policies.clear_vhost(vhost)
        self.parameters.clear_vhost(vhost)
        self.vhost_limits.clear(vhost)
        self.engine.forget_vhost(vhost)

    def forget_user(self, user: str) -> None:
        """A user is deleted."""
        self.user_limits.clear(user)
