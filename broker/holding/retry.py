"""Back-off: what a consumer refuses comes back after a while, which doubles each time, and at last no more.

Must not: slow down what comes back because its consumer has gone: nobody has tried those messages.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from broker.model.message import Batch, Span
from broker.queues.classic import ClassicQueue
from broker.queues.parts import DELIVERY_LIMIT, Returning
from protocol.errors import AmqpError

log = logging.getLogger("leveret.holding")
DOUBLINGS_MAX: Final = 40
DELAY_MS_MAX: Final = 86_400_000 * 365

Hold = Callable[[Batch, int, int, int], None]  # a batch, when it is due, its deliveries and its expiry


def backoff_ms(base_ms: int, most_ms: int, deliveries: int) -> int:
    """How long a message waits after so many deliveries; most_ms of 0 sets no bound but a year."""
    return min(base_ms << min(deliveries - 1, DOUBLINGS_MAX), most_ms or DELAY_MS_MAX)


class Backoff(Returning):
    """One queue's, by its settings; `together` does its work whole or not at all over a crash."""

    __slots__ = ("_hold", "_queue", "_together")

    def __init__(self, queue: ClassicQueue, hold: Hold, together: Callable[[Callable[[], None]], None]) -> None:
        self._queue = queue
        self._hold = hold
        self._together = together

    def take(self, span: Span) -> bool:  # noqa: ARG002
        """Nothing: nobody has tried them."""
        return False

    def refused(self, span: Span) -> bool:
        """Holds messages that a consumer has refused, or drops them where they were tried often enough."""
        queue, settings = self._queue, self._queue.settings
        if 0 <= settings.retry_attempts_max < span.deliveries:
            queue.drop(span, DELIVERY_LIMIT)
            return True
        batch = Batch(span.batch.address, span.batch.properties, span.bodies(), -1)
        batch.stamp_ms = span.batch.stamp_ms
        due_ms = queue.now_ms() + backoff_ms(settings.retry_base_ms, settings.retry_max_ms, span.deliveries)

        def move() -> None:
            self._hold(batch, due_ms, span.deliveries, span.expires_ms)
            queue.done(span)

        try:
            self._together(move)
        except AmqpError as error:
            log.warning("queue %s: a refused message cannot wait, and goes back at once: %s", queue.name, error)
            return False
        return True
