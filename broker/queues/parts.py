"""The parts that a queue may have, as the queue sees them; a plain queue has none. Must not: hold behaviour.

`factory` makes them from settings, and makes them again where a policy changes those.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import mypyc_attr

from broker.model.message import Batch, Span

# Why a message leaves a queue that nobody has taken it from; these words stand in x-death.
EXPIRED: Final = "expired"
REJECTED: Final = "rejected"
MAXLEN: Final = "maxlen"
DELIVERY_LIMIT: Final = "delivery_limit"


@mypyc_attr(allow_interpreted_subclasses=True)
class Leaving:
    """What becomes of messages that a queue does not keep."""

    __slots__ = ()

    def leave(self, span: Span, reason: str) -> None:
        """Takes messages that are neither ready nor lent any more; calls `queue.done` when they may be forgotten."""
        raise NotImplementedError

    def has_room(self) -> bool:
        """Whether it can take more now; what is too much may wait a turn."""
        raise NotImplementedError


@mypyc_attr(allow_interpreted_subclasses=True)
class Bound:
    """How much may be ready in a queue."""

    __slots__ = ()

    def enforce(self, now_ms: int) -> None:
        """Takes out of the ready list what is too much, as far as it is in memory. Called after each publish."""
        raise NotImplementedError


@mypyc_attr(allow_interpreted_subclasses=True)
class Contents:
    """Who follows what is in a queue, ready or lent."""

    __slots__ = ()

    def came(self, batch: Batch) -> None:
        """These messages are in the queue from now on, whoever brought them."""
        raise NotImplementedError

    def gone(self, span: Span) -> None:
        """These messages have left the queue for good."""
        raise NotImplementedError

    def clear(self) -> int:
        """Everything that was ready is gone; returns how much of it was known."""
        raise NotImplementedError


@mypyc_attr(allow_interpreted_subclasses=True)
class Returning:
    """What becomes of messages that come back."""

    __slots__ = ()

    def take(self, span: Span) -> bool:
        """Takes messages that were given back, their last delivery counted; False: they go back to their place."""
        raise NotImplementedError

    def refused(self, span: Span) -> bool:
        """The same for messages that a consumer gave back by itself."""
        return self.take(span)


@mypyc_attr(allow_interpreted_subclasses=True)
class Handing:
    """What is done to messages before consumers get them, and undone when they come back."""

    __slots__ = ()

    def hand(self, span: Span) -> bool:
        """Prepares messages that were delivered before, or that basic.get takes; False: it has dealt with them."""
        raise NotImplementedError

    def take_back(self, span: Span) -> None:
        """Undoes what was prepared."""
        raise NotImplementedError


class Returnings(Returning):
    """Several, asked in order."""

    __slots__ = ("_parts",)

    def __init__(self, parts: list[Returning]) -> None:
        self._parts = parts

    def take(self, span: Span) -> bool:
        """Whether one of them has taken the messages."""
        return any(part.take(span) for part in self._parts)

    def refused(self, span: Span) -> bool:
        """Whether one of them has taken the messages."""
        return any(part.refused(span) for part in self._parts)
