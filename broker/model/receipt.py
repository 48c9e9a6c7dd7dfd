"""A receipt: the publisher's side of one published batch, complete when every queue has answered for it.

Must not: know frames; the confirms of the channel turn receipts into basic.ack and basic.nack.
"""

from __future__ import annotations

from collections.abc import Callable

from mypy_extensions import mypyc_attr


@mypyc_attr(free_list_len=1)
class Receipt:
    """Counts the answers that are still due for the publish numbers `first..last`.

    `waiting` starts at 1 for the publisher itself, so that a receipt cannot complete before the batch has gone to all
    its queues; the publisher gives that last answer with `taken`.
    """

    __slots__ = ("first", "last", "on_complete", "rejected", "waiting")

    def __init__(self, first: int, last: int, on_complete: Callable[[Receipt], None]) -> None:
        self.first = first
        self.last = last
        self.waiting = 1
        self.rejected = False
        self.on_complete = on_complete

    def expect(self) -> None:
        """One more answer is due: a queue's, or the journal's."""
        self.waiting += 1

    def taken(self) -> None:
        """One answer has come: the messages are where they were to be."""
        assert self.waiting > 0, "more answers than were expected"
        self.waiting -= 1
        if not self.waiting:
            self.on_complete(self)

    def refused(self) -> None:
        """One answer has come: the messages were not taken; the publisher gets a nack when all have answered."""
        self.rejected = True
        self.taken()
