"""Runtime parameters: values kept under component, vhost and name, and global ones under a name.

Operator policies and vhost limits are seen and set as parameters too, as in RabbitMQ. Must not: act on a value.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from broker.policies.limits import LimitStore
from broker.policies.policy import OPERATOR_POLICY, POLICY, Policy
from broker.policies.store import PolicyStore
from broker.policies.validation import InvalidError, check_name, pairs, term

VHOST_LIMITS: Final = "vhost-limits"
LIMITS_NAME: Final = "limits"
INTERNAL_PREFIX: Final = "internal"  # of global parameters that are not exported
CLUSTER_NAME: Final = "cluster_name"
PARAMETERS_MAX: Final = 10_000
VALUE_BYTES_MAX: Final = 64 * 1024
_OPERATOR_KEYS: Final = ("priority", "pattern", "apply-to", "definition")


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter; `value` is what JSON can say."""

    component: str
    vhost: str
    name: str
    value: Any


class UnknownParameterError(LookupError):
    """There is no such parameter."""

    def __init__(self) -> None:
        super().__init__("Parameter does not exist")


def check_value(value: object) -> None:
    """Raises: ValueError for what JSON cannot say, or not in VALUE_BYTES_MAX."""
    try:
        size = len(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"a parameter's value must be JSON: {error}") from None
    if size > VALUE_BYTES_MAX:
        raise ValueError(f"a parameter's value has at most {VALUE_BYTES_MAX} bytes, this one has {size}")


def operator_policy_of(vhost: str, name: str, value: object) -> Policy:
    """The operator policy that a parameter's value stands for. Raises: ValueError with RabbitMQ's text."""
    if not isinstance(value, Mapping):
        raise InvalidError(f"{name} not a list {term(value)}")
    reasons = [f'Key "{key}" not found in {name}' for key in ("priority", "pattern", "definition") if key not in value]
    unknown = [item for item in value.items() if item[0] not in _OPERATOR_KEYS]
    if unknown:
        reasons.append(f"Unrecognised terms {pairs(unknown)} in {name}")
    if reasons:
        raise InvalidError(*reasons)
    return Policy(vhost, name, value["pattern"], value["definition"], value["priority"], value.get("apply-to", "all"))


def operator_policy_value(policy: Policy) -> dict[str, Any]:
    """An operator policy as a parameter's value."""
    return {
        "pattern": policy.pattern, "definition": dict(policy.definition), "priority": policy.priority,
        "apply-to": policy.apply_to,
    }  # fmt: skip


def _nobody_told(_key: tuple[str, str, str], _parameter: Parameter | None) -> None:
    return None


