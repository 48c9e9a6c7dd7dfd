"""What the headers of a dead letter say of its death. Must not: write any; the queues' dead-lettering does.

Spec: RabbitMQ's x-death: an array of tables, the newest death first.
"""

from __future__ import annotations

from typing import NamedTuple

from broker.queues.waits import task_headers
from protocol.properties import Properties

X_DEATH = "x-death"


class Death(NamedTuple):
    """One death: the queue it died in, why, and where it had been published to before that."""

    queue: str
    reason: str
    exchange: str
    routing_keys: tuple[str, ...]
    times: int


def newest_death(properties: Properties) -> Death | None:
    """How a message died last; None for one that has not died, or whose headers cannot be read."""
    if not properties.headers_end or b"x-death" not in properties.raw:
        return None
    deaths = task_headers(properties).get(X_DEATH)
    if not isinstance(deaths, list) or not deaths or not isinstance(deaths[0], dict):
        return None
    newest = deaths[0]
    queue, exchange, keys = newest.get("queue"), newest.get("exchange"), newest.get("routing-keys")
    if not isinstance(queue, str) or not queue:
        return None
    count = newest.get("count")
    return Death(
        queue,
        str(newest.get("reason", "")),
        exchange if isinstance(exchange, str) else "",
        tuple(key for key in keys if isinstance(key, str)) if isinstance(keys, list) else (),
        count if isinstance(count, int) else 1,
    )
