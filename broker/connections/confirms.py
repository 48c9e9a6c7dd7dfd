"""Publisher confirms of one channel: publish numbers out, basic.ack and basic.nack back.

Stop "confirms" on a confirm's way. Must not: know queues or the journal; receipts tell it.

Spec: RabbitMQ's publisher confirms extension (confirm.select).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from broker.model.receipt import Receipt
from protocol.outgoing import Outgoing
from protocol.wire import BASIC_ACK, BASIC_NACK, encode_confirm


class Confirms:
    """Hands out publish numbers from 1 and confirms what is complete, `multiple` wherever all earlier ones are.

    `on_complete` is called when there is something to flush.
    """

    __slots__ = ("_channel", "_late", "_on_complete", "_open", "_sent", "acked", "last_number", "nacked")

    def __init__(self, channel: int, on_complete: Callable[[], None]) -> None:
        self._channel = channel
        self._on_complete = on_complete
        self._open: deque[Receipt] = deque()
        self._late: list[Receipt] = []  # complete behind one that is not
        self._sent: set[Receipt] = set()  # of those, the ones confirmed already
        self.last_number = 0
        self.acked = 0
        self.nacked = 0

    def issue(self, count: int) -> Receipt:
        """A receipt for the next `count` publish numbers."""
        first = self.last_number + 1
        self.last_number += count
        receipt = Receipt(first, self.last_number, self._complete)
        self._open.append(receipt)
        return receipt

    @property
    def open_count(self) -> int:
        """How many publishes are not confirmed yet."""
        return sum(receipt.last - receipt.first + 1 for receipt in self._open)

    def _complete(self, receipt: Receipt) -> None:
        if receipt is not self._open[0]:
            self._late.append(receipt)
        self._on_complete()

    def flush(self, out: Outgoing) -> None:
        """Adds the frames for all that is complete."""
        self._flush_front(out)
        if self._late:
            self._flush_late(out)

    def _flush_front(self, out: Outgoing) -> None:
        """One frame per stretch of the same verdict; it covers everything before it."""
        open_ = self._open
        while open_ and not open_[0].waiting:
            receipt = open_.popleft()
            if receipt in self._sent:
                self._sent.discard(receipt)
                continue
            first, rejected = receipt.first, receipt.rejected
            while open_ and self._continues(open_[0], rejected):
                receipt = open_.popleft()
            self._frame(out, receipt.last, rejected, receipt.last > first)
            self._count(receipt.last - first + 1, rejected)

    def _continues(self, receipt: Receipt, rejected: bool) -> bool:
        return not receipt.waiting and receipt.rejected == rejected and receipt not in self._sent

    def _flush_late(self, out: Outgoing) -> None:
        """What is complete behind something that is not: one frame each, since nothing before it is covered."""
        late, self._late = self._late, []
        front = self._open[0].first if self._open else self.last_number + 1
        for receipt in late:
            if receipt.first < front:  # the front has caught up with it
                continue
            self._sent.add(receipt)
            for number in range(receipt.first, receipt.last + 1):
                self._frame(out, number, receipt.rejected, False)
            self._count(receipt.last - receipt.first + 1, receipt.rejected)

    def _frame(self, out: Outgoing, number: int, rejected: bool, multiple: bool) -> None:
        encode_confirm(out, self._channel, BASIC_NACK if rejected else BASIC_ACK, number, multiple)

    def _count(self, count: int, rejected: bool) -> None:
        if rejected:
            self.nacked += count
        else:
            self.acked += count
