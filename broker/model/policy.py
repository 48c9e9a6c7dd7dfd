"""What policies say about one queue or exchange, after the best ones were chosen. Must not: choose or check them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class EffectivePolicy:
    """The names of the policy and the operator policy that apply (empty: none), and both definitions merged."""

    policy: str
    operator_policy: str
    definition: Mapping[str, object]


NO_POLICY: Final = EffectivePolicy("", "", {})
