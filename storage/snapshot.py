"""What is known of all streams at one place of the log, so that nothing before it needs to be read for it.

Must not: know segments or files.

    payload of SNAPSHOT and CLEAN: for each stream
        stream u64, next u64, delivered u64, ranges u32, deliveries u32, flags u32, 0 u32
        ranges x start u64, ranges x stop u64        what is settled
        deliveries x (number u64, deliveries u64)    of messages delivered more than once

`flags` is 1 where a message of the stream may have an expiry, plus 2 where none expires before one that was appended
before it. Numbers are little-endian, as this code's machines are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from struct import Struct
from struct import error as struct_error
from typing import Final, NamedTuple

from storage.ranges import RangeSet

_STATE: Final = Struct("<QQQIIII")
_PAIR: Final = Struct("<QQ")
MAY_EXPIRE: Final = 1
IN_ORDER: Final = 2


class StreamState(NamedTuple):
    """One stream: the number of the next message, up to where messages may have been delivered, what is settled.

    `in_order` says that what expires does so in the order in which it was appended.
    """

    id: int
    next: int
    delivered: int
    may_expire: bool
    settled: RangeSet
    deliveries: dict[int, int]
    in_order: bool = False


def encode_states(states: Iterable[StreamState]) -> bytes:
    """The payload of a snapshot."""
    parts: list[bytes] = []
    for state in states:
        flags = (MAY_EXPIRE if state.may_expire else 0) | (IN_ORDER if state.in_order else 0)
        parts.append(
            _STATE.pack(state.id, state.next, state.delivered, len(state.settled), len(state.deliveries), flags, 0)
        )
        parts.append(state.settled.to_bytes())
        parts += [_PAIR.pack(number, count) for number, count in state.deliveries.items()]
    return b"".join(parts)


def decode_states(payload: bytes) -> Iterator[StreamState]:
    """The streams of a snapshot. Raises: ValueError for a payload that is none."""
    at = 0
    try:
        while at < len(payload):
            stream, next_, delivered, ranges, counts, flags, _ = _STATE.unpack_from(payload, at)
            at += _STATE.size
            settled = RangeSet.from_bytes(payload[at : at + ranges * 16])
            at += ranges * 16
            pairs = dict(_PAIR.iter_unpack(payload[at : at + counts * _PAIR.size]))
            at += counts * _PAIR.size
            yield StreamState(stream, next_, delivered, flags & MAY_EXPIRE != 0, settled, pairs, flags & IN_ORDER != 0)
    except struct_error as error:
        raise ValueError(f"not a snapshot: {error}") from None
