"""What a queue needs of its ready list. Must not: hold behaviour; `paged` is the plain one, `priority` one a level."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mypy_extensions import mypyc_attr

from broker.model.message import Batch, Span
from broker.queues.cold import Cold, Piece
from storage.journal import Loaded, Stream


@mypyc_attr(allow_interpreted_subclasses=True)
class ReadyList:
    """Where a queue's ready messages stand; priorities replace the plain one."""

    __slots__ = ("body_bytes", "count")

    def __init__(self) -> None:
        self.count = 0
        self.body_bytes = 0

    def append(self, span: Span) -> None:
        """Puts newly published messages at the back."""
        raise NotImplementedError

    def take(self, count: int) -> Span | None:
        """Takes up to `count` messages of one batch from the front; None where nothing is ready in memory."""
        raise NotImplementedError

    def pull(self, count: int) -> Span | None:
        """Takes like `take`, but for another list: nobody gets the messages, and nothing is noted of a delivery."""
        raise NotImplementedError

    def level(self) -> int:
        """The priority level whose turn it is; -1 where nothing is ready."""
        return 0 if self.count else -1

    def next_position(self) -> int:
        """The position that comes behind everything the journal has had of this list."""
        raise NotImplementedError

    def next_message_bytes(self) -> int:
        """The size of the next message with its properties; 0 where none is ready in memory."""
        raise NotImplementedError

    def put_back(self, span: Span) -> None:
        """Returns taken messages to their place."""
        raise NotImplementedError

    def take_expired(self, now_ms: int, spans_max: int) -> list[Span]:
        """Takes what stands in front and expired before or at `now_ms`, at most so many spans."""
        raise NotImplementedError

    def next_expiry_ms(self) -> int:
        """When the next message in front expires; 0 where none does."""
        raise NotImplementedError

    def clear(self) -> list[Span]:
        """Drops everything; returns, in order, what is still to be settled."""
        raise NotImplementedError

    def spans(self) -> Iterator[Span]:
        """Everything that is in memory, in order, left in place."""
        raise NotImplementedError

    def oldest(self) -> Span | None:
        """What was published first of all that is ready, left in place; None where it is not in memory."""
        raise NotImplementedError

    def stream_for(self, batch: Batch) -> Stream | None:
        """Where the batch's messages are journalled; None where they are not."""
        raise NotImplementedError

    def settle(self, span: Span) -> None:
        """Taken messages are not needed any more."""
        raise NotImplementedError

    def streams(self) -> list[Stream]:
        """Every stream that holds something of this list."""
        raise NotImplementedError

    def paged_out(self) -> tuple[int, int]:
        """How many messages are on disk only, and the bytes of their bodies."""
        raise NotImplementedError

    def pieces(self, level: int, position: int, count: int) -> list[tuple[int, Piece]]:
        """Up to `count` pieces, each with its level, from a position in a level on, left in place and in order."""
        raise NotImplementedError

    def cut(self, level: int, first: int, stop: int) -> list[Span]:
        """Takes out what is in memory of the positions `first..stop` of a level, whether it stands in front or not."""
        raise NotImplementedError

    def may_hold(self, level: int, position: int) -> bool:
        """Whether a message may wait at a position of a level: it has not been taken, or has come back."""
        raise NotImplementedError

    def level_of(self, batch: Batch) -> int:
        """The level that the batch's messages stand in; 0 where there is one only."""
        raise NotImplementedError

    def level_of_span(self, span: Span) -> int:
        """The level that messages stand in, or are about to."""
        return self.level_of(span.batch)

    def stream_of(self, span: Span) -> Stream | None:
        """Where the messages of a span that was taken from here are journalled."""
        return self.stream_for(span.batch)

    def end_position(self) -> int:
        """The position behind everything that waits."""
        return self.next_position()

    def remove(self, level: int, position: int, loaded: Span | None) -> Span | None:
        """Takes one message out, wherever it stands; None where it does not wait here (any more).

        Args: loaded is the message as it was loaded, for one that is on disk only.
        """
        raise NotImplementedError

    def present(self, level: int, cold: Cold, runs: Sequence[Loaded]) -> Sequence[Loaded]:
        """What of messages of a level that were loaded to be looked at has not been taken out."""
        raise NotImplementedError

    def withdraw(self, level: int, wanted: Span) -> list[Span]:
        """Takes the messages of a span that was found here out of a level, those that still wait.

        Whoever takes them settles them at once. `wanted` is used up: what is left of it means nothing.
        """
        raise NotImplementedError

    def recount(self) -> None:
        """A part of the list has loaded messages, or found some lost."""
        raise NotImplementedError
