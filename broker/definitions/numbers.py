"""The numbers of durable queues: each given out once in the life of a data folder. Must not: know queues.

What is on the disk is a bound that no number given out exceeds: numbers are reserved in blocks, and a start begins
behind the last block. So even a queue whose declaration a crash has lost leaves no number behind for another one,
which would inherit its messages.
"""

from __future__ import annotations

from typing import Final

from broker.definitions.keys import QUEUE_COUNTER
from broker.definitions.values import decode_counter, encode_counter
from protocol.constants import PRECONDITION_FAILED, RESOURCE_ERROR
from protocol.errors import ChannelException, ConnectionException
from storage.definitions import Definitions

BLOCK: Final = 8192


class QueueNumbers:
    """Gives out numbers from 1 upwards."""

    __slots__ = ("_block", "_last", "_reserved", "_store", "_stored")

    def __init__(self, store: Definitions, block: int = BLOCK) -> None:
        """Reserves the first block of this start."""
        entry = store.get(QUEUE_COUNTER)
        self._store = store
        self._block = block
        self._last = self._reserved = self._stored = 0 if entry is None else decode_counter(entry.value)
        self._reserve()

    def _reserve(self) -> None:
        self._reserved += self._block
        reserved = self._reserved
        self._store.put(QUEUE_COUNTER, encode_counter(reserved))
        self._store.when_stored(lambda: self._usable_to(reserved))

    def _usable_to(self, reserved: int) -> None:
        self._stored = reserved

    def take(self) -> int:
        """A number that has never been given out.

        Raises: ChannelException 406 where none is left because none can be stored now; ConnectionException 506 where
            the disk is only far behind.
        """
        if self._last >= self._stored:
            if self._store.trouble:
                raise ChannelException(PRECONDITION_FAILED, self._store.trouble)
            raise ConnectionException(RESOURCE_ERROR, "too many durable queues declared before the disk took them")
        self._last += 1
        if self._reserved - self._last < self._block // 2:
            self._reserve()
        return self._last
