"""What a policy is. Must not: check it, or know what it applies to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

POLICY: Final = "policy"
OPERATOR_POLICY: Final = "operator_policy"

# What a policy may apply to: the kinds of object, and for queues the types.
APPLIES_TO: Final[dict[str, tuple[str, ...]]] = {
    "queues": ("classic", "quorum", "stream"),
    "classic_queues": ("classic",),
    "quorum_queues": ("quorum",),
    "streams": ("stream",),
    "exchanges": ("exchange",),
    "all": ("classic", "quorum", "stream", "exchange"),
}


@dataclass(frozen=True, slots=True)
class Policy:
    """One policy or operator policy; `pattern` is a regular expression that is searched in names, not anchored."""

    vhost: str
    name: str
    pattern: str
    definition: Mapping[str, object]
    priority: int | float = 0
    apply_to: str = "all"
