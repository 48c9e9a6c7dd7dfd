"""Which policies apply to a queue or an exchange, and what they say together; applies them where that changes.

Must not: check or keep a policy, or know what a key means.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from broker.model.arguments import ALL_TYPES, BY_POLICY_KEY, merged
from broker.model.policy import NO_POLICY, EffectivePolicy
from broker.policies.policy import APPLIES_TO, Policy
from broker.policies.slices import Slices
from broker.policies.store import PolicyStore
from broker.vhost import Vhost

EXCHANGE: Final = "exchange"
TESTS_PER_SLICE: Final = 500  # names held against patterns in one go, and
OBJECTS_PER_SLICE: Final = 50  # queues and exchanges looked at: less than a millisecond's work


def merge_definitions(policy: Mapping[str, object], operators: Mapping[str, object]) -> dict[str, object]:
    """Both definitions in one, each key by its row's rule."""
    keys = sorted({*policy, *operators})
    return {key: merged(BY_POLICY_KEY[key], policy.get(key), operators.get(key)) for key in keys}


def applies(policy: Policy, kind: str) -> bool:
    """Whether a policy can apply to exchanges, or to queues of a type: a key that means nothing there excludes it."""
    if kind not in APPLIES_TO[policy.apply_to]:
        return False
    return kind == EXCHANGE or all(kind in BY_POLICY_KEY[key].policy_types for key in policy.definition)


class _VhostPolicies:
    """What applies in one vhost, by kind of object, the strongest policy first; valid until a policy changes."""

    __slots__ = ("_merged", "_operators", "_policies", "count")

    def __init__(self, policies: list[tuple[Policy, Any]], operators: list[tuple[Policy, Any]]) -> None:
        kinds = (*ALL_TYPES, EXCHANGE)
        self.count = len(policies) + len(operators)
        self._policies = {kind: [one for one in policies if applies(one[0], kind)] for kind in kinds}
        self._operators = {kind: [one for one in operators if applies(one[0], kind)] for kind in kinds}
        self._merged: dict[tuple[str, str], EffectivePolicy] = {}

    def of(self, kind: str, name: str) -> EffectivePolicy:
        """What applies to an object of this kind and name."""
        encoded = name.encode("utf-8", "surrogateescape")
        policy, operators = _first(self._policies[kind], encoded), _first(self._operators[kind], encoded)
        if policy is None and operators is None:
            return NO_POLICY
        names = ("" if policy is None else policy.name, "" if operators is None else operators.name)
        found = self._merged.get(names)
        if found is None:
            definitions = [{} if one is None else one.definition for one in (policy, operators)]
            found = self._merged[names] = EffectivePolicy(*names, merge_definitions(*definitions))
        return found


def _first(policies: list[tuple[Policy, Any]], name: bytes) -> Policy | None:
    return next((policy for policy, pattern in policies if pattern.search(name) is not None), None)


class PolicyEngine:
    """Knows what applies where, and walks a vhost's exchanges and queues after a change of its policies."""

    def __init__(
        self, policies: PolicyStore, operators: PolicyStore, vhosts: Mapping[str, Vhost],
        call_soon: Callable[[Callable[[], None]], object],
    ) -> None:  # fmt: skip
        self._policies = policies
        self._operators = operators
        self._vhosts = vhosts
        self._slices = Slices(call_soon)
        self._known: dict[str, _VhostPolicies] = {}
        self._has_begun = False
        policies.on_change = operators.on_change = self._changed

    def begin(self) -> None:
        """Everything stored is here; of that, only the exchanges that every vhost has came before the policies."""
        self._has_begun = True
        for name in {policy.vhost for store in (self._policies, self._operators) for policy in store.all()}:
            vhost = self._vhosts[name]
            for exchange in list(vhost.table.exchanges.values()):
                vhost.apply_to_exchange(exchange, self.of(name, EXCHANGE, exchange.name))

    @property
    def is_busy(self) -> bool:
        """Whether a change has not reached everything it applies to."""
        return len(self._slices) > 0

    def of(self, vhost: str, kind: str, name: str) -> EffectivePolicy:
        """What applies to an exchange, or to a queue of that type (`kind`), of that name."""
        return self._of_vhost(vhost).of(kind, name)

    def _of_vhost(self, vhost: str) -> _VhostPolicies:
        known = self._known.get(vhost)
        if known is None:
            found = _VhostPolicies(self._policies.of_vhost(vhost), self._operators.of_vhost(vhost))
            known = self._known[vhost] = found
        return known

    def forget_vhost(self, vhost: str) -> None:
        """A vhost is gone."""
        self._known.pop(vhost, None)

    def _changed(self, vhost: str, _name: str, _policy: Policy | None) -> None:
        self._known.pop(vhost, None)
        found = self._vhosts.get(vhost)
        if found is not None and self._has_begun:
            self._slices.start(vhost, self._apply(found))

    def _apply(self, vhost: Vhost) -> Iterator[None]:
        """Looks at everything in a vhost; what is declared from now on has the new policies already."""
        policies = self._of_vhost(vhost.name)
        slice_size = max(1, min(OBJECTS_PER_SLICE, TESTS_PER_SLICE // (policies.count + 1)))
        left = slice_size
        for exchange in list(vhost.table.exchanges.values()):
            vhost.apply_to_exchange(exchange, policies.of(EXCHANGE, exchange.name))
            left -= 1
            if not left:
                left = slice_size
                yield
        for queue in list(vhost.queues.values()):
            if not queue.is_deleted:
                vhost.apply_to_queue(queue, policies.of(queue.settings.queue_type, queue.name))
            left -= 1
            if not left:
                left = slice_size
                yield