class ParameterStore:
    """All parameters of vhosts; `on_store` is told of each change of those it keeps itself."""

    def __init__(
        self, require_vhost: Callable[[str], object], operator_policies: PolicyStore, vhost_limits: LimitStore
    ) -> None:
        """Args: require_vhost raises LookupError for a vhost that is not there."""
        self._require_vhost = require_vhost
        self._operator_policies = operator_policies
        self._vhost_limits = vhost_limits
        self._parameters: dict[tuple[str, str, str], Parameter] = {}
        self.on_store: Callable[[tuple[str, str, str], Parameter | None], None] = _nobody_told

    def all(self, component: str | None = None, vhost: str | None = None) -> list[Parameter]:
        """Parameters by component, vhost and name, or those of one component or vhost. Raises: UnknownVhostError."""
        if vhost is not None:
            self._require_vhost(vhost)
        found = [*self._parameters.values(), *self._kept_elsewhere()]
        chosen = [one for one in found if component in (None, one.component) and vhost in (None, one.vhost)]
        return sorted(chosen, key=lambda one: (one.component, one.vhost, one.name))

    def _kept_elsewhere(self) -> list[Parameter]:
        operators = self._operator_policies.all()
        limits = self._vhost_limits.all().items()
        return [
            *(Parameter(OPERATOR_POLICY, one.vhost, one.name, operator_policy_value(one)) for one in operators),
            *(Parameter(VHOST_LIMITS, vhost, LIMITS_NAME, dict(value)) for vhost, value in limits),
        ]

    def get(self, component: str, vhost: str, name: str) -> Parameter:
        """One parameter. Raises: UnknownVhostError, UnknownParameterError."""
        self._require_vhost(vhost)
        found = self._parameters.get((component, vhost, name))
        if found is None and component in (OPERATOR_POLICY, VHOST_LIMITS):
            found = next((one for one in self.all(component, vhost) if one.name == name), None)
        if found is None:
            raise UnknownParameterError
        return found

    @property
    def count(self) -> int:
        """How many are kept here."""
        return len(self._parameters)

    def has(self, component: str, vhost: str, name: str) -> bool:
        """Whether one is kept here."""
        return (component, vhost, name) in self._parameters

    def check(self, component: str, vhost: str, name: str, value: object) -> None:
        """Raises: ValueError, with RabbitMQ's text where it has one, for what `set` would refuse."""
        if component == POLICY:
            raise ValueError("policies may not be set using this method")
        if component == OPERATOR_POLICY:
            self._operator_policies.check(operator_policy_of(vhost, name, value))
        elif component == VHOST_LIMITS:
            if name != LIMITS_NAME:
                raise ValueError(f"vhost limits are the parameter '{LIMITS_NAME}', not '{name}'")
            self._vhost_limits.check(value)
        else:
            check_name(component, "component")
            check_name(name, "parameter")
            check_value(value)

    def set(self, component: str, vhost: str, name: str, value: Any) -> bool:
        """Sets a parameter; False where it replaced one.

        Raises: UnknownVhostError; ValueError, with RabbitMQ's text where it has one.
        """
        self._require_vhost(vhost)
        self.check(component, vhost, name, value)
        if component == OPERATOR_POLICY:
            return self._operator_policies.put(operator_policy_of(vhost, name, value))
        if component == VHOST_LIMITS:
            is_new = not self._vhost_limits.of(vhost)
            self._vhost_limits.put(vhost, value)
            return is_new
        return self.put(Parameter(component, vhost, name, value))

    def put(self, parameter: Parameter) -> bool:
        """Takes a checked parameter that is kept here; False where it replaced one. Raises: ValueError."""
        key = (parameter.component, parameter.vhost, parameter.name)
        is_new = key not in self._parameters
        if is_new and len(self._parameters) >= PARAMETERS_MAX:
            raise ValueError(f"there are {PARAMETERS_MAX} parameters, the most there can be")
        self._parameters[key] = parameter
        self.on_store(key, parameter)
        return is_new

    def clear(self, component: str, vhost: str, name: str) -> None:
        """Forgets a parameter. Raises: UnknownVhostError, UnknownParameterError; ValueError for a policy."""
        if component == POLICY:
            raise ValueError("policies may not be cleared using this method")
        self.get(component, vhost, name)
        if component == OPERATOR_POLICY:
            self._operator_policies.clear(vhost, name)
        elif component == VHOST_LIMITS:
            self._vhost_limits.clear(vhost)
        else:
            self._forget((component, vhost, name))

    def clear_vhost(self, vhost: str) -> None:
        """Forgets the parameters of a vhost that is deleted."""
        for key in [key for key in self._parameters if key[1] == vhost]:
            self._forget(key)

    def _forget(self, key: tuple[str, str, str]) -> None:
        del self._parameters[key]
        self.on_store(key, None)


def _nobody_told_of_global(_name: str, _value: object, _is_there: bool) -> None:
    return None


def _nobody_told_of_name(_name: str) -> None:
    return None


class GlobalParameterStore:
    """Values by name. `on_store` is told of each change: the name, the value and whether it is (still) there;
    `on_change` of the name, once the value counts.
    """

    def __init__(self) -> None:
        self.on_change: Callable[[str], None] = _nobody_told_of_name
        self._values: dict[str, Any] = {}
        self.on_store: Callable[[str, Any, bool], None] = _nobody_told_of_global

    def all(self) -> dict[str, Any]:
        """Every value, by name."""
        return {name: self._values[name] for name in sorted(self._values)}

    def get(self, name: str) -> Any:
        """One value. Raises: UnknownParameterError."""
        if name not in self._values:
            raise UnknownParameterError
        return self._values[name]

    def check(self, name: str, value: object) -> None:
        """Raises: ValueError for a name or value that cannot be."""
        check_name(name, "global parameter")
        check_value(value)
        if name == CLUSTER_NAME and not (isinstance(value, str) and value):
            raise ValueError(f"{CLUSTER_NAME} is a text that is not empty")

    def set(self, name: str, value: Any) -> bool:
        """Sets a value; False where it replaced one. Raises: ValueError."""
        self.check(name, value)
        is_new = name not in self._values
        if is_new and len(self._values) >= PARAMETERS_MAX:
            raise ValueError(f"there are {PARAMETERS_MAX} global parameters, the most there can be")
        self._values[name] = value
        self.on_store(name, value, True)
        self.on_change(name)
        return is_new

    def clear(self, name: str) -> None:
        """Forgets a value. Raises: UnknownParameterError."""
        self.get(name)
        del self._values[name]
        self.on_store(name, None, False)
        self.on_change(name)
