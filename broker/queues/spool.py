"""Where transient messages go that memory has no room for: a log of its own, of no use after the process has ended.

It is opened when it is first needed, never synced, and emptied at the next start. Must not: hold anything durable.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from broker.model.message import Span
from broker.queues.stored import encode_head
from storage.journal import Journal, Stream
from storage.status import OK


class Spooled:
    """A span that is in the spool too; once `position` is written there, memory need not keep it."""

    __slots__ = ("number", "position", "span")

    def __init__(self, span: Span, number: int, position: int) -> None:
        self.span = span
        self.number = number
        self.position = position


class Spool:
    """The one spool of a node."""

    __slots__ = ("_journal", "_next_id", "_now_ms", "_open")

    def __init__(self, open_journal: Callable[[], Journal], now_ms: Callable[[], int]) -> None:
        self._open = open_journal
        self._now_ms = now_ms
        self._journal: Journal | None = None
        self._next_id = 1

    @property
    def written(self) -> int:
        """The position up to which spans can be loaded again."""
        return 0 if self._journal is None else self._journal.written

    def backlog_bytes(self) -> int:
        """Bytes added and not written yet."""
        return 0 if self._journal is None else self._journal.backlog_bytes()

    def stream(self) -> Stream:
        """A new stream, for one list."""
        if self._journal is None:
            self._journal = self._open()
        self._next_id += 1
        return self._journal.stream(self._next_id)

    def add(self, stream: Stream, span: Span) -> Spooled | None:
        """Writes a span to a stream, soon; None where the disk has no room."""
        number = stream.next
        position = self.append(stream, span.expires_ms, encode_head(span.batch), span.bodies())
        return Spooled(span, number, position) if position else None

    def append(self, stream: Stream, expires_ms: int, head: bytes, bodies: Sequence[bytes]) -> int:
        """Writes messages to a stream, soon; returns the position, 0 where the disk has no room."""
        journal = self._journal
        assert journal is not None, "the stream comes from here"
        if journal.state != OK:
            return 0
        return journal.append([(stream, expires_ms)], self._now_ms(), head, bodies)[0]

    def commit(self) -> None:
        """Hands on what was added."""
        if self._journal is not None:
            self._journal.commit(False)

    def close(self) -> None:
        """Ends it."""
        if self._journal is not None:
            self._journal.close()
