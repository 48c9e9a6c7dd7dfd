"""How far the named consumers of a stream have come: kept in memory, and handed on to be stored, many at a time.

Must not: store anything itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from broker.queues.context import QueueContext
from protocol.constants import PRECONDITION_FAILED
from protocol.errors import ChannelException

STORE_MS: Final = 1000  # what is acknowledged is handed on within this; a crash costs no more of it
LABELS_MAX: Final = 10_000  # names of one stream


class Kept(NamedTuple):
    """Everything before number `next` is settled, as of `at_ms`."""

    next: int
    at_ms: int

    @property
    def offset(self) -> int:
        """The offset of the last message that is settled; -1 where there is none."""
        return self.next - 2


Store = Callable[[str, str, Kept | None], None]


class Offsets:
    """Those of one stream, by the names of their consumers."""

    __slots__ = ("_all", "_context", "_due", "_new", "_queue", "_timer")

    def __init__(self, queue: str, context: QueueContext) -> None:
        self._queue = queue
        self._context = context
        self._all: dict[str, Kept] = {}
        self._new: set[str] = set()  # not handed on yet
        self._timer: Any = None

    def all(self) -> Mapping[str, Kept]:
        """What is kept, by name."""
        return self._all

    def restore(self, label: str, kept: Kept) -> None:
        """One that is stored."""
        self._all[label] = kept

    def check_new(self, label: str, resource: str) -> None:
        """Raises: ChannelException 406 for a new name where there are too many."""
        if label not in self._all and len(self._all) >= LABELS_MAX:
            text = f"invalid arg 'x-stream-consumer-name' for {resource}: more than {LABELS_MAX} names"
            raise ChannelException(PRECONDITION_FAILED, text)

    def reached(self, label: str, number: int) -> None:
        """Everything before that number is settled; what was further already stays."""
        kept = self._all.get(label)
        if kept is not None and kept.next >= number:
            return
        self._all[label] = Kept(number, self._context.now_ms())
        self._new.add(label)
        if self._timer is None:
            self._timer = self._context.timers.add(self._context.now_ms() + STORE_MS, self._store_due)

    def forget(self, label: str) -> bool:
        """Whoever comes with that name begins anew; whether there was one."""
        if self._all.pop(label, None) is None:
            return False
        self._new.discard(label)
        self._store(label, None)
        return True

    def store(self, label: str) -> None:
        """Hands this one on at once: its consumer has ended."""
        if label in self._new:
            self._new.discard(label)
            self._store(label, self._all[label])

    def _store_due(self) -> None:
        self._timer = None
        new, self._new = self._new, set()
        for label in new:
            self._store(label, self._all[label])

    def _store(self, label: str, kept: Kept | None) -> None:
        if self._context.keep_offset is not None:
            self._context.keep_offset(self._queue, label, kept)

    def end(self) -> None:
        """The stream is gone."""
        if self._timer is not None:
            self._context.timers.cancel(self._timer)
            self._timer = None
        self._new.clear()
        for label in list(self._all):
            self.forget(label)
