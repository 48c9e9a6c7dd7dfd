"""The journal's interface: numbered streams of messages in one ordered log with a durable watermark.

Last stop of the publish and settle lanes. Must not: know what a message says, or any AMQP rule.

A stream is one queue's messages (or one priority level's), numbered from 1 on without gaps. An entry appends the same
messages to one or more streams at once.

Invariants (every implementation)
1. Positions rise by order of append, starting above 0.
2. `durable` never falls, and never reaches a position whose record could still be lost.
3. `on_durable` is called with a new watermark after a commit that raised it, never from inside `append`.
4. A message is there, in its place, until it is settled or its stream is dropped; then never again.
5. What was appended and settled between `begin` and `end` outlives a crash together or not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple, Protocol, TypeVar

from mypy_extensions import mypyc_attr

from storage.status import LogStatus

LOADED_RECORDS_MAX: Final = 256  # taking apart what is small costs by the record, not by the byte
T = TypeVar("T")


class Loaded(NamedTuple):
    """A run of waiting messages as they were appended.

    `share_bytes` is what one of them takes of the log, to be given back with `settle`; `deliveries` is how often each
    may have been delivered before.
    """

    first: int
    items: list[bytes]
    head: bytes
    stamp_ms: int
    expires_ms: int
    deliveries: int
    share_bytes: int


class History(Protocol):
    """What a log still has of a stream, settled or not; read step by step, away from the loop.

    `total` messages from `since_ms` on are there, `missing` are not there any more. From `complete_from_ms` on (0: from
    the stream's first) nothing is missing.
    """

    total: int
    missing: int
    complete_from_ms: int

    def open(self) -> bool:
        """Whether everything that was appended before it was asked for is written; only then it can be prepared."""
        ...

    def prepare(self, since_ms: int) -> Iterator[None]:
        """Finds what there is; afterwards the numbers above are known. To be gone through by `submit`."""
        ...

    def runs(self) -> Iterator[list[Loaded]]:
        """The messages in order, after `prepare`. To be gone through by `submit`. Raises: OSError."""
        ...

    def submit(self, work: Callable[[], T], done: Callable[[T | BaseException], None]) -> None:
        """Does a step away from the loop."""
        ...

    def release(self) -> None:
        """Nobody reads any more."""
        ...


OnLoaded = Callable[[Sequence[Loaded], int], None]


@mypyc_attr(allow_interpreted_subclasses=True)
class Stream:
    """One numbered stream of the journal. `next` is the number the next message gets; ranges are half open.

    `in_order` is kept for whoever appends: that what expires does so in the order in which it was appended. After a
    crash nobody knows, and it is False for a stream in which something may expire.
    """

    __slots__ = ("id", "in_order", "next")

    def __init__(self, stream_id: int, next_number: int) -> None:
        self.id = stream_id
        self.next = next_number
        self.in_order = True

    def waiting(self) -> tuple[int, int, int]:
        """How many messages are not settled, about how many bytes their items have, and the number of the first."""
        raise NotImplementedError

    def may_expire(self) -> bool:
        """Whether a message that was there at the start may have an expiry."""
        raise NotImplementedError

    def settle(self, first: int, stop: int, size_bytes: int) -> None:
        """These messages are not needed any more; together they take `size_bytes` of the log (0: not known)."""
        raise NotImplementedError

    def mark_delivered(self, stop: int) -> None:
        """Everything below `stop` may have been delivered once; true after kill -9 without any commit."""
        raise NotImplementedError

    def set_deliveries(self, first: int, stop: int, deliveries: int) -> None:
        """These messages are being delivered for the `deliveries`th time."""
        raise NotImplementedError

    def load(self, first: int, size_bytes: int, on_loaded: OnLoaded) -> None:
        """Reads waiting messages from number `first` on, of those already `written`: about `size_bytes` of them, and no
        more than LOADED_RECORDS_MAX records.

        Calls back later, or at once: with runs in order, and the number from which to go on.
        """
        raise NotImplementedError

    def survey(self, first: int, size_bytes: int, head_bytes: int, on_loaded: OnLoaded) -> None:
        """As `load`, without the items, which come empty, and with the first `head_bytes` of each head.

        Nothing but the record's own header is checked against damage; `load` checks all of it.
        """
        raise NotImplementedError

    def drop(self) -> None:
        """The stream ends with all that is in it."""
        raise NotImplementedError


@mypyc_attr(allow_interpreted_subclasses=True)
class Journal:
    """One per node. `on_state` gets the new state and a text for people."""

    __slots__ = ("on_durable", "on_state")

    def __init__(self) -> None:
        self.on_durable: Callable[[int], None] = _nobody
        self.on_state: Callable[[str, str], None] = _nobody_either

    @property
    def durable(self) -> int:
        """The position up to which nothing is lost any more."""
        raise NotImplementedError

    @property
    def written(self) -> int:
        """The position up to which messages can be loaded."""
        raise NotImplementedError

    @property
    def state(self) -> str:
        """OK, FULL or FAILED."""
        raise NotImplementedError

    def stream(self, stream_id: int) -> Stream:
        """The stream of that id, with what is in it, or a new one."""
        raise NotImplementedError

    def stream_ids(self) -> list[int]:
        """The streams there are."""
        raise NotImplementedError

    def append(
        self, targets: Sequence[tuple[Stream, int]], stamp_ms: int, head: bytes, items: Sequence[bytes]
    ) -> tuple[int, int]:
        """Appends messages of equal size to streams, each with its expiry (absolute, in ms; 0: never).

        Returns: the position, and the share_bytes of each message in each stream.
        """
        raise NotImplementedError

    def begin(self) -> None:
        """What follows, up to `end`, stands or falls together."""
        raise NotImplementedError

    def end(self) -> int:
        """Ends what `begin` began; returns its position, 0 where nothing was done."""
        raise NotImplementedError

    def is_grouping(self) -> bool:
        """Whether `begin` was called, and `end` not yet."""
        raise NotImplementedError

    def commit(self, is_awaited: bool) -> None:
        """Hands on everything so far; `on_durable` tells when it is durable, soon where somebody waits for it."""
        raise NotImplementedError

    def backlog_bytes(self) -> int:
        """What was appended and is not written yet."""
        raise NotImplementedError

    def is_committing(self) -> bool:
        """Whether a commit is under way, so that what comes now waits for its end."""
        raise NotImplementedError

    def has_uncommitted(self) -> bool:
        """Whether a commit would hand anything on."""
        raise NotImplementedError

    def history(self, stream_id: int) -> History | None:  # noqa: ARG002
        """Everything that is still there of a stream, settled or not; None where nothing settled is kept.

        Its reader releases it.
        """
        return None

    def make_room(self) -> None:
        """The disk is short of room: gives back what can be given back, which costs a little."""
        raise NotImplementedError

    def status(self) -> LogStatus:
        """How it does, for people."""
        raise NotImplementedError

    def close(self) -> None:
        """Makes everything durable and ends."""
        raise NotImplementedError


def _nobody(_: int) -> None:
    return None


def _nobody_either(_: str, __: str) -> None:
    return None
