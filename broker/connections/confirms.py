"""Publisher confirms of one channel: publish numbers out, basic.ack and basic.nack back.

Stop "confirms" on a confirm's way. Must not: know queues or the journal; receipts tell it.

Spec: RabbitMQ's publisher confirms extension (confirm.select).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from mypy_extensions import mypyc_attr

from broker.model.receipt import Receipt
from protocol.outgoing import Outgoing
from protocol.wire import BASIC_ACK, BASIC_NACK, encode_confirm

GAP_MIN: Final = 64  # places given up at the front at least, before their room is given back
NOBODY: Final = Receipt(0, 0, lambda _: None)  # stands where a receipt has been taken


@mypyc_attr(acyclic=True, free_list_len=1)
class Verdict:
    """Publish numbers `first..last` are acknowledged, or refused."""

    __slots__ = ("first", "last", "rejected")

    def __init__(self, first: int, last: int, rejected: bool) -> None:
        self.first = first
        self.last = last
        self.rejected = rejected


class Confirms:
    """Hands out publish numbers from 1 and confirms what is complete, `multiple` wherever all earlier ones are.

    `on_complete` is called when there is something to flush.
    """

    __slots__ = ("_channel", "_gap", "_is_new", "_late", "_on_complete", "_open", "_sent", "_verdicts", "acked",
                 "last_number", "nacked")  # fmt: skip

    def __init__(self, channel: int, on_complete: Callable[[], None]) -> None:
        self._channel = channel
        self._on_complete = on_complete
        self._open: list[Receipt] = []  # from `_gap` on, in order
        self._gap = 0
        self._verdicts: list[Verdict] = []  # on all that stood before those, not sent yet
        self._is_new = False  # something that was confirmed already stands behind the last verdict
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

    def split(self, receipt: Receipt) -> list[Receipt]:
        """Replaces the receipt that was issued last, and has no answers yet, by one for each of its messages."""
        assert self._open[-1] is receipt, "the last one"
        self._open.pop()
        receipts = [Receipt(number, number, self._complete) for number in range(receipt.first, receipt.last + 1)]
        self._open += receipts
        return receipts

    @property
    def open_count(self) -> int:
        """How many publishes are not confirmed yet."""
        return sum(receipt.last - receipt.first + 1 for receipt in self._open[self._gap :])

    def _complete(self, receipt: Receipt) -> None:
        if receipt is not self._open[self._gap]:
            self._late.append(receipt)
        else:
            self._front(receipt)
        self._on_complete()

    def _front(self, receipt: Receipt) -> None:
        """The first open receipt is complete: takes it, and those complete behind it, into verdicts to be sent."""
        open_, gap = self._open, self._gap
        while not receipt.waiting:
            open_[gap] = NOBODY
            gap += 1
            if receipt not in self._sent:
                self._verdict(receipt)
            else:
                self._sent.discard(receipt)
                self._is_new = True
            if gap == len(open_):
                open_.clear()
                gap = 0
                break
            receipt = open_[gap]
        if gap > GAP_MIN and gap * 2 > len(open_):
            del open_[:gap]
            gap = 0
        self._gap = gap

    def _verdict(self, receipt: Receipt) -> None:
        """Notes a stretch, or makes the last one longer where the verdict is the same and nothing stands between."""
        verdicts = self._verdicts
        if verdicts and not self._is_new and verdicts[-1].rejected == receipt.rejected:
            verdicts[-1].last = receipt.last
        else:
            verdicts.append(Verdict(receipt.first, receipt.last, receipt.rejected))
        self._is_new = False

    def flush(self, out: Outgoing) -> None:
        """Adds the frames for all that is complete: one for each verdict, which covers everything before it."""
        for verdict in self._verdicts:
            self._frame(out, verdict.last, verdict.rejected, verdict.last > verdict.first)
            self._count(verdict.last - verdict.first + 1, verdict.rejected)
        self._verdicts.clear()
        if self._late:
            self._flush_late(out)

    def _flush_late(self, out: Outgoing) -> None:
        """What is complete behind something that is not: one frame each, since nothing before it is covered."""
        late, self._late = self._late, []
        front = self._open[self._gap].first if self._open else self.last_number + 1
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
