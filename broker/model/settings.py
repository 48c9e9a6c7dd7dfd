"""A queue's settings: what its arguments mean, typed. Queues get these, never raw keys.

Must not: check anything; the table of arguments has done that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from broker.model.arguments import Arguments


@dataclass(frozen=True, slots=True)
class QueueSettings:
    """What a queue does with its messages and with itself."""

    ttl_ms: int = -1  # -1: messages do not expire by the queue's doing
    expires_ms: int = 0  # 0: the queue does not expire
    priority_max: int = 0  # 0: no priorities
    single_active_consumer: bool = False
    queue_type: str = "classic"


DEFAULTS: Final = QueueSettings()


def _integer(arguments: Arguments, name: str, default: int) -> int:
    value = arguments.get(name)
    return value if isinstance(value, int) else default


def queue_settings(arguments: Arguments) -> QueueSettings:
    """The settings that checked arguments stand for; most queues share the defaults."""
    if not arguments.values:
        return DEFAULTS
    return QueueSettings(
        ttl_ms=_integer(arguments, "x-message-ttl", -1),
        expires_ms=_integer(arguments, "x-expires", 0),
        priority_max=_integer(arguments, "x-max-priority", 0),
        single_active_consumer=arguments.get("x-single-active-consumer") is True,
        queue_type=str(arguments.get("x-queue-type") or "classic"),
    )
