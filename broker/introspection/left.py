"""What has left queues without being consumed, as RabbitMQ counts it. Must not: count anything itself."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from broker.model.vhost_counters import AT_LEAST_ONCE, AT_MOST_ONCE, CONFIRMED, DISABLED, VhostCounters
from broker.queues.parts import DELIVERY_LIMIT, EXPIRED, MAXLEN, REJECTED

STRATEGIES: Final = {"classic": (AT_MOST_ONCE, DISABLED), "quorum": (AT_LEAST_ONCE, AT_MOST_ONCE, DISABLED)}
REASONS: Final = (EXPIRED, REJECTED, MAXLEN, DELIVERY_LIMIT)


def left(vhosts: Iterable[VhostCounters]) -> dict[tuple[str, str, str], int]:
    """How many messages of all vhosts, by type of queue, strategy and reason."""
    found = {
        (kind, strategy, reason): 0
        for kind, strategies in STRATEGIES.items()
        for strategy in strategies
        for reason in REASONS
    }
    found["quorum", AT_LEAST_ONCE, CONFIRMED] = 0
    for vhost in vhosts:
        for key, number in vhost.left.numbers.items():
            found[key] = found.get(key, 0) + number
    return found
