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
    deduplication: bool = False  # no message is taken whose like is there
    hold_header: str = ""  # says when a message is due; empty: none does
    retry_base_ms: int = 0  # 0: what is refused comes back at once
    retry_max_ms: int = 0  # 0: no bound
    retry_attempts_max: int = -1
    age_max_ms: int = 0  # of a stream's messages; 0: no limit


DEFAULTS: Final = QueueSettings()
DAY_MS: Final = 86_400_000
UNITS_MS: Final = {"Y": 365 * DAY_MS, "M": 30 * DAY_MS, "D": DAY_MS, "h": 3_600_000, "m": 60_000, "s": 1000}


def queue_type(arguments: Arguments) -> str:
    """The kind of queue that checked arguments ask for."""
    return str(arguments.get("x-queue-type") or DEFAULTS.queue_type)


def queue_settings(arguments: Arguments, policy: EffectivePolicy = NO_POLICY) -> QueueSettings:
    """The settings that checked arguments and policies stand for; most queues share the defaults."""
    if not arguments.values and not policy.definition:
        return DEFAULTS

    def value(name: str, default: Any) -> Any:
        return _effective(QUEUE, name, arguments, policy, default)

    length_bytes_max = value("x-max-length-bytes", DEFAULTS.length_bytes_max)
    kind = queue_type(arguments)
    if kind == "stream":  # with these a policy has the last word, not the smaller value
        length_bytes_max = policy.definition.get("max-length-bytes", length_bytes_max)
    return QueueSettings(
        ttl_ms=min(value("x-message-ttl", DEFAULTS.ttl_ms), TIMER_MS_MAX),
        expires_ms=min(value("x-expires", DEFAULTS.expires_ms), TIMER_MS_MAX),
        priority_max=value("x-max-priority", DEFAULTS.priority_max),
        single_active_consumer=value("x-single-active-consumer", False),
        queue_type=kind,
        length_max=value("x-max-length", DEFAULTS.length_max),
        length_bytes_max=length_bytes_max,
        overflow=value("x-overflow", DEFAULTS.overflow),
        dead_letter_exchange=value("x-dead-letter-exchange", None),
        dead_letter_routing_key=value("x-dead-letter-routing-key", None),
        dead_letter_strategy=value("x-dead-letter-strategy", DEFAULTS.dead_letter_strategy),
        delivery_limit=value("x-delivery-limit", DEFAULTS.delivery_limit),
        consumer_timeout_ms=value("x-consumer-timeout", DEFAULTS.consumer_timeout_ms),
        concurrency_max=value("x-concurrency-max", DEFAULTS.concurrency_max),
        rate_limit=value("x-rate-limit", DEFAULTS.rate_limit),
        rate_burst=value("x-rate-limit-burst", DEFAULTS.rate_burst),
        deduplication=value("x-message-deduplication", False),
        rate_period_ms=value("x-rate-limit-period", DEFAULTS.rate_period_ms),
        hold_header=value("x-hold-header", DEFAULTS.hold_header),
        retry_base_ms=value("x-retry-backoff-base", DEFAULTS.retry_base_ms),
        retry_max_ms=value("x-retry-backoff-max", DEFAULTS.retry_max_ms),
        retry_attempts_max=value("x-retry-attempts-max", DEFAULTS.retry_attempts_max),
        age_max_ms=interval_ms(str(policy.definition.get("max-age") or value("x-max-age", "0s"))),
    )


def interval_ms(text: str) -> int:
    """What a checked interval such as 1h or 7D means, at most TIMER_MS_MAX."""
    return min(int(text[:-1]) * UNITS_MS[text[-1]], TIMER_MS_MAX)


def alternate_exchange(arguments: Arguments, policy: EffectivePolicy) -> str | None:
    """Where messages go that no binding of an exchange takes; None for nowhere."""
    found = _effective(EXCHANGE, "alternate-exchange", arguments, policy, None)
    return found if isinstance(found, str) else None


def _effective(on: str, name: str, arguments: Arguments, policy: EffectivePolicy, default: object) -> Any:
    """What counts of an argument and the policy for the same thing."""
    row = BY_NAME[on, name]
    found = merged(row, arguments.get(name), policy.definition.get(row.policy_key) if row.policy_key else None)
    return default if found is None else found
