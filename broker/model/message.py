"""Messages as the broker holds them: batches that came together, and spans of them that a queue or a channel has.

Must not: decode what is only passed on.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import mypyc_attr

from protocol.commands import Address
from protocol.properties import Properties

NEVER_MS: Final = 0  # an expiry of 0 means: does not expire


@mypyc_attr(acyclic=True, free_list_len=1)
class Batch:
    """Messages published one after another with one address, one set of properties and one body size.

    Shared by every queue that took it and by whoever has a message of it unacknowledged; never changed once routed.
    `position` is its place in the journal (0: not journalled), `share_bytes` what each of its messages takes of the
    journal for each queue that has it, `stamp_ms` when it was published (0: not routed yet). `deliveries` counts those
    before, of messages that come back into a queue from elsewhere.
    """

    __slots__ = ("address", "bodies", "body_bytes", "deliveries", "expiration_ms", "message_bytes", "position",
                 "properties", "share_bytes", "stamp_ms")  # fmt: skip

    def __init__(self, address: Address, properties: Properties, bodies: list[bytes], expiration_ms: int) -> None:
        self.address = address
        self.properties = properties
        self.bodies = bodies
        self.body_bytes = len(bodies[0])
        self.message_bytes = self.body_bytes + len(properties.raw) + len(address.tail)  # of each, with its names
        self.expiration_ms = expiration_ms  # -1: the publisher set none
        self.position = 0
        self.share_bytes = 0
        self.stamp_ms = 0
        self.deliveries = 0

    def singles(self) -> list[Batch]:
        """Each message, not routed yet, as a batch of its own."""
        return [Batch(self.address, self.properties, [body], self.expiration_ms) for body in self.bodies]


@mypyc_attr(acyclic=True, free_list_len=1)
class Span:
    """The messages `start..stop` of a batch as one queue holds them; `position` is the first one's place in the queue.

    `number` is the first one's place in the journal's stream (0: not journalled). `deliveries` counts earlier
    deliveries of these messages; more than 0 means redelivered. `expires_ms` is absolute.
    """

    __slots__ = ("batch", "deliveries", "expires_ms", "number", "position", "start", "stop")

    def __init__(
        self, batch: Batch, start: int, stop: int, position: int, expires_ms: int, deliveries: int, number: int = 0
    ) -> None:
        self.batch = batch
        self.start = start
        self.stop = stop
        self.position = position
        self.expires_ms = expires_ms
        self.deliveries = deliveries
        self.number = number

    def cut(self, count: int) -> Span:
        """Takes the first `count` messages off this span; returns them as a span of their own."""
        number = self.number
        head = Span(self.batch, self.start, self.start + count, self.position, self.expires_ms, self.deliveries, number)
        if number:
            self.number = number + count
        self.start += count
        self.position += count
        return head

    def bodies(self) -> list[bytes]:
        """The bodies of the span; the batch's own list where the span is all of it, so not to be changed."""
        batch = self.batch
        if self.stop - self.start == len(batch.bodies):
            return batch.bodies
        return batch.bodies[self.start : self.stop]
