"""What doctor has found, and what it was found in. Must not: look for anything."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

ERROR: Final = "error"  # something does not work now
WARNING: Final = "warning"  # something will not, or is not safe
NOTE: Final = "note"  # worth knowing
LEVELS: Final = (ERROR, WARNING, NOTE)
NAMES_MAX: Final = 5  # of a finding that many things share


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, in plain words, and what to do about it."""

    level: str
    about: str
    text: str
    advice: str

    def as_dict(self) -> dict[str, str]:
        """For JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Facts:
    """What the broker has told; a list or an object that it would not tell is empty.

    now_ms, broker_ms: the time since 1970 on this machine and on the broker's. with_guest: whether guest with the
    password guest can log in; None where that is not known. expiring: the certificates that end soon.
    """

    overview: Mapping[str, Any]
    node: Mapping[str, Any]
    config: Mapping[str, Any] = field(default_factory=dict)
    queues: Sequence[Mapping[str, Any]] = ()
    queue_count: int = 0
    connections: Sequence[Mapping[str, Any]] = ()
    channels: Sequence[Mapping[str, Any]] = ()
    vhosts: frozenset[str] = frozenset()
    users: frozenset[str] = frozenset()
    permissions: Sequence[Mapping[str, Any]] = ()
    users_without_permissions: Sequence[str] = ()
    with_guest: bool | None = None
    expiring: Sequence[Mapping[str, Any]] = ()
    now_ms: int = 0
    broker_ms: int | None = None
    untold: Sequence[str] = ()  # what the user may not see


def named(names: Iterable[str]) -> str:
    """A few of the names, and how many more there are."""
    known = list(names)
    rest = len(known) - NAMES_MAX
    return ", ".join(known[:NAMES_MAX]) + (f" and {rest} more" if rest > 0 else "")


def queue_names(queues: Iterable[Mapping[str, Any]]) -> str:
    """Queues by name, with the vhost where it is not the usual one."""
    return named(str(one["name"]) if one["vhost"] == "/" else f"{one['vhost']}/{one['name']}" for one in queues)


def rate_of(thing: Mapping[str, Any], name: str) -> float:
    """How fast a counter of the API grows, per second."""
    return float((thing.get(f"{name}_details") or {}).get("rate", 0.0))
