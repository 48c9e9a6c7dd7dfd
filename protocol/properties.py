"""A content header's property list: kept as it came, read in one pass for the few facts a broker acts on.

Must not: decode the header table before somebody asks for it.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import mypyc_attr

from protocol.constants import SYNTAX_ERROR
from protocol.errors import ConnectionException
from protocol.tables import decode_table, entry_ranges

TRANSIENT: Final = 1
PERSISTENT: Final = 2  # the delivery-mode of a message that is to survive a restart

CONTENT_TYPE: Final = 0x8000
CONTENT_ENCODING: Final = 0x4000
HEADERS: Final = 0x2000
DELIVERY_MODE: Final = 0x1000
PRIORITY: Final = 0x0800
CORRELATION_ID: Final = 0x0400
REPLY_TO: Final = 0x0200
EXPIRATION: Final = 0x0100
MESSAGE_ID: Final = 0x0080
TIMESTAMP: Final = 0x0040
TYPE: Final = 0x0020
USER_ID: Final = 0x0010
APP_ID: Final = 0x0008
CLUSTER_ID: Final = 0x0004
UNKNOWN: Final = 0x0003
_FLAGS: Final = tuple(1 << bit for bit in range(15, 1, -1))
_C: Final = ord("C")


@mypyc_attr(acyclic=True, free_list_len=1)
class Properties:
    """The property flags and list of a content header (`raw`), and what the broker reads of it.

    `hidden` is the entry `BCC` of the header table that the publisher sent: nobody gets it, but dead letters follow it.

    Spec: 2.3.5.2 (content header), 1.8 (basic class properties).
    """

    __slots__ = ("delivery_mode", "expiration", "flags", "headers_end", "headers_start", "hidden", "persistent",
                 "priority", "raw", "reply_to", "reply_to_start", "user_id")  # fmt: skip

    def __init__(self, raw: bytes, hidden: bytes = b"") -> None:
        self.raw = raw
        self.hidden = hidden
        self.flags = 0
        self.delivery_mode = 0  # 0: none given
        self.persistent = False
        self.priority = 0
        self.expiration: bytes | None = None
        self.reply_to: bytes | None = None
        self.reply_to_start = 0
        self.user_id: bytes | None = None
        self.headers_start = 0
        self.headers_end = 0
        if raw != b"\x00\x00":
            self._read(raw)

    def _read(self, raw: bytes) -> None:
        try:
            end = self._read_tail(raw, self._read_head(raw))
        except (IndexError, ValueError):
            end = -1
        if end != len(raw):
            raise ConnectionException(SYNTAX_ERROR, "malformed content header properties", 60)

    def _read_head(self, raw: bytes) -> int:
        flags = self.flags = raw[0] << 8 | raw[1]
        pos = 2
        if flags & CONTENT_TYPE:
            pos += 1 + raw[pos]
        if flags & CONTENT_ENCODING:
            pos += 1 + raw[pos]
        if flags & HEADERS:
            self.headers_start = pos
            pos += 4 + int.from_bytes(raw[pos : pos + 4], "big")
            self.headers_end = pos
        if flags & DELIVERY_MODE:
            self.delivery_mode = raw[pos]
            self.persistent = raw[pos] == PERSISTENT
            pos += 1
        if flags & PRIORITY:
            self.priority = raw[pos]
            pos += 1
        if flags & CORRELATION_ID:
            pos += 1 + raw[pos]
        if flags & REPLY_TO:
            self.reply_to_start = pos
            self.reply_to = raw[pos + 1 : pos + 1 + raw[pos]]
            pos += 1 + raw[pos]
        if flags & EXPIRATION:
            self.expiration = raw[pos + 1 : pos + 1 + raw[pos]]
            pos += 1 + raw[pos]
        return pos

    def _read_tail(self, raw: bytes, pos: int) -> int:
        flags = self.flags
        if flags & MESSAGE_ID:
            pos += 1 + raw[pos]
        if flags & TIMESTAMP:
            pos += 8
        if flags & TYPE:
            pos += 1 + raw[pos]
        if flags & USER_ID:
            self.user_id = raw[pos + 1 : pos + 1 + raw[pos]]
            pos += 1 + raw[pos]
        if flags & APP_ID:
            pos += 1 + raw[pos]
        if flags & CLUSTER_ID:
            pos += 1 + raw[pos]
        if flags & UNKNOWN:
            raise ValueError("unknown property flags")
        return pos

    def headers(self) -> dict[str, object]:
        """The header table, decoded anew at each call; empty where there is none.

        Raises: ConnectionException 502 for a malformed table.
        """
        if not self.headers_end:
            return {}
        return decode_table(self.raw, self.headers_start)

    @property
    def may_copy(self) -> bool:
        """Whether the header table might hold `CC` or `BCC`; False is certain, True is worth a decode."""
        raw = self.raw
        return self.headers_end > 0 and _C in raw and raw.find(b"CC") >= 0  # one octet is found far quicker

    @property
    def may_hold(self) -> bool:
        """Whether the header table might hold `x-hold-until`; False is certain, True is worth a decode."""
        return self.headers_end > 0 and self.raw.find(b"x-hold-until") >= 0

    def with_reply_to(self, reply_to: bytes) -> Properties:
        """The same properties with another reply-to (at most 255 bytes) in the place of the present one."""
        assert self.reply_to is not None
        assert len(reply_to) <= 255
        head, tail = self.raw[: self.reply_to_start], self.raw[self.reply_to_start + 1 + len(self.reply_to) :]
        return Properties(head + bytes([len(reply_to)]) + reply_to + tail, self.hidden)

    def hiding(self, key: str) -> Properties:
        """The same properties without one key of the header table, hidden now; the other entries keep their bytes."""
        start, end = table_entry(self.raw, self.headers_start, key.encode())
        if start == end:
            return self
        table = self.raw[self.headers_start + 4 : start] + self.raw[end : self.headers_end]
        return Properties(self.raw[: self.headers_start] + len(table).to_bytes(4, "big") + table
                          + self.raw[self.headers_end :], self.raw[start:end])  # fmt: skip


def table_entry(data: bytes, pos: int, key: bytes) -> tuple[int, int]:
    """Start and end of a key's entry (key, type, value) in the table at `pos`; an empty range where it is not there.

    Raises: ConnectionException 502 for a malformed table.
    """
    for start, end, name in entry_ranges(data, pos):
        if name == key:
            return start, end
    return pos, pos


def property_of(properties: Properties, name: str) -> bytes | None:
    """The octets of `correlation_id` or `message_id`, or the eight of `timestamp`; None where it was not given."""
    raw, flags, pos = properties.raw, properties.flags, 2
    for flag, of, size in _LAYOUT:
        if not flags & flag:
            continue
        start = pos
        if size:
            pos += size
        elif flag == HEADERS:
            pos = properties.headers_end
        else:
            start += 1
            pos = start + raw[pos]
        if of == name:
            return raw[start:pos]
    return None


# The properties up to `timestamp`, in their order: flag, name and size (0: a short string, or the table).
_LAYOUT: Final = (
    (CONTENT_TYPE, "content_type", 0),
    (CONTENT_ENCODING, "content_encoding", 0),
    (HEADERS, "headers", 0),
    (DELIVERY_MODE, "delivery_mode", 1),
    (PRIORITY, "priority", 1),
    (CORRELATION_ID, "correlation_id", 0),
    (REPLY_TO, "reply_to", 0),
    (EXPIRATION, "expiration", 0),
    (MESSAGE_ID, "message_id", 0),
    (TIMESTAMP, "timestamp", 8),
)


def list_end(data: bytes) -> int:
    """Where a property list ends that other bytes may follow. Raises: IndexError."""
    flags = data[0] << 8 | data[1]
    pos = 2
    for flag in _FLAGS:
        if not flags & flag:
            continue
        if flag == HEADERS:
            pos += 4 + int.from_bytes(data[pos : pos + 4], "big")
        elif flag in (DELIVERY_MODE, PRIORITY):
            pos += 1
        else:
            pos += 8 if flag == TIMESTAMP else 1 + data[pos]
    return pos


NO_PROPERTIES: Final = Properties(b"\x00\x00")
