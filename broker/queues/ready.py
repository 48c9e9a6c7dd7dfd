"""What a queue needs of its ready list. Must not: hold behaviour; `paged` is the plain one, `priority` one a level."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from broker.model.message import Batch, Span
from storage.journal import Stream


class ReadyList(Protocol):
    """Where a queue's ready messages stand; priorities replace the plain one."""

    count: int
    body_bytes: int

    def append(self, span: Span) -> None:
        """Puts newly published messages at the back."""
        ...

    def take(self, count: int) -> Span | None:
        """Takes up to `count` messages of one batch from the front; None where nothing is ready in memory."""
        ...

    def next_message_bytes(self) -> int:
        """The size of the next message with its properties; 0 where none is ready in memory."""
        ...

    def put_back(self, span: Span) -> None:
        """Returns taken messages to their place."""
        ...

    def take_expired(self, now_ms: int) -> list[Span]:
        """Takes what stands in front and expired before or at `now_ms`."""
        ...

    def next_expiry_ms(self) -> int:
        """When the next message in front expires; 0 where none does."""
        ...

    def clear(self) -> list[Span]:
        """Drops everything; returns, in order, what is still to be settled."""
        ...

    def spans(self) -> Iterator[Span]:
        """Everything that is in memory, in order, left in place."""
        ...

    def stream_for(self, batch: Batch, /) -> Stream | None:
        """Where the batch's messages are journalled; None where they are not."""
        ...

    def settle(self, span: Span) -> None:
        """Taken messages are not needed any more."""
        ...

    def streams(self) -> list[Stream]:
        """Every stream that holds something of this list."""
        ...

    def paged_out(self) -> tuple[int, int]:
        """How many messages are on disk only, and the bytes of their bodies."""
        ...

    def recount(self) -> None:
        """A part of the list has loaded messages, or found some lost."""
        ...
