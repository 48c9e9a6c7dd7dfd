"""What a held message waits for, and where it goes then: kept in front of its head in the log.

    held head   length u16 of the ticket | ticket | exchange, routing key, properties as any message has them
    ticket      reason u8 | deliveries u32 | owner i64 | expires_ms i64 | queue, short string | copies, short strings

Numbers are little-endian. Must not: decode what follows the ticket.
"""

from __future__ import annotations

from collections.abc import Sequence
from struct import Struct
from typing import Final

from protocol.commands import shortstr, text_of

DELAY: Final = 1  # x-delay, at an exchange
UNTIL: Final = 2  # x-hold-until, at an exchange
ETA: Final = 3  # the header a policy names, at a queue
RETRY: Final = 4  # refused by a consumer, at a queue
REASONS: Final = {DELAY: "delay", UNTIL: "until", ETA: "eta", RETRY: "retry"}

_FIXED: Final = Struct("<HBIqq")
_LENGTH_BYTES: Final = 2
PREFIX_BYTES_MAX: Final = _FIXED.size + 1 + 255  # as much of a head tells reason and queue


class Ticket:
    """Why a message is held, and for whom.

    `queue` is the queue it goes to, of the number `owner` (below 0: a transient one); an empty name means that it is
    routed by its exchange, with `copies` as further routing keys. Of an ETA they are the name of the header.
    `deliveries` counts those before. `expires_ms` is the expiry it had in its queue (absolute; 0: none).
    """

    __slots__ = ("copies", "deliveries", "expires_ms", "owner", "queue", "reason")

    def __init__(
        self, reason: int, queue: str = "", owner: int = 0, deliveries: int = 0, expires_ms: int = 0,
        copies: Sequence[str] = (),
    ) -> None:  # fmt: skip
        self.reason = reason
        self.queue = queue
        self.owner = owner
        self.deliveries = deliveries
        self.expires_ms = expires_ms
        self.copies = copies


def encode_ticket(ticket: Ticket) -> bytes:
    """A ticket with its length."""
    names = b"".join(map(shortstr, (ticket.queue, *ticket.copies)))
    length = _FIXED.size - _LENGTH_BYTES + len(names)
    return _FIXED.pack(length, ticket.reason, ticket.deliveries, ticket.owner, ticket.expires_ms) + names


def decode_ticket(head: bytes) -> tuple[Ticket, int]:
    """The ticket in front of a held head, and where the rest of the head begins; of one cut short, as far as it goes.

    Raises: ValueError where it is no held head.
    """
    try:
        length, reason, deliveries, owner, expires_ms = _FIXED.unpack_from(head)
    except Exception as error:
        raise ValueError("a held head is too short") from error
    names: list[str] = []
    at, end = _FIXED.size, _LENGTH_BYTES + length
    while at < min(end, len(head)):
        stop = at + 1 + head[at]
        if stop > len(head):
            break
        names.append(text_of(head[at + 1 : stop]))
        at = stop
    if not names or reason not in REASONS:
        raise ValueError("a held head is not understood")
    return Ticket(reason, names[0], owner, deliveries, expires_ms, names[1:]), end
