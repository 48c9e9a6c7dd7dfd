"""A queue's settings: what its arguments and policies mean, typed. Queues get these, never raw keys.

Must not: check anything; the table of arguments has done that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from broker.model.arguments import BY_NAME, EXCHANGE, QUEUE, TIMER_MS_MAX, Arguments, merged
from broker.model.policy import NO_POLICY, EffectivePolicy


@dataclass(frozen=True, slots=True)
class QueueSettings:
    """What a queue does with its messages and with itself."""

    ttl_ms: int = -1  # -1: messages do not expire by the queue's doing
    expires_ms: int = 0  # 0: the queue does not expire
    priority_max: int = 0  # 0: no priorities
    single_active_consumer: bool = False
    queue_type: str = "classic"
    length_max: int = -1  # -1: no limit, as below
    length_bytes_max: int = -1
    overflow: str = "drop-head"
    dead_letter_exchange: str | None = None  # None: dropped messages are gone
    dead_letter_routing_key: str | None = None  # None: they keep their own
    dead_letter_strategy: str = "at-most-once"
    delivery_limit: int = -1
    consumer_timeout_ms: int = -1
    concurrency_max: int = 0  # most messages unacknowledged at a time; 0: no limit, as below
    rate_limit: int = 0  # messages handed out in one period
    rate_burst: int = 0  # of them, how many at once after a pause; 0: a tenth
    rate_period_ms: int = 1000


DEFAULTS: Final = QueueSettings()


def queue_type(arguments: Arguments) -> str:
    """The kind of queue that checked arguments ask for."""
    return str(arguments.get("x-queue-type") or DEFAULTS.queue_type)


def queue_settings(arguments: Arguments, policy: EffectivePolicy = NO_POLICY) -> QueueSettings:
    """The settings that checked arguments and policies stand for; most queues share the defaults."""
    if not arguments.values and not policy.definition:
        return DEFAULTS

    def value(name: str, default: Any) -> Any:
        return _effective(QUEUE, name, arguments, policy, default)

    return QueueSettings(
        ttl_ms=min(value("x-message-ttl", DEFAULTS.ttl_ms), TIMER_MS_MAX),
        expires_ms=min(value("x-expires", DEFAULTS.expires_ms), TIMER_MS_MAX),
        priority_max=value("x-max-priority", DEFAULTS.priority_max),
        single_active_consumer=value("x-single-active-consumer", False),
        queue_type=queue_type(arguments),
        length_max=value("x-max-length", DEFAULTS.length_max),
        length_bytes_max=value("x-max-length-bytes", DEFAULTS.length_bytes_max),
        overflow=value("x-overflow", DEFAULTS.overflow),
        dead_letter_exchange=value("x-dead-letter-exchange", None),
        dead_letter_routing_key=value("x-dead-letter-routing-key", None),
        dead_letter_strategy=value("x-dead-letter-strategy", DEFAULTS.dead_letter_strategy),
        delivery_limit=value("x-delivery-limit", DEFAULTS.delivery_limit),
        consumer_timeout_ms=value("x-consumer-timeout", DEFAULTS.consumer_timeout_ms),
        concurrency_max=value("x-concurrency-max", DEFAULTS.concurrency_max),
        rate_limit=value("x-rate-limit", DEFAULTS.rate_limit),
        rate_burst=value("x-rate-limit-burst", DEFAULTS.rate_burst),
        rate_period_ms=value("x-rate-limit-period", DEFAULTS.rate_period_ms),
    )


def alternate_exchange(arguments: Arguments, policy: EffectivePolicy) -> str | None:
    """Where messages go that no binding of an exchange takes; None for nowhere."""
    found = _effective(EXCHANGE, "alternate-exchange", arguments, policy, None)
    return found if isinstance(found, str) else None


def _effective(on: str, name: str, arguments: Arguments, policy: EffectivePolicy, default: object) -> Any:
    """What counts of an argument and the policy for the same thing."""
    row = BY_NAME[on, name]
    found = merged(row, arguments.get(name), policy.definition.get(row.policy_key) if row.policy_key else None)
    return default if found is None else found
